//! What forged stories are made of, to break each rule with.

use std::collections::BTreeSet;

use std::time::Instant;

use election::{Epoch, Rank};
use history::{Ballot, Config, Entry, Regime, RunningHash, Session};
use node::MessageId;
use transport::PeerId;
use uuid::Uuid;

use super::convergence::{Confirmed, Stand};

pub(super) fn start() -> Instant {
    Instant::now()
}

pub(super) fn peer(n: u128) -> PeerId {
    PeerId::new(Uuid::from_u128(n))
}

pub(super) fn epoch(counter: u64, leader: PeerId) -> Epoch<PeerId> {
    Epoch { counter, leader }
}

pub(super) fn regime(founder: u128) -> Regime<PeerId> {
    Regime::founded(peer(founder))
}

/// Of the first regime.
pub(super) fn ballot(round: u64, leader: u128) -> Ballot<PeerId> {
    Ballot { regime: regime(1), round, peer: peer(leader) }
}

pub(super) fn hash(n: u16) -> RunningHash {
    RunningHash::default().then(&Entry::<PeerId>::Note { tag: n, body: bytes::Bytes::new() })
}

pub(super) fn line(number: u64) -> MessageId {
    MessageId { session: Session::new(Uuid::from_u128(7)), number }
}

/// So many members of a group at rest, led by the first.
pub(super) fn stands(count: u128) -> Vec<Stand> {
    let all = || (1..=count).map(peer);
    let name = |n| format!("p{n}");
    let stand = |n: u128| Stand {
        run: u32::try_from(n).expect("a few"),
        id: peer(n),
        names: (name(n), Some(name(n))),
        is_member: true,
        rank: Some(Rank { priority: 0, seniority: u64::try_from(n).expect("a few"), peer: peer(n) }),
        leader: Some((peer(1), 1)),
        version: Some((epoch(1, peer(1)), 4)),
        listed: all().count(),
        partners: all().filter(|other| *other != peer(n)).collect(),
        here: (1..=count).map(|n| (peer(n), name(n))).collect(),
        guests: BTreeSet::new(),
        own_guests: BTreeSet::new(),
        links: all().filter(|other| *other != peer(n)).collect(),
        log: Confirmed {
            regime: Some(regime(1)),
            decided: 9,
            hash: hash(1),
            configs: vec![(1, Config { voters: all().collect(), tie_breaker: peer(1), fork: None })],
            waiting: 0,
        },
    };
    (1..=count).map(stand).collect()
}
