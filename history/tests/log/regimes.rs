//! What becomes of confirmed places where histories fork or meet.

use std::time::Duration;

use history::{Ballot, Log, LogConfig, LogMessage, Regime};

use crate::sim::Sim;
use crate::start;

const SECOND: Duration = Duration::from_secs(1);

fn settled(size: u8) -> Sim {
    let mut sim = Sim::new(7, size, LogConfig::default());
    sim.pass(15 * SECOND);
    sim
}

fn decided(sim: &Sim, id: u8) -> u64 {
    sim.log(id).map_or(0, |log| log.decided())
}

fn regime(sim: &Sim, id: u8) -> Option<Regime<u8>> {
    sim.log(id).and_then(|log| log.regime())
}

fn until(sim: &mut Sim, holds: impl Fn(&Sim) -> bool) {
    for _ in 0..2_000 {
        if holds(sim) {
            return;
        }
        sim.step();
    }
    panic!("it does not come to pass");
}

/// A takeover that `by` begins and gives up: `to` alone has heard of it, and promises.
fn dead_takeover(sim: &mut Sim, by: u8, to: u8) -> Ballot<u8> {
    let log = sim.log(by).expect("it is up");
    let regime = log.regime().expect("it has a log");
    let ballot = Ballot { regime: regime.taken_over(by), round: 1, peer: by };
    let prepare = LogMessage::Prepare {
        ballot,
        person: true,
        chain: Some(regime),
        regime: Some(regime),
        config_index: log.config().map_or(0, |(at, _)| at),
        decided: log.decided(),
        len: log.accepted_len(),
        accepted: log.accepted(),
    };
    sim.deliver(by, to, prepare);
    assert_eq!(sim.log(to).and_then(|log| log.promised()), Some(ballot));
    ballot
}

/// The first leader gets no further than its own log; then the others are cut off from it, and are a quorum without it.
#[test]
fn a_promise_to_a_takeover_that_was_given_up_lets_no_two_sides_confirm_a_place() {
    fn keep_to_oneself(from: u8, message: &mut LogMessage<u8>) -> bool {
        use LogMessage::{Accept, Beat, Learn, Status, Sync};
        from != 0 || !matches!(message, Sync { .. } | Beat { .. } | Learn { .. } | Accept { .. } | Status(_))
    }
    let mut sim = settled(5);
    let ballot = dead_takeover(&mut sim, 4, 1);
    sim.cut(&[0, 0, 0, 1, 1]);
    until(&mut sim, |sim| sim.log(0).and_then(|log| log.promised()) > Some(ballot));
    sim.tamper.message = Some(keep_to_oneself);
    until(&mut sim, |sim| sim.log(0).and_then(|log| log.established()) > Some(ballot));
    sim.cut(&[0, 0, 1, 1, 1]);
    sim.tamper.message = None;
    let before = decided(&sim, 2);
    sim.say(1, 3);
    sim.pass(4 * SECOND);
    assert!(decided(&sim, 2) > before, "three of five confirm");
    assert_eq!(decided(&sim, 0), before, "the other two do not");
    sim.heal();
    sim.pass(15 * SECOND);
    sim.assert_converged("met again");
    assert_eq!((sim.check.broken.take(), sim.check.seen.taken_back), (None, 0));
}

/// A follower hears what is decided in a history of which it has not accepted the fork. What it had acknowledged is decided.
#[test]
fn whoever_learns_of_a_takeover_before_it_has_it_keeps_what_it_acknowledged() {
    fn no_sync(from: u8, message: &mut LogMessage<u8>) -> bool {
        !(from == 0 && matches!(message, LogMessage::Sync { .. }) || from == 1)
    }
    let mut sim = settled(3);
    sim.cut(&[1, 0, 0]);
    sim.pass(3 * SECOND);
    let before = decided(&sim, 1);
    sim.say(1, 1);
    until(&mut sim, |sim| decided(sim, 1) > before);
    // What says that it is decided is lost.
    sim.cut(&[0, 1, 0]);
    sim.tamper.message = Some(no_sync);
    dead_takeover(&mut sim, 1, 2);
    sim.slow_disk(0, 20_000);
    sim.pass(3 * SECOND);
    sim.cut(&[1, 0, 0]);
    sim.tamper.message = None;
    sim.say(1, 3);
    sim.pass(40 * SECOND);
    assert!(decided(&sim, 1) > before + 1, "two of three confirm");
    sim.heal();
    sim.pass(15 * SECOND);
    sim.assert_converged("met again");
    assert_eq!((sim.check.broken.take(), sim.check.seen.taken_back), (None, 0));
}

/// The side that stands has the shorter log.
#[test]
fn no_place_is_taken_back_but_those_behind_the_fork() {
    let mut sim = settled(4);
    sim.say(1, 30);
    sim.pass(2 * SECOND);
    let fork = decided(&sim, 3);
    sim.cut(&[0, 0, 1, 1]);
    sim.pass(10 * SECOND);
    sim.say(1, 200);
    sim.pass(5 * SECOND);
    let now = sim.now;
    let longer = decided(&sim, 1);
    assert_eq!(sim.log_mut(2).map(|log| log.takeover(&[0, 1], now)), Some(true));
    sim.pass(100 * Duration::from_millis(1));
    assert!(fork <= decided(&sim, 2) && decided(&sim, 2) < longer);
    sim.heal();
    sim.pass(20 * SECOND);
    sim.assert_converged("met again");
    assert_eq!(sim.check.broken, None);
    assert_eq!(u64::from(sim.check.seen.taken_back), 2 * (longer - fork), "at two members");
}

/// Two groups that were founded apart: 0, 1 and 2; then 3 and 4. What they say they have in common, as if said through both.
fn two_groups() -> Sim {
    let mut sim = Sim::founded_by(&[0, 3], 7, 5, LogConfig::default());
    sim.cut(&[0, 0, 0, 1, 1]);
    sim.say(1, 5);
    sim.pass(15 * SECOND);
    assert_ne!(regime(&sim, 0), regime(&sim, 3));
    sim
}

#[test]
fn a_sleeper_of_a_dead_group_follows_a_healthy_one() {
    let mut sim = two_groups();
    sim.crash(0);
    sim.crash(1);
    let stands = regime(&sim, 3);
    let before = decided(&sim, 3);
    // It has the lowest id, and would lead.
    sim.cut(&[0; 5]);
    sim.say(2, 1);
    sim.pass(SECOND);
    assert!(decided(&sim, 3) > before, "the healthy two go on at once");
    sim.pass(5 * SECOND);
    sim.assert_converged("it woke up");
    assert_eq!(regime(&sim, 2), stands);
    assert_eq!(sim.check.broken, None);
}

#[test]
fn of_two_healthy_groups_the_larger_stands_and_the_other_follows() {
    let mut sim = two_groups();
    let stands = regime(&sim, 0);
    sim.cut(&[0; 5]);
    sim.say(2, 3);
    sim.pass(5 * SECOND);
    sim.assert_converged("met");
    assert_eq!(regime(&sim, 4), stands);
    assert_eq!(sim.check.broken, None);
}

#[test]
fn where_neither_has_a_quorum_nobody_gives_up_what_is_confirmed() {
    let mut sim = two_groups();
    for id in [0, 1, 4] {
        sim.crash(id);
    }
    // The other of two is not gone for long enough to go on without it.
    sim.cut(&[0; 5]);
    let before = [2, 3].map(|id| (regime(&sim, id), decided(&sim, id)));
    sim.pass(Duration::from_millis(200));
    assert_eq!([2, 3].map(|id| (regime(&sim, id), decided(&sim, id))), before);
    sim.restart(0);
    sim.restart(1);
    sim.pass(10 * SECOND);
    sim.assert_converged("two of three are back");
    assert_eq!(regime(&sim, 3), before[0].0);
    assert_eq!(sim.check.broken, None);
}

/// A member of a quorum that is away for a moment is not led astray by a group of one.
#[test]
fn a_history_is_not_given_up_while_its_voters_may_come_back() {
    let mut sim = Sim::founded_by(&[0, 2], 7, 3, LogConfig::default());
    sim.cut(&[0, 0, 1]);
    sim.say(1, 5);
    sim.pass(15 * SECOND);
    let (stands, alone) = (regime(&sim, 0), regime(&sim, 2));
    // 0 is out of reach for two seconds, in which 1 meets the other.
    sim.cut(&[0, 1, 1]);
    sim.pass(2 * SECOND);
    assert_eq!((regime(&sim, 1), regime(&sim, 2)), (stands, alone));
    sim.cut(&[0; 3]);
    sim.pass(5 * SECOND);
    sim.assert_converged("all three");
    assert_eq!(regime(&sim, 2), stands);
    assert_eq!(sim.check.broken, None);
}

/// It went over to another history, and its first group's other voters come back without it.
#[test]
fn whoever_gave_its_history_up_counts_for_it_no_more() {
    for away in [1, 6, 60] {
        let mut sim = Sim::founded_by(&[0, 3], 7 + away, 5, LogConfig::default());
        sim.cut(&[0, 0, 0, 1, 1]);
        sim.say(1, 5);
        sim.pass(15 * SECOND);
        sim.cut(&[0, 0, 1, 1, 1]);
        sim.say(2, 2);
        sim.pass(u32::try_from(away).expect("a few") * SECOND);
        sim.cut(&[0; 5]);
        sim.say(2, 2);
        sim.pass(15 * SECOND);
        sim.assert_converged("the others returned");
        assert_eq!(sim.check.broken, None, "after {away} s");
    }
}

#[test]
fn a_ballot_is_above_all_that_anybody_in_reach_has_seen() {
    let mut sim = two_groups();
    for _ in 0..4 {
        // The leader of the smaller group changes, and each takes a greater ballot.
        sim.crash(3);
        sim.pass(SECOND);
        sim.restart(3);
        sim.pass(SECOND);
    }
    let seen = (3..5).filter_map(|id| sim.log(id).and_then(|log| log.promised())).max();
    sim.cut(&[0; 5]);
    sim.pass(3 * SECOND);
    let established = sim.log(0).and_then(|log| log.established());
    assert!(established > seen, "{established:?} after {seen:?}");
}

/// The election has not told either of the other yet.
#[test]
fn two_leaders_of_two_histories_do_not_answer_each_other_without_end() {
    let now = start();
    let mut logs = [0_u8, 1].map(|id| Log::found(id, LogConfig::default(), now));
    for (id, log) in (0_u8..).zip(&mut logs) {
        log.handle_leader(Some(id), now);
    }
    for (id, log) in (0_u8..).zip(&mut logs) {
        log.handle_reachable(1 - id, now);
    }
    let mut sent = 0;
    loop {
        for log in &mut logs {
            while let Some(write) = log.poll_write() {
                log.handle_written(write.ticket, now);
            }
        }
        let next = (0_u8..).zip(&mut logs).find_map(|(id, log)| Some((id, log.poll_transmit()?)));
        let Some((from, transmit)) = next else {
            break;
        };
        sent += 1;
        assert!(sent < 100, "it never ends");
        for to in transmit.to {
            logs[usize::from(to)].handle_message(from, transmit.message.clone(), now);
        }
    }
}

/// Its own quorum is gone, and that of the history before is here.
#[test]
fn whoever_took_over_goes_back_to_a_quorum_of_the_history_before() {
    let mut sim = settled(4);
    let before = regime(&sim, 0);
    sim.cut(&[0, 1, 1, 0]);
    sim.pass(SECOND);
    let now = sim.now;
    assert_eq!(sim.log_mut(1).map(|log| log.takeover(&[0, 3], now)), Some(true));
    sim.pass(SECOND);
    assert_ne!(regime(&sim, 2), before);
    sim.cut(&[0, 1, 0, 0]);
    sim.pass(20 * SECOND);
    assert_eq!((regime(&sim, 2), decided(&sim, 2)), (before, decided(&sim, 0)));
    assert_eq!(sim.check.broken, None);
}

/// It says a greater ballot than that of the history in which somebody takes over, and has nothing of that.
#[test]
fn a_takeover_beside_a_member_of_another_history_needs_no_vote_of_it() {
    let mut sim = Sim::founded_by(&[0, 2], 7, 5, LogConfig::default());
    sim.cut(&[0, 0, 1, 1, 0]);
    sim.say(1, 5);
    sim.pass(15 * SECOND);
    sim.crash(1);
    sim.crash(4);
    // 0 is of a dead group. In reach is one of two voters of another.
    sim.cut(&[0, 0, 1, 0, 0]);
    sim.pass(SECOND);
    let (now, before) = (sim.now, regime(&sim, 0));
    assert_eq!(sim.log_mut(0).map(|log| log.takeover(&[1, 4], now)), Some(true));
    sim.pass(5 * SECOND);
    assert!(regime(&sim, 0) > before, "it is decided");
    sim.cut(&[0; 5]);
    sim.pass(10 * SECOND);
    assert_eq!((regime(&sim, 0), regime(&sim, 2)), (regime(&sim, 3), regime(&sim, 3)));
    assert_eq!(sim.check.broken, None);
}

/// The other voter of the takeover went back to the history before, whose quorum goes on there.
#[test]
fn half_of_a_takeover_with_the_tie_breaker_stands_when_all_meet() {
    let mut sim = settled(4);
    sim.cut(&[0, 1, 1, 0]);
    sim.pass(SECOND);
    let now = sim.now;
    assert_eq!(sim.log_mut(1).map(|log| log.takeover(&[0, 3], now)), Some(true));
    sim.pass(SECOND);
    sim.crash(1);
    sim.cut(&[0; 4]);
    sim.pass(20 * SECOND);
    assert_eq!(regime(&sim, 2), regime(&sim, 0));
    sim.restart(1);
    let stands = regime(&sim, 1);
    sim.pass(10 * SECOND);
    sim.assert_converged("met");
    assert_eq!((regime(&sim, 0), sim.check.broken.take()), (stands, None));
}

/// What it said before the other had met it was lost on that one.
#[test]
fn whoever_hears_of_another_history_says_what_it_holds_once() {
    let now = crate::start();
    let mut logs = [0, 1].map(|id: u8| history::Log::found(id, LogConfig::default(), now));
    for log in &mut logs {
        // A founder has its log once it leads.
        log.handle_leader(Some(log.me()), now);
        while let Some(write) = log.poll_write() {
            log.handle_written(write.ticket, now);
        }
    }
    let [mut log, other] = logs;
    log.handle_leader(None, now);
    log.handle_reachable(1, now);
    let answers = |log: &mut history::Log<u8>| {
        let sent = std::iter::from_fn(|| log.poll_transmit());
        sent.filter(|sent| matches!(sent.message, LogMessage::Status(_))).count()
    };
    answers(&mut log);
    log.handle_message(1, LogMessage::Status(other.standing()), now);
    assert_eq!(answers(&mut log), 1);
    log.handle_message(1, LogMessage::Status(other.standing()), now);
    assert_eq!(answers(&mut log), 0);
}
