//! The groups from which the checker sets out.

use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use election::{Bully, Config, Epoch, Rank};

use crate::Id;
use crate::links::{Links, Set};
use crate::peer::Peer;
use crate::world::World;

/// Few different instants, so that states meet, and each rule's limit apart from the others'.
///
/// With a timeout of 2 s, an answer is waited for 0.4 s, two beats are 1 s, and 1.5 s is fresh; the hold is an answer's
/// time. The timeout is also what a member needs to weigh (`WEIGHT_WINDOW`).
pub(crate) const CONFIG: Config = Config {
    heartbeat: Duration::from_millis(500),
    timeout: Duration::from_secs(2),
    hold: Duration::from_millis(400),
    hold_max: Duration::from_millis(800),
};

/// How a group stands before anything happens to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Start {
    /// All follow the highest-ranked, and have been together for long.
    Settled,
    /// All follow the founder, and the last of them outranks it and has just caught up.
    Outranked,
    /// The founder alone, and a group of the others that another founded: they know nothing of each other.
    Apart,
    /// Members of a group that was stopped as a whole: nobody leads.
    Leaderless,
}

/// Where the model's time begins.
pub(crate) fn clock() -> Instant {
    static START: LazyLock<Instant> = LazyLock::new(wall_clock);
    *START
}

/// What the time is outside of the model, which only adds to where it began.
#[expect(clippy::disallowed_methods, reason = "an Instant can be had from nowhere else")]
pub(crate) fn wall_clock() -> Instant {
    Instant::now()
}

impl Start {
    /// The world of `n` peers that stand like this.
    pub(crate) fn world(self, n: Id) -> World {
        let everybody: Set = (1 << n) - 1;
        let islands = if self == Self::Apart { vec![1, everybody & !1] } else { vec![everybody] };
        let ranks: Vec<Rank<Id>> = (0..n).map(|peer| self.rank(peer, n)).collect();
        let links = Links::of(&islands);
        let mut peers = Vec::new();
        let mut claims = Vec::new();
        for island in islands {
            let members: Vec<Rank<Id>> = ranks.iter().copied().filter(|rank| island & 1 << rank.peer != 0).collect();
            let founded = Epoch { counter: 1, leader: members[0].peer };
            let leads = (self != Self::Leaderless).then_some(founded);
            claims.extend(leads);
            peers.extend(members.iter().map(|rank| Some(Arc::new(member(*rank, &members, leads)))));
        }
        World::new(links, peers, claims)
    }

    /// A peer that has forgotten all but that it is a member, and sees everybody.
    pub(crate) fn forgetful(self, peer: Id, n: Id) -> Peer {
        let now = clock();
        let ranks: Vec<Rank<Id>> = (0..n).map(|peer| self.rank(peer, n)).collect();
        let mut mind = Bully::new(peer, CONFIG, now);
        mind.handle_admitted(self.rank(peer, n), None, now);
        mind.handle_members(&ranks, now);
        (0..n).for_each(|other| mind.handle_reachable(other, now));
        Peer::new(mind, now)
    }

    fn rank(self, peer: Id, n: Id) -> Rank<Id> {
        let priority = u16::from(self == Self::Outranked && peer + 1 == n);
        Rank { priority, seniority: u64::from(peer), peer }
    }
}

/// One member of a group that has been together since before it mattered, and has just heard its leader.
fn member(rank: Rank<Id>, members: &[Rank<Id>], epoch: Option<Epoch<Id>>) -> Peer {
    let (start, now) = (clock(), clock() + CONFIG.timeout);
    let mut mind = Bully::new(rank.peer, CONFIG, start);
    match epoch {
        Some(epoch) if epoch.leader == rank.peer => mind.handle_founded(rank, start),
        _ => mind.handle_admitted(rank, epoch, start),
    }
    mind.handle_members(members, start);
    for other in members {
        mind.handle_reachable(other.peer, start);
    }
    if mind.is_leader() {
        mind.handle_timeout(now);
    } else if let Some(epoch) = epoch {
        let leader = members.iter().find(|member| member.peer == epoch.leader).expect("the leader is a member");
        let weight = u32::try_from(members.len() - 1).expect("a few");
        let beat = election::Message::Heartbeat { epoch, rank: *leader, weight, sequence: 0 };
        mind.handle_message(epoch.leader, beat, now);
    }
    let now = if epoch.is_some() { now } else { start };
    mind.handle_caught_up(true, now);
    while mind.poll_transmit().is_some() || mind.poll_event().is_some() {}
    Peer::new(mind, now)
}
