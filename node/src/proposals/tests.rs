use std::sync::Arc;

use bytes::Bytes;
use history::{Entry, STATE_BYTES, Say, Session};
use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::wire::Body;

const NAMES: [&str; 4] = ["ann", "bob", "carol", "dave"];

fn peer(n: usize) -> PeerId {
    PeerId::new(Uuid::from_u128(n as u128 + 1))
}

fn name(n: usize) -> Name {
    NAMES[n].parse().unwrap()
}

fn id(n: u64) -> MessageId {
    MessageId { session: Session::new(Uuid::from_u128(9)), number: n }
}

fn open(n: u64, by: usize) -> Step {
    Step::Open { id: id(n), from: peer(by), name: name(by), text: format!("proposal {n}") }
}

fn electors(n: u64, who: &[usize]) -> Step {
    Step::Note(Note::Electors { proposal: id(n), electors: who.iter().map(|n| (peer(*n), name(*n))).collect() })
}

fn vote(n: u64, by: usize, consent: bool) -> Step {
    Step::Vote { proposal: id(n), from: peer(by), consent }
}

fn changed(n: u64, what: Change, who: usize) -> Step {
    Step::Note(Note::Changed { proposal: id(n), what, peer: peer(who), name: name(who) })
}

fn after(steps: &[Step]) -> Proposals {
    let mut proposals = Proposals::default();
    steps.iter().for_each(|step| _ = proposals.apply(step));
    proposals
}

fn outcome(steps: &[Step]) -> (ProposalState, Option<String>) {
    let proposal = after(steps).view(id(0)).unwrap();
    (proposal.state, proposal.reason)
}

fn put() -> Vec<Step> {
    vec![open(0, 0), electors(0, &[0, 1, 2])]
}

fn with(steps: &[Step]) -> Vec<Step> {
    [put(), steps.to_vec()].concat()
}

#[test]
fn the_last_missing_consent_accepts() {
    let proposal = after(&with(&[vote(0, 1, true)])).view(id(0)).unwrap();
    assert_eq!((proposal.number, proposal.state), (1, ProposalState::Open));
    assert_eq!((proposal.consents, proposal.waiting), (vec![name(0), name(1)], vec![name(2)]));
    assert_eq!(outcome(&with(&[vote(0, 1, true), vote(0, 2, true)])), (ProposalState::Accepted, None));
}

#[test]
fn the_first_rejection_rejects_whatever_follows() {
    let rejected = (ProposalState::Rejected, Some("carol rejected it".to_owned()));
    for later in [vote(0, 1, true), vote(0, 1, false), vote(0, 2, true), changed(0, Change::Left, 1)] {
        assert_eq!(outcome(&with(&[vote(0, 1, true), vote(0, 2, false), later])), rejected);
    }
    let withdrawn = outcome(&with(&[vote(0, 0, false)]));
    assert_eq!(withdrawn, (ProposalState::Rejected, Some("ann rejected it".to_owned())), "its author may withdraw it");
}

#[test]
fn a_change_of_the_members_fails_it_and_says_who() {
    for (what, told) in [(Change::Joined, "joined"), (Change::Left, "left"), (Change::Failed, "failed")] {
        let reason = format!("the number of members has changed: dave {told}");
        assert_eq!(outcome(&with(&[changed(0, what, 3)])), (ProposalState::Failed, Some(reason)));
    }
    let accepted = with(&[vote(0, 1, true), vote(0, 2, true), changed(0, Change::Left, 2)]);
    assert_eq!(outcome(&accepted).0, ProposalState::Accepted, "too late to change anything");
}

#[test]
fn a_day_without_an_outcome_fails_it() {
    let expired = Step::Note(Note::Expired { proposal: id(0) });
    let (state, reason) = outcome(&with(&[vote(0, 1, true), expired.clone()]));
    assert_eq!((state, reason.as_deref()), (ProposalState::Failed, Some("it was open for 24 hours")));
    assert_eq!(outcome(&[open(0, 0), expired]).0, ProposalState::Failed, "also one that was never put to anybody");
}

#[test]
fn votes_of_others_and_repeats_do_nothing() {
    let steps = with(&[vote(0, 3, true), vote(0, 3, false), vote(0, 1, true), vote(0, 1, true), vote(7, 2, true)]);
    let proposal = after(&steps).view(id(0)).unwrap();
    assert_eq!((proposal.state, proposal.waiting), (ProposalState::Open, vec![name(2)]));
}

#[test]
fn a_vote_before_the_electors_are_noted_counts_once_they_are() {
    let early = |votes: &[Step]| [vec![open(0, 0)], votes.to_vec(), vec![electors(0, &[0, 1, 2])]].concat();
    assert_eq!(outcome(&early(&[vote(0, 1, true), vote(0, 2, true)])).0, ProposalState::Accepted);
    assert_eq!(outcome(&early(&[vote(0, 1, true), vote(0, 1, false)])).0, ProposalState::Rejected);
    assert_eq!(outcome(&early(&[vote(0, 3, false), vote(0, 1, true)])).0, ProposalState::Open);
}

#[test]
fn a_note_that_stands_twice_is_the_first_of_them() {
    let steps = with(&[vote(0, 1, true), electors(0, &[0, 1, 2, 3]), electors(0, &[0])]);
    assert_eq!(after(&steps).view(id(0)).unwrap().waiting, [name(2)]);
    let steps = with(&[changed(0, Change::Left, 2), changed(0, Change::Joined, 3)]);
    assert!(outcome(&steps).1.unwrap().ends_with("carol left"));
}

#[test]
fn a_proposal_whose_author_is_gone_before_it_is_put_fails() {
    let (state, reason) = outcome(&[open(0, 0), electors(0, &[1, 2])]);
    assert_eq!(state, ProposalState::Failed);
    assert_eq!(reason.unwrap(), "the number of members has changed: ann left");
}

#[test]
fn whoever_is_alone_consents_to_itself() {
    assert_eq!(outcome(&[open(0, 0), electors(0, &[0])]).0, ProposalState::Accepted);
}

#[test]
fn the_seventeenth_that_is_open_fails_and_the_last_hundred_decided_are_remembered() {
    let mut proposals = Proposals::default();
    for n in 0..17 {
        proposals.apply(&open(n, 0));
    }
    assert_eq!(proposals.view(id(16)).unwrap().state, ProposalState::Failed);
    assert!(!proposals.has_room());
    for n in 17..200 {
        proposals.apply(&open(n, 0));
    }
    let numbers: Vec<_> = proposals.views().iter().map(|proposal| proposal.number).collect();
    assert_eq!(numbers, (1..=16).chain(101..=200).collect::<Vec<_>>());
}

#[test]
fn what_is_kept_fits_whatever_is_proposed_and_however_many_vote() {
    let called = |n: usize| -> Name { format!("{n}-{}", "ö".repeat(26)).parse().unwrap() };
    let crowd: Vec<_> = (0..3_000).map(|n| (peer(n), called(n))).collect();
    let mut proposals = Proposals::default();
    for n in 0..120 {
        let text = "x".repeat(if n % 3 == 0 { 65_535 } else { 900 });
        proposals.apply(&Step::Open { id: id(n), from: peer(0), name: crowd[0].1.clone(), text });
        (0..3_000).for_each(|voter| _ = proposals.apply(&vote(n, voter, true)));
        let most = [3, 500, 1_000, 3_000][n as usize % 4];
        proposals.apply(&Step::Note(Note::Electors { proposal: id(n), electors: crowd[..most].to_vec() }));
        assert!(transport::encode(&proposals).unwrap().len() <= STATE_BYTES, "after {n}");
    }
}

/// An entry of the log that says this.
fn entry(step: &Step, number: u64) -> Arc<Entry<PeerId>> {
    let (message, body) = match step.clone() {
        Step::Open { id, from, name, text } => (id, Body::Open { from, name, sent_at: Default::default(), text }),
        Step::Vote { proposal, from, consent } => {
            (self::id(1_000 + number), Body::Vote { proposal, from, name: name(0), consent })
        }
        Step::Note(note) => {
            return Arc::new(Entry::Note { tag: NOTE, body: transport::encode(&note).unwrap().into() });
        }
    };
    let body = Bytes::from(transport::encode(&body).unwrap());
    Arc::new(Entry::Line(Say { id: message, lamport: number, after: None, heads: Vec::new(), body }))
}

fn any_step() -> impl Strategy<Value = Step> {
    let (n, who) = (0..4_u64, 0..4_usize);
    prop_oneof![
        3 => (n.clone(), who.clone()).prop_map(|(n, by)| open(n, by)),
        6 => (n.clone(), who.clone(), any::<bool>()).prop_map(|(n, by, consent)| vote(n, by, consent || n == 0)),
        4 => (n.clone(), prop::sample::subsequence(vec![0, 1, 2, 3], 1..=4)).prop_map(|(n, who)| electors(n, &who)),
        1 => (n.clone(), who).prop_map(|(n, who)| changed(n, Change::Failed, who)),
        1 => n.prop_map(|n| Step::Note(Note::Expired { proposal: id(n) })),
    ]
}

/// Steps in which each proposal is opened once, as the exactly-once table has it.
fn any_log() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(any_step(), 0..40).prop_map(|steps| {
        let mut opened = Vec::new();
        let once = |step: &Step| match step {
            Step::Open { id, .. } if opened.contains(id) => false,
            Step::Open { id, .. } => {
                opened.push(*id);
                true
            }
            _ => true,
        };
        let mut once = once;
        steps.into_iter().filter(|step| once(step)).collect()
    })
}

proptest! {
    #[test]
    fn what_is_decided_stays_so(steps in any_log()) {
        let mut proposals = Proposals::default();
        for step in &steps {
            let before = proposals.views();
            proposals.apply(step);
            for was in before.into_iter().filter(|view| view.state != ProposalState::Open) {
                prop_assert_eq!(proposals.view(was.id), Some(was));
            }
        }
    }

    #[test]
    fn what_is_accepted_has_the_consent_of_all_and_no_change_of_the_members_before(steps in any_log()) {
        let mut proposals = Proposals::default();
        for (at, step) in steps.iter().enumerate() {
            let before: Vec<_> = proposals.open_ones().iter().map(Open::id).collect();
            proposals.apply(step);
            for id in before {
                let view = proposals.view(id).unwrap();
                if view.state == ProposalState::Accepted {
                    prop_assert!(view.waiting.is_empty() && !view.consents.is_empty());
                    let opened = steps.iter().position(|step| matches!(step, Step::Open { id: of, .. } if *of == id));
                    let said = &steps[opened.unwrap()..=at];
                    let ended = |step: &Step| match step {
                        Step::Note(Note::Changed { proposal, .. } | Note::Expired { proposal }) => *proposal == id,
                        _ => false,
                    };
                    prop_assert!(!said.iter().any(ended));
                }
            }
        }
    }

    #[test]
    fn a_fold_that_is_restored_or_goes_back_is_the_fold_of_what_stands(
        steps in any_log(),
        (cut, kept, trimmed) in (0..40_usize, 0..40_usize, 0..40_usize),
    ) {
        let entries: Vec<_> = steps.iter().zip(0..).map(|(step, n)| entry(step, n)).collect();
        let (cut, kept) = (cut.min(entries.len()), kept.min(entries.len()));
        let trimmed = trimmed.min(cut);
        let mut fold = Fold::default();
        let mut restored = Fold::default();
        for (at, entry) in (1..).zip(&entries) {
            fold.decide(at, entry, true);
            if at as usize == kept {
                restored.restore(at, &fold.kept());
            } else if at as usize > kept {
                restored.decide(at, entry, true);
            }
        }
        if kept > 0 {
            prop_assert_eq!(restored.proposals(), &after(&steps));
        }
        fold.trim(trimmed as u64);
        for place in (cut + 1..=entries.len()).rev() {
            fold.undecide(place as u64);
        }
        fold.refold();
        prop_assert_eq!(fold.proposals(), &after(&steps[..cut]));
        for (at, entry) in (cut as u64 + 1..).zip(&entries[cut..]) {
            fold.decide(at, entry, true);
        }
        prop_assert_eq!(fold.proposals(), &after(&steps));
        fold.decide(1, &entry(&open(0, 0), 0), true);
        prop_assert_eq!(fold.proposals(), &after(&[open(0, 0)]), "a log that begins anew");
    }
}
