//! Runs of large groups: how long they take to agree, and with how many messages.

use std::fmt;
use std::time::Duration;

use super::acts::Start;
use super::world::{Weather, World};
use super::{HEARTBEAT, Place};
use crate::invariants::cost;

/// The messages of the overlays.
const LINKS: [&str; 5] = ["LinkGreeting", "LinkStates", "LinkChanges", "LinkVersions", "LinkPull"];

/// How long anything may take.
const LIMIT: Duration = Duration::from_secs(60);

/// How often it is looked whether all agree.
const STEP: Duration = Duration::from_millis(5);

/// What a large run took.
#[derive(Clone, Copy, Debug)]
pub struct Scale {
    /// How many peers.
    pub peers: usize,
    /// From the moment at which all but the founder start until all are members, and agree who leads.
    pub join: Duration,
    /// Until, further, everybody is linked with everybody and has the same roster.
    pub rest: Duration,
    /// What all sent until then: elections, heartbeats, the rest; and link states, until no more are told.
    pub join_messages: Messages,
    /// From the end of the leader until all that are left agree on the next.
    pub agree: Duration,
    /// What they sent until then.
    pub agree_messages: Messages,
}

/// Messages, by what they are for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Messages {
    /// Of the election, but heartbeats and answers.
    pub elections: u64,
    /// Heartbeats.
    pub heartbeats: u64,
    /// Of the overlays.
    pub links: u64,
    /// All others.
    pub rest: u64,
}

impl Messages {
    /// All that were counted since the world last forgot.
    pub fn of(world: &World) -> Self {
        let all: u64 = world.counters().messages.values().sum();
        let (elections, heartbeats, links) =
            (world.sent(&cost::ELECTION), world.sent(&["Heartbeat"]), world.sent(&LINKS));
        Self { elections, heartbeats, links, rest: all - elections - heartbeats - links }
    }
}

impl fmt::Display for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { elections, heartbeats, links, rest } = self;
        write!(f, "{elections} of elections, {heartbeats} heartbeats, {links} of link states, {rest} others")
    }
}

impl Scale {
    /// A founder, and all others at once; when they are at rest, the leader is killed.
    ///
    /// # Panics
    ///
    /// If they do not come to rest.
    pub fn run(peers: usize, seed: u64) -> Self {
        let mut world = World::new(seed);
        let ms = Duration::from_millis;
        // A local network: nothing is slow but what there is to do.
        world.set_weather(Weather { usual: ms(0)..ms(1), seldom: ms(1)..ms(5), share: 0.01 });
        let founder = world.place();
        world.start(&Start::joining(founder, &[]));
        let joiners: Vec<_> = (1..peers).map(|_| world.place()).collect();
        joiners.iter().for_each(|place| world.start(&Start::joining(*place, &[founder])));
        let join = took(&mut world, |world| world.all_follow(founder));
        let rest = took(&mut world, World::is_one_at_rest);
        let mut join_messages = Messages::of(&world);
        // What the overlays gathered is told later.
        world.run(HEARTBEAT * 8);
        join_messages.links = Messages::of(&world).links;
        world.forget_counts();
        world.crash(founder);
        let agree = took(&mut world, |world| joiners.first().is_none_or(|next| world.has_successor(founder, *next)));
        let agree_messages = Messages::of(&world);
        Self { peers, join, rest, join_messages, agree, agree_messages }
    }
}

impl World {
    /// Whether all are members that follow one of them.
    fn all_follow(&self, leader: Place) -> bool {
        let id = self.peer(leader).map(|peer| peer.info.id);
        let follows =
            |peer: &super::peer::Peer| peer.group.is_member() && peer.group.leader().map(|leader| leader.id) == id;
        self.peers.iter().flatten().all(|peer| follows(peer))
    }

    /// Whether all are one group at rest. Most often the answer is no, and a look at the sizes is enough for that.
    fn is_one_at_rest(&self) -> bool {
        let others = self.running().len().saturating_sub(1);
        let versions = || self.peers.iter().flatten().map(|peer| peer.group.roster_version());
        let linked =
            self.peers.iter().flatten().all(|peer| peer.links.len() == others && peer.group.partners().len() == others);
        linked && versions().eq(versions().skip(1).chain(versions().take(1))) && self.agreed().is_ok()
    }

    /// Whether all that are left follow the same one.
    fn has_successor(&self, _dead: Place, any: Place) -> bool {
        let leader = |group: &node::group::Group| group.leader().map(|leader| (leader.id, leader.epoch));
        let Some(next) = self.mind(any).and_then(leader) else { return false };
        let lives = self.place_of(next.0).is_some();
        lives && self.peers.iter().flatten().all(|peer| leader(&peer.group) == Some(next))
    }
}

fn took(world: &mut World, holds: impl Fn(&World) -> bool) -> Duration {
    let took = world.run_until(LIMIT, STEP, holds);
    took.unwrap_or_else(|| world.fail(&format!("no rest: {:?}", world.agreed())))
}

impl fmt::Display for Scale {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { peers, join, rest, join_messages, agree, agree_messages } = self;
        writeln!(
            f,
            "{peers} peers: all are members after {join:?}, and at rest {rest:?} later, with {join_messages};"
        )?;
        write!(f, "the leader killed: all agree on the next after {agree:?}, with {agree_messages}")
    }
}
