//! One peer under whatever input: it stays within its promises, whatever the others send.

use std::time::{Duration, Instant};

use election::{Bully, Config, Epoch, Event, Message, Rank};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::sim::start;

type Id = u8;

const ME: Id = 0;

/// More than a peer ever has reason to send at one input to the eight others there are.
const SENT_AT_ONCE_MAX: usize = 24;

#[derive(Clone, Debug)]
enum Input {
    Founded(Rank<Id>),
    Admitted(Rank<Id>, Option<Epoch<Id>>),
    Members(Vec<Rank<Id>>),
    Reachable(Id),
    Unreachable(Id),
    Link(Id, bool),
    Message(Id, Message<Id>),
    Timeout,
    Fit(bool),
    CaughtUp(bool),
    Leave,
}

proptest! {
    #[test]
    fn no_input_turns_an_epoch_back_or_makes_a_peer_lead_anothers(
        steps in vec((input(), 0u64..1_500), 1..120)
    ) {
        let mut now = start();
        let mut peer = Bully::new(ME, Config::default(), now);
        for (input, wait) in steps {
            now += Duration::from_millis(wait);
            let before = peer.epoch();
            give(&mut peer, input, now);
            prop_assert!(peer.epoch() >= before);
            if peer.is_leader() {
                prop_assert_eq!(peer.epoch().map(|epoch| epoch.leader), Some(ME));
            }
            prop_assert!(peer.poll_timeout().is_none_or(|deadline| deadline >= now));
            prop_assert!(std::iter::from_fn(|| peer.poll_transmit()).count() <= SENT_AT_ONCE_MAX);
            let events: Vec<_> = std::iter::from_fn(|| peer.poll_event()).collect();
            if let Some(Event::Leader { leader, epoch, .. }) = events.last() {
                prop_assert_eq!((*leader, *epoch), (peer.leader(), peer.epoch()));
            }
        }
    }

    #[test]
    fn a_timer_called_early_changes_nothing_in_any_state(
        steps in vec((input(), 0u64..1_500), 1..60)
    ) {
        let mut now = start();
        let mut peer = Bully::new(ME, Config::default(), now);
        for (input, wait) in steps {
            now += Duration::from_millis(wait);
            give(&mut peer, input, now);
            if peer.poll_timeout().is_some_and(|deadline| deadline > now) {
                let before = peer.clone();
                peer.handle_timeout(now);
                prop_assert_eq!(&peer, &before);
            }
        }
    }

    #[test]
    fn ranks_are_totally_ordered_and_only_a_peer_equals_itself(
        one in rank(), other in rank(), third in rank()
    ) {
        prop_assert_eq!(one == other, one.cmp(&other).is_eq());
        prop_assert_eq!(one.cmp(&other), other.cmp(&one).reverse());
        if one <= other && other <= third {
            prop_assert!(one <= third);
        }
    }
}

fn give(peer: &mut Bully<Id>, input: Input, now: Instant) {
    match input {
        Input::Founded(rank) => peer.handle_founded(rank, now),
        Input::Admitted(rank, epoch) => peer.handle_admitted(rank, epoch, now),
        Input::Members(ranks) => peer.handle_members(&ranks, now),
        Input::Reachable(other) => peer.handle_reachable(other, now),
        Input::Unreachable(other) => peer.handle_unreachable(other, now),
        Input::Link(other, true) => peer.handle_link_restored(other, now),
        Input::Link(other, false) => peer.handle_link_lost(other, now),
        Input::Message(from, message) => peer.handle_message(from, message, now),
        Input::Timeout => peer.handle_timeout(now),
        Input::Fit(fit) => peer.handle_fit(fit, now),
        Input::CaughtUp(caught_up) => peer.handle_caught_up(caught_up, now),
        Input::Leave => peer.handle_leave(now),
    }
}

fn input() -> impl Strategy<Value = Input> {
    let own = rank().prop_map(|rank| Rank { peer: ME, ..rank });
    prop_oneof![
        1 => own.clone().prop_map(Input::Founded),
        2 => (own, proptest::option::of(epoch())).prop_map(|(rank, epoch)| Input::Admitted(rank, epoch)),
        2 => vec(rank(), 0..9).prop_map(Input::Members),
        6 => id().prop_map(Input::Reachable),
        2 => id().prop_map(Input::Unreachable),
        2 => (id(), any::<bool>()).prop_map(|(other, up)| Input::Link(other, up)),
        16 => message(),
        12 => Just(Input::Timeout),
        2 => any::<bool>().prop_map(Input::Fit),
        2 => any::<bool>().prop_map(Input::CaughtUp),
        1 => Just(Input::Leave),
    ]
}

/// Mostly what a peer would send, sometimes under another's name.
fn message() -> impl Strategy<Value = Input> {
    let age = (0u64..2_000).prop_map(Duration::from_millis);
    let kind = prop_oneof![
        (rank(), any::<bool>()).prop_map(|(rank, take_over)| (rank.peer, Message::Election { rank, take_over })),
        (rank(), epoch(), any::<bool>(), age).prop_map(|(rank, epoch, hears, age)| {
            let leader = hears.then_some(epoch.leader);
            let epoch = Some(epoch);
            (rank.peer, Message::Answer { rank, leader, epoch, age })
        }),
        (rank(), epoch()).prop_map(|(rank, epoch)| {
            let epoch = Epoch { leader: rank.peer, ..epoch };
            (rank.peer, Message::Coordinator { epoch, rank })
        }),
        (rank(), epoch(), 0..9u32).prop_map(|(rank, epoch, weight)| {
            let epoch = Epoch { leader: rank.peer, ..epoch };
            (rank.peer, Message::Heartbeat { epoch, rank, weight, sequence: 0 })
        }),
        (id(), epoch()).prop_map(|(from, epoch)| (from, Message::Yield { epoch })),
    ];
    (kind, 0..20u8, id())
        .prop_map(|((from, message), chance, other)| Input::Message(if chance == 0 { other } else { from }, message))
}

fn rank() -> impl Strategy<Value = Rank<Id>> + Clone {
    (0..3u16, 0..9u64, id()).prop_map(|(priority, seniority, peer)| Rank { priority, seniority, peer })
}

fn epoch() -> impl Strategy<Value = Epoch<Id>> {
    let counter = prop_oneof![30 => 0..40u64, 1 => Just(u64::MAX)];
    (counter, id()).prop_map(|(counter, leader)| Epoch { counter, leader })
}

fn id() -> impl Strategy<Value = Id> + Clone {
    ME..9
}
