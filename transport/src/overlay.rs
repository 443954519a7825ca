//! Who can be reached, by links of one's own or of others (pure).
//!
//! Every election rests on "can reach" being the same for everybody. Real networks are not like that: A sees B, B sees C, A does
//! not see C. There a bully election never ends, or elects two. Others add rules to the election; here the assumption is
//! repaired: *reachability is an equivalence*.
//!
//! Every peer tells all others whom it is linked to: its [`LinkState`], with a version. A link counts as an *edge* only if **both**
//! its ends say so, and *reachable* is whoever is at the end of a path of edges. Where there is no link of one's own, the neighbours
//! pass frames on, along the shortest path. In a healthy mesh every path has one edge, and nothing is searched or copied for it.
//!
//! Links that go are told at once, links that come are gathered for a moment. States travel as changes, and whole after a gap. A
//! peer passes X's state on to N only if neither X nor whoever told it is linked to N: they have told N themselves. What is
//! lost all the same is found by comparing tables: each ping carries a hash.
//!
//! The idea is that of link-state routing (RFC 2328), with the two-way check of its section 16.1.
//!
//! Inputs come through `handle_*`; after each one [`Overlay::poll_transmit`] and [`Overlay::poll_event`] are drained until they are
//! empty, and [`Overlay::poll_timeout`] says when [`Overlay::handle_timeout`] is due. Calling that early changes nothing.

mod exchange;
mod message;
mod paths;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::hash::Hasher as _;
use std::time::{Duration, Instant};

use fixedbitset::FixedBitSet;
use fnv::FnvHasher;
use tracing::debug;

pub use self::message::{Change, LinkState, Message, Relay, Version};
use self::paths::Paths;
use self::table::{ME, Table};
use crate::control::Farewell;
use crate::event::{Event, Unreachable};
use crate::peer::{Incarnation, PeerId, PeerInfo};

/// How long links that come up are gathered before the others are told of them: a peer that joins is linked to all within a few.
const GATHER: Duration = Duration::from_millis(10);

/// As much longer for each peer known: when a thousand join at once, each link would otherwise be told by itself to a thousand.
const GATHER_EACH: Duration = Duration::from_micros(250);

/// For how long a neighbour's table may differ from one's own before the two are compared: many floods' worth.
const PATIENCE: Duration = Duration::from_secs(1);

/// How long the state of a peer out of reach is kept: a split that heals sooner needs no state anew.
const FORGET: Duration = Duration::from_secs(60);

/// Over how many links a frame may go. More than any path in a mesh that is nearly full; only a loop, while tables differ, is longer.
const HOPS: u8 = 255;

/// How a frame for a peer is to travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route {
    /// Over the link to it.
    Direct,
    /// Over the link to this neighbour, behind this header.
    Through(PeerId, Relay),
}

/// What to do with a relayed frame that has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It is for this peer, from that one.
    Deliver(PeerId),
    /// It is for somebody behind this neighbour, with this header.
    Forward(PeerId, Relay),
    /// Nobody can be reached with it, or its sender is not who can be reached.
    Drop,
}

/// One peer's view of all links.
#[derive(Clone, Debug)]
pub struct Overlay {
    me: PeerId,
    incarnation: Incarnation,
    table: Table,
    paths: Paths,
    /// Whether the paths may be others than they were.
    dirty: bool,
    /// One's own version that the others have been told, and whose links came or went since.
    announced: u64,
    touched: BTreeSet<PeerId>,
    gather_since: Option<Instant>,
    gather_until: Option<Instant>,
    /// Whose states are to be passed on then, and who has told them.
    untold: BTreeMap<PeerId, BTreeSet<PeerId>>,
    /// Neighbours that were out of reach until the link came up: they are to be told of everybody whom they are not linked to.
    met: BTreeSet<PeerId>,
    /// When they are.
    introduce_at: Option<Instant>,
    /// Neighbours that were out of reach until they greeted: their first change is for the others to hear of them at all.
    unannounced: BTreeSet<PeerId>,
    /// To which run of a peer one's own link leads.
    linked: BTreeMap<PeerId, Incarnation>,
    /// Why one's own link to a peer ended.
    ended: BTreeMap<PeerId, Unreachable>,
    /// Since when a peer whose state is known is out of reach.
    lost: BTreeMap<PeerId, Instant>,
    /// Since when a neighbour's table differs.
    differs: BTreeMap<PeerId, Instant>,
    hash: Option<u64>,
    leaving: bool,
    transmits: VecDeque<(Vec<PeerId>, Message)>,
    events: VecDeque<Event>,
}

impl Overlay {
    /// A peer that has no links yet.
    pub fn new(me: PeerInfo) -> Self {
        Self {
            me: me.id,
            incarnation: me.incarnation,
            table: Table::new(me),
            paths: Paths::default(),
            dirty: false,
            announced: 0,
            touched: BTreeSet::new(),
            gather_since: None,
            gather_until: None,
            untold: BTreeMap::new(),
            met: BTreeSet::new(),
            introduce_at: None,
            unannounced: BTreeSet::new(),
            linked: BTreeMap::new(),
            ended: BTreeMap::new(),
            lost: BTreeMap::new(),
            differs: BTreeMap::new(),
            hash: None,
            leaving: false,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// A link is up. The other end is told at once, everybody else soon.
    pub fn handle_link_up(&mut self, peer: &PeerInfo, now: Instant) {
        let Some(number) = self.table.place(peer.id).filter(|number| *number != ME && !self.leaving) else {
            return;
        };
        match self.table.known(number).map(|known| known.info.incarnation) {
            Some(known) if known < peer.incarnation => self.restarted(number),
            // A run that has ended already, for all that is known here.
            Some(known) if known > peer.incarnation => return,
            _ => {}
        }
        if !self.paths.reaches(number) {
            self.met.insert(peer.id);
        }
        self.ended.remove(&peer.id);
        self.linked.insert(peer.id, peer.incarnation);
        self.relink(number, true);
        self.gather(now);
        if let Some(own) = self.table.state(ME) {
            self.tell(&[peer.id], Message::Greeting(LinkState { version: self.announced, ..own }));
        }
        self.settle(now);
    }

    /// A link has ended. Everybody is told at once.
    pub fn handle_link_down(&mut self, peer: PeerId, reason: Unreachable, now: Instant) {
        let Some(number) = self.table.number(peer).filter(|number| self.table.lists(ME, *number)) else { return };
        self.ended.insert(peer, reason);
        self.differs.remove(&peer);
        self.linked.remove(&peer);
        self.met.remove(&peer);
        self.unannounced.remove(&peer);
        self.relink(number, false);
        self.announce();
        if self.untold.is_empty() {
            self.gather_until = None;
            self.gather_since = None;
        }
        self.settle(now);
    }

    /// A neighbour says goodbye, with the version of its last state. The end of its link follows.
    pub fn handle_farewell(&mut self, from: PeerId, farewell: Farewell, version: u64, now: Instant) {
        let Some(number) = self.neighbour(from) else { return };
        let run = self.linked.get(&from).copied();
        let Some(known) = self.table.known(number).filter(|known| Some(known.info.incarnation) == run) else { return };
        let last = LinkState {
            peer: known.info.clone(),
            version: version.max(known.version + 1),
            neighbours: Vec::new(),
            farewell: Some(farewell),
        };
        self.handle_states(number, vec![last], now);
        self.settle(now);
    }

    /// A neighbour tells of links.
    pub fn handle_message(&mut self, from: PeerId, message: Message, now: Instant) {
        let Some(number) = self.neighbour(from) else { return };
        match message {
            Message::Greeting(state) => self.handle_greeting(number, &state, now),
            Message::States(states) => self.handle_states(number, states, now),
            Message::Changes(changes) => self.handle_changes(number, changes),
            Message::Versions(versions) => self.handle_versions(from, &versions),
            Message::Pull(peers) => self.handle_pull(from, &peers),
        }
        self.settle(now);
    }

    /// A neighbour's ping carries the hash of its table.
    pub fn handle_hash(&mut self, from: PeerId, hash: u64, now: Instant) {
        if self.neighbour(from).is_none() || hash == self.table_hash() {
            self.differs.remove(&from);
            return;
        }
        let since = *self.differs.entry(from).or_insert(now);
        if now.saturating_duration_since(since) >= PATIENCE {
            debug!(peer = %from, "its table differs from this one");
            self.differs.insert(from, now);
            let mut versions: Vec<_> = self.versions().collect();
            versions.sort_unstable();
            self.tell(&[from], Message::Versions(versions));
        }
    }

    /// Time has passed. Calling early changes nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        if self.gather_until.is_some_and(|until| until <= now) {
            self.gather_until = None;
            self.gather_since = None;
            self.announce();
            self.pass_on();
        }
        if self.introduce_at.is_some_and(|at| at <= now) {
            self.introduce_at = None;
            self.introduce();
        }
        let overdue = |since: &Instant| now.saturating_duration_since(*since) >= FORGET;
        if self.lost.values().any(overdue) {
            let forgotten: Vec<_> = self.lost.iter().filter(|(_, since)| overdue(since)).map(|(id, _)| *id).collect();
            self.forget(&forgotten);
        }
    }

    /// When something is due next.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let forget = self.lost.values().min().map(|since| *since + FORGET);
        self.gathered_at().into_iter().chain(forget).min()
    }

    /// When links that came up are to be told of; the one part of [`Overlay::poll_timeout`] that is soon.
    pub fn gathered_at(&self) -> Option<Instant> {
        self.gather_until.into_iter().chain(self.introduce_at).min()
    }

    /// What to send, and over the links to whom.
    pub fn poll_transmit(&mut self) -> Option<(Vec<PeerId>, Message)> {
        self.transmits.pop_front()
    }

    /// What became of who can be reached: never frames, nor seeds.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// Nothing is told from here on. The version of one's last state, for the goodbyes.
    pub fn leave(&mut self) -> u64 {
        self.leaving = true;
        self.gather_until = None;
        self.gather_since = None;
        self.introduce_at = None;
        self.transmits.clear();
        self.own_version().saturating_add(1)
    }

    /// How a frame for a peer travels; `None` if it cannot be reached.
    pub fn route(&self, to: PeerId) -> Option<Route> {
        let number = self.table.number(to)?;
        let step = self.paths.first_step(number)?;
        if step == number {
            return Some(Route::Direct);
        }
        let relay = Relay { from: self.me, incarnation: self.incarnation, to, hops: HOPS };
        Some(Route::Through(self.table.id(step), relay))
    }

    /// What to do with a relayed frame.
    pub fn judge(&self, relay: Relay) -> Verdict {
        if relay.to == self.me {
            let sender = self.table.number(relay.from).filter(|number| self.paths.reaches(*number));
            let known = sender.and_then(|number| self.table.known(number));
            return match known {
                Some(known) if known.info.incarnation == relay.incarnation => Verdict::Deliver(relay.from),
                _ => Verdict::Drop,
            };
        }
        let step = self.table.number(relay.to).and_then(|number| self.paths.first_step(number));
        match step.filter(|_| relay.hops > 1) {
            Some(step) => Verdict::Forward(self.table.id(step), Relay { hops: relay.hops - 1, ..relay }),
            None => Verdict::Drop,
        }
    }

    /// Whether a peer can be reached.
    pub fn is_reachable(&self, peer: PeerId) -> bool {
        self.table.number(peer).is_some_and(|number| self.paths.reaches(number))
    }

    /// Everybody who can be reached.
    pub fn reachable(&self) -> impl Iterator<Item = &PeerInfo> {
        self.paths.reached().ones().filter_map(|number| Some(&self.table.known(number)?.info))
    }

    /// Who of those that can be reached, and this peer, has an edge to whom.
    pub fn edges(&self) -> BTreeMap<PeerId, BTreeSet<PeerId>> {
        let all = std::iter::once(ME).chain(self.paths.reached().ones());
        let edges = |number| self.table.edges(number).ones().map(|other| self.table.id(other)).collect();
        all.map(|number| (self.table.id(number), edges(number))).collect()
    }

    /// How many peers the table knows, named ones included.
    pub fn known(&self) -> usize {
        self.table.len()
    }

    /// A hash of which states this peer has of all that it reaches: the same at everybody who can be reached, once nothing is
    /// on its way. The sum of the FNV-1a hashes (64 bits) of id, incarnation and version of each, big endian.
    pub fn table_hash(&mut self) -> u64 {
        if let Some(hash) = self.hash {
            return hash;
        }
        let hash = self.versions().map(hash_of).fold(0, u64::wrapping_add);
        self.hash = Some(hash);
        hash
    }

    fn own_version(&self) -> u64 {
        self.table.known(ME).map_or(0, |known| known.version)
    }

    fn versions(&self) -> impl Iterator<Item = Version> {
        std::iter::once(ME).chain(self.paths.reached().ones()).filter_map(|number| self.table.version(number))
    }

    /// The number of a peer that one is linked to.
    fn neighbour(&self, peer: PeerId) -> Option<usize> {
        self.table.number(peer).filter(|number| self.table.lists(ME, *number))
    }

    /// What has come is told to others soon, with whatever comes until then.
    /// For how long links that come up are gathered.
    fn gathering(&self) -> Duration {
        GATHER.max(GATHER_EACH * u32::try_from(self.table.len()).unwrap_or(u32::MAX))
    }

    fn gather(&mut self, now: Instant) {
        // The more that come, the more there will be: the wait grows with them.
        let since = *self.gather_since.get_or_insert(now);
        self.gather_until = Some(since + self.gathering());
        if !self.met.is_empty() {
            self.introduce_at = Some(since + self.gathering() * 2);
        }
    }

    /// A link of one's own came or went.
    fn relink(&mut self, number: usize, up: bool) {
        self.table.list(ME, number, up);
        if let Some(known) = self.table.known_mut(ME) {
            known.version += 1;
        }
        self.touched.insert(self.table.id(number));
        self.changed();
    }

    fn changed(&mut self) {
        self.dirty = true;
        self.hash = None;
    }

    /// A peer has ended and begun anew, whether anybody saw that or not.
    fn restarted(&mut self, number: usize) {
        if self.paths.reaches(number) {
            self.paths.forget(number);
            let peer = self.table.id(number);
            self.events.push_back(Event::Unreachable { peer, reason: Unreachable::Restarted });
        }
        self.table.unknow(number);
        self.changed();
    }

    /// Finds out anew who can be reached, if that may have changed, and tells what did.
    fn settle(&mut self, now: Instant) {
        if !std::mem::take(&mut self.dirty) {
            return;
        }
        let before = std::mem::replace(&mut self.paths, Paths::find(&self.table));
        for number in before.reached().difference(self.paths.reached()) {
            let peer = self.table.id(number);
            let reason = self.why_lost(number);
            self.lost.insert(peer, now);
            self.events.push_back(Event::Unreachable { peer, reason });
        }
        for number in self.paths.reached().difference(before.reached()) {
            let peer = self.table.id(number);
            self.lost.remove(&peer);
            let direct = self.paths.is_direct(number);
            let known = self.table.known(number);
            self.events.extend(known.map(|known| Event::Reachable { peer: known.info.clone(), direct }));
        }
        for number in self.paths.reached().intersection(before.reached()) {
            let peer = self.table.id(number);
            let direct = self.paths.is_direct(number);
            if direct != before.is_direct(number) {
                self.events.push_back(Event::Path { peer, direct });
            }
        }
    }

    fn why_lost(&self, number: usize) -> Unreachable {
        match self.table.known(number).and_then(|known| known.farewell) {
            Some(Farewell::Left) => Unreachable::Left,
            None => self.ended.get(&self.table.id(number)).copied().unwrap_or(Unreachable::CutOff),
        }
    }

    fn forget(&mut self, peers: &[PeerId]) {
        let numbers: FixedBitSet = peers.iter().filter_map(|peer| self.table.number(*peer)).collect();
        if let Some(table) = self.table.without(&numbers) {
            self.table = table;
            // The same peers are reached over the same edges, under other numbers.
            self.paths = Paths::find(&self.table);
        }
        for peer in peers {
            self.lost.remove(peer);
            self.ended.remove(peer);
        }
    }
}

fn hash_of(version: Version) -> u64 {
    let mut hasher = FnvHasher::default();
    hasher.write(version.peer.uuid().as_bytes());
    hasher.write(&version.incarnation.0.to_be_bytes());
    hasher.write(&version.version.to_be_bytes());
    hasher.finish()
}
