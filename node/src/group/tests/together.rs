//! What is asked of the leader and decided by all, one statement a test.

use super::*;
use crate::api::{AskError, CalcError, VoteError};
use crate::proposals::{OPEN_FOR, Proposal};

impl Net {
    fn command(&mut self, id: PeerId, command: impl FnOnce(&mut Group, Now)) {
        let now = self.now;
        command(&mut self.minds.get_mut(&id).unwrap().group, now);
        self.run_outputs(id);
    }

    fn propose(&mut self, id: PeerId) -> MessageId {
        self.command(id, |group, now| group.propose(1, "tea?".into(), now));
        self.run(200);
        self.proposal(id).id
    }

    fn vote(&mut self, id: PeerId, proposal: MessageId, consent: bool) {
        self.command(id, |group, now| group.vote(2, proposal, consent, now));
        self.run(200);
    }

    /// The last that a member knows.
    fn proposal(&self, id: PeerId) -> Proposal {
        self.minds[&id].group.proposals().last().cloned().expect("something was proposed")
    }

    fn tasks(&self, id: PeerId) -> Vec<Task> {
        let tasks = self.minds[&id].outputs.iter().filter_map(|output| match output {
            Output::Execute(task) => Some(task.clone()),
            _ => None,
        });
        tasks.collect()
    }

    fn answers(&self, id: PeerId) -> Vec<Result<Bytes, AskError>> {
        let answers = self.minds[&id].outputs.iter().filter_map(|output| match output {
            Output::Requested(_, answer) => Some(answer.clone()),
            _ => None,
        });
        answers.collect()
    }

    fn do_it(&mut self, leader: PeerId, task: &Task) {
        let (from, id) = (task.from, task.id);
        self.command(leader, |group, now| group.handle_done(from, id, Done::Answer("done".into()), now));
        self.run(50);
    }
}

fn job(group: &mut Group, now: Now) {
    group.request(7, "job".into(), Bytes::from_static(b"x"), now);
}

#[test]
fn a_proposal_without_an_outcome_expires_after_a_day_and_not_before() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob"]);
    let id = net.propose(ids[1]);
    let day = |net: &mut Net, part: Duration| {
        // The clocks of all go on at once, which nobody takes for being stopped if it is looked at often enough.
        let end = net.now.instant + part;
        while net.now.instant < end {
            net.now.instant += Duration::from_millis(200);
            for mind in ids.iter().copied() {
                net.command(mind, Group::handle_timeout);
            }
            net.deliver();
        }
    };
    day(&mut net, OPEN_FOR - Duration::from_secs(5));
    assert_eq!(net.proposal(ids[0]).state, ProposalState::Open);
    day(&mut net, Duration::from_secs(10));
    for mind in &ids {
        let proposal = net.proposal(*mind);
        assert_eq!((proposal.id, proposal.state), (id, ProposalState::Failed));
        assert_eq!(proposal.reason.as_deref(), Some("it was open for 24 hours"));
    }
}

#[test]
fn what_one_leader_did_not_note_the_next_one_does() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol", "dave"]);
    net.run(5_000);
    let id = net.propose(ids[2]);
    net.kill(ids[0], Unreachable::Gone);
    net.run(3_000);
    for mind in &ids[1..] {
        let proposal = net.proposal(*mind);
        assert_eq!((proposal.id, proposal.state), (id, ProposalState::Failed));
        assert_eq!(proposal.reason.as_deref(), Some("the number of members has changed: alice failed"));
    }
}

#[test]
fn who_joins_in_the_moment_of_a_succession_fails_what_waits_for_its_last_vote() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol"]);
    net.run(5_000);
    let id = net.propose(ids[1]);
    net.vote(ids[0], id, true);
    let dave = net.start("dave", 0, &ids[1..2]);
    net.command(ids[2], |group, now| group.vote(2, id, true, now));
    net.run(3_000);
    let proposal = net.proposal(ids[1]);
    let told = net.told(ids[1], |event| matches!(event, Event::Proposal(_)));
    assert!(proposal.state != ProposalState::Open && told >= 3);
    assert_eq!(net.proposal(dave), proposal, "whichever was first, it is the same for all");
}

#[test]
fn where_groups_meet_what_the_one_that_gives_way_decided_is_taken_back_and_said_to_be() {
    let mut net = Net::new();
    let ours = net.founder_and(&["bob"]);
    let theirs = net.start("carol", 0, &[]);
    let dave = net.start("dave", 0, &[theirs]);
    net.run(3_000);
    let groups = [[ours[0], ours[1]], [theirs, dave]];
    let accepted = groups.map(|[founder, other]| {
        let id = net.propose(founder);
        net.vote(other, id, true);
        assert_eq!(net.proposal(other).state, ProposalState::Accepted);
        id
    });
    net.minds.get_mut(&theirs).unwrap().dials.insert(ours[0]);
    net.run(20_000);
    let now = net.minds[&dave].group.proposals();
    assert_eq!(now.len(), 2);
    let taken_back: Vec<_> = accepted.into_iter().zip(groups).collect();
    let mut given_way = 0;
    for (id, group) in taken_back {
        let stands = now.iter().any(|proposal| proposal.id == id && proposal.state == ProposalState::Accepted);
        given_way += usize::from(!stands);
        for mind in groups.iter().flatten() {
            assert_eq!(net.minds[mind].group.proposals(), now, "all have the same");
            let is_it = |event: &Event| matches!(event, Event::Proposal(proposal) if proposal.id == id && proposal.was == Some(ProposalState::Accepted));
            assert_eq!(net.told(*mind, is_it), usize::from(!stands && group.contains(mind)), "{mind}");
        }
    }
    assert_eq!(given_way, 1, "one of the two histories stands");
}

#[test]
fn where_groups_meet_missing_voters_have_the_names_they_asked_for() {
    let mut net = Net::new();
    let ours = net.founder_and(&["bob", "carol"]);
    let theirs = net.start("dave", 0, &[]);
    net.start("erin", 0, &[theirs]);
    net.run(5_000);
    net.kill(ours[1], Unreachable::Silent);
    net.start("zed", 0, &[ours[0], theirs]);
    net.run(20_000);
    for mind in net.minds.values() {
        for event in &mind.events {
            let Event::Quorum { missing, .. } = event else { continue };
            assert!(!missing.iter().any(|name| name.as_str().starts_with("peer-")), "{missing:?}");
        }
    }
}

#[test]
fn a_vote_waits_a_moment_for_a_proposal_that_is_not_known_yet() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob"]);
    let voted = |net: &Net, request: u64| {
        net.minds[&ids[1]].outputs.iter().find_map(|output| match output {
            Output::Voted(of, outcome) if *of == request => Some(outcome.clone()),
            _ => None,
        })
    };
    net.say(ids[0], "something");
    net.run(200);
    let said = net.minds[&ids[1]].events.iter().find_map(|event| match event {
        Event::Message(message) => Some(message.id),
        _ => None,
    });
    let id = said.map(|said| MessageId { number: said.number + 1, ..said }).expect("it was heard");
    // What bob is asked to vote on has not come to him.
    net.command(ids[0], |group, now| group.propose(1, "tea?".into(), now));
    net.command(ids[1], |group, now| group.vote(7, id, true, now));
    let nothing = MessageId { session: id.session, number: 999 };
    net.command(ids[1], |group, now| group.vote(8, nothing, true, now));
    net.run(500);
    assert_eq!((voted(&net, 7), voted(&net, 8)), (Some(Ok(ProposalState::Accepted)), None));
    net.run(1_000);
    assert_eq!(voted(&net, 8), Some(Err(VoteError::UnknownProposal(nothing))));
}

#[test]
fn everybody_is_told_the_same_and_the_voters_how_it_stands() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol"]);
    let id = net.propose(ids[0]);
    net.vote(ids[1], id, true);
    net.vote(ids[2], id, true);
    let states = |mind: &PeerId| -> Vec<_> {
        let events = net.minds[mind].events.iter().filter_map(|event| match event {
            Event::Proposal(proposal) => Some((proposal.state, proposal.consents.len(), proposal.waiting.len())),
            _ => None,
        });
        events.collect()
    };
    use ProposalState::{Accepted, Open};
    for mind in &ids {
        assert_eq!(states(mind), [(Open, 1, 2), (Open, 2, 1), (Accepted, 3, 0)]);
    }
    let voted = |mind: &PeerId| {
        net.minds[mind].outputs.iter().find_map(|output| match output {
            Output::Voted(2, state) => Some(state.clone()),
            _ => None,
        })
    };
    assert_eq!([voted(&ids[1]), voted(&ids[2])], [Some(Ok(Open)), Some(Ok(Accepted))]);
}

#[test]
fn a_request_that_comes_again_is_not_a_second_run() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob"]);
    net.run(2_000);
    net.command(ids[1], job);
    net.run(50);
    let tasks = net.tasks(ids[0]);
    assert_eq!((tasks.len(), &*tasks[0].name, tasks[0].from), (1, "job", ids[1]));
    assert_eq!(Some(tasks[0].ballot), net.minds[&ids[0]].group.history().log().established());
    let again =
        Message::Request(7, crate::wire::Request::Named { name: "job".into(), bytes: Bytes::from_static(b"x") });
    let again = Bytes::from(again.to_frame().unwrap());
    net.command(ids[0], |group, now| group.handle_frames(ids[1], vec![again.clone()], now));
    net.do_it(ids[0], &tasks[0]);
    net.command(ids[0], |group, now| group.handle_frames(ids[1], vec![again], now));
    net.run(50);
    assert_eq!(net.tasks(ids[0]).len(), 1);
    assert_eq!(net.answers(ids[1]), [Ok(Bytes::from_static(b"done"))], "one answer, whoever says it how often");
}

#[test]
fn a_request_that_its_leader_takes_with_it_is_done_by_the_next() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol"]);
    net.run(5_000);
    net.command(ids[2], job);
    net.run(50);
    assert_eq!(net.tasks(ids[0]).len(), 1);
    net.kill(ids[0], Unreachable::Gone);
    net.run(1_500);
    let tasks = net.tasks(ids[1]);
    assert_eq!(tasks.len(), 1, "once the next has a quorum");
    net.do_it(ids[1], &tasks[0]);
    assert_eq!(net.answers(ids[2]), [Ok(Bytes::from_static(b"done"))]);
}

#[test]
fn without_a_quorum_no_job_is_done_but_sums_are() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob", "carol"]);
    net.run(5_000);
    net.split(&ids[..1], &ids[1..]);
    net.run(1_000);
    net.command(ids[0], job);
    net.command(ids[0], |group, now| group.calc(8, "2*(3+4)".into(), now));
    net.run(5_500);
    assert_eq!(net.tasks(ids[0]), []);
    assert_eq!(net.answers(ids[0]), [Err(AskError::NoQuorum)]);
    let value = net.minds[&ids[0]].outputs.iter().find_map(|output| match output {
        Output::Calculated(8, value) => Some(value.clone()),
        _ => None,
    });
    assert_eq!(value, Some(Ok(14.0)));
}

#[test]
fn a_sum_that_is_none_is_refused_by_whoever_notices_first() {
    let mut net = Net::new();
    let ids = net.founder_and(&["bob"]);
    for (number, expression) in [(1, "1/0".to_owned()), (2, "1".repeat(2_000))] {
        net.command(ids[1], |group, now| group.calc(number, expression, now));
    }
    net.run(100);
    let refused = net.minds[&ids[1]]
        .outputs
        .iter()
        .filter(|output| matches!(output, Output::Calculated(_, Err(CalcError::Expression(_)))));
    assert_eq!(refused.count(), 2);
}
