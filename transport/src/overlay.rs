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
//! peer passes X's state on to N only if neither X nor whoever told it has an edge to N: they have told N themselves. What is
//! lost all the same is found by comparing tables: each ping carries a hash.
//!
//! The idea is that of link-state routing (RFC 2328), with the two-way check of its section 16.1.
//!
//! Inputs come through `handle_*`; after each one [`Overlay::poll_transmit`] and [`Overlay::poll_event`] are drained until they are
//! empty, and [`Overlay::poll_timeout`] says when [`Overlay::handle_timeout`] is due. Calling that early changes nothing.

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
use tracing::{debug, warn};

pub use self::message::{Change, LinkState, Message, Relay, Version};
use self::paths::Paths;
use self::table::{Known, ME, Table};
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

/// How many ids one message of whole states holds, at which it is long enough: some 64 KiB.
const IDS_AT_ONCE: usize = 4096;

/// What a state takes beside its neighbours, in ids.
const IDS_OF_A_STATE: usize = 8;

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
    gather_until: Option<Instant>,
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
            gather_until: None,
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
        if self.table.known(number).is_some_and(|known| known.info.incarnation < peer.incarnation) {
            self.restarted(number);
        }
        let met = !self.paths.reaches(number);
        self.ended.remove(&peer.id);
        self.relink(number, true);
        let gather = GATHER.max(GATHER_EACH * u32::try_from(self.table.len()).unwrap_or(u32::MAX));
        self.gather_until.get_or_insert(now + gather);
        let untold = |other: &usize| met && *other != number && !self.table.edges(*other).contains(number);
        let others = self.paths.reached().ones().filter(untold);
        let states = std::iter::once(ME).chain(others).filter_map(|number| self.table.state(number)).collect();
        self.tell_states(&[peer.id], states);
        self.settle(now);
    }

    /// A link has ended. Everybody is told at once.
    pub fn handle_link_down(&mut self, peer: PeerId, reason: Unreachable, now: Instant) {
        let Some(number) = self.table.number(peer).filter(|number| self.table.lists(ME, *number)) else { return };
        self.ended.insert(peer, reason);
        self.differs.remove(&peer);
        self.relink(number, false);
        self.announce();
        self.settle(now);
    }

    /// A neighbour says goodbye, with the version of its last state. The end of its link follows.
    pub fn handle_farewell(&mut self, from: PeerId, farewell: Farewell, version: u64, now: Instant) {
        let Some(number) = self.neighbour(from) else { return };
        let Some(known) = self.table.known(number) else { return };
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
            self.announce();
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
        self.gather_until.into_iter().chain(forget).min()
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

    /// Tells all neighbours what changed in one's own links.
    fn announce(&mut self) {
        self.gather_until = None;
        let (from, to) = (self.announced, self.own_version());
        self.announced = to;
        let touched = std::mem::take(&mut self.touched);
        let linked = |peer: &PeerId| self.neighbour(*peer).is_some();
        let links: Vec<_> = touched.into_iter().map(|peer| (peer, linked(&peer))).collect();
        if !links.is_empty() {
            let change = Change { peer: self.me, incarnation: self.incarnation, from, to, links };
            self.tell_all(&self.table.listed(ME).clone(), Message::Changes(vec![change]));
        }
    }

    /// To whom to pass on what `from` told of `of`: to the neighbours whom neither of them has told.
    fn audience(&self, from: usize, of: usize) -> FixedBitSet {
        let mut audience = self.table.listed(ME).clone();
        audience.difference_with(self.table.edges(from));
        audience.difference_with(self.table.edges(of));
        for told in [from, of] {
            if audience.contains(told) {
                audience.remove(told);
            }
        }
        audience
    }

    fn handle_states(&mut self, from: usize, states: Vec<LinkState>, now: Instant) {
        let mut news: Vec<(FixedBitSet, Vec<LinkState>)> = Vec::new();
        for state in states {
            let Some(number) = self.table.place(state.peer.id) else { continue };
            if number == ME {
                self.note_own(state.peer.incarnation, state.version);
            } else if self.is_news(number, state.peer.incarnation, state.version) {
                // Whoever had an edge to a peer that leaves is told by that peer itself.
                let before = self.audience(from, number);
                self.take(number, &state, now);
                let audience = if state.farewell.is_some() { before } else { self.audience(from, number) };
                match news.iter_mut().find(|(to, _)| *to == audience) {
                    Some((_, states)) => states.push(state),
                    None => news.push((audience, vec![state])),
                }
            }
        }
        for (audience, states) in news {
            let to: Vec<_> = audience.ones().map(|number| self.table.id(number)).collect();
            self.tell_states(&to, states);
        }
    }

    /// Whether a whole state is newer than what is known of its peer. A last state is the last.
    fn is_news(&self, number: usize, incarnation: Incarnation, version: u64) -> bool {
        self.table.known(number).is_none_or(|known| {
            incarnation > known.info.incarnation
                || incarnation == known.info.incarnation && version > known.version && known.farewell.is_none()
        })
    }

    fn take(&mut self, number: usize, state: &LinkState, now: Instant) {
        if self.table.known(number).is_some_and(|known| known.info.incarnation < state.peer.incarnation) {
            self.restarted(number);
        }
        let (version, farewell) = (state.version, state.farewell);
        self.table.set_known(number, Known { info: state.peer.clone(), version, farewell });
        let mut neighbours = FixedBitSet::new();
        for neighbour in &state.neighbours {
            if let Some(neighbour) = self.table.place(*neighbour).filter(|neighbour| *neighbour != number) {
                neighbours.grow_and_insert(neighbour);
            }
        }
        self.table.list_exactly(number, &neighbours);
        if !self.paths.reaches(number) {
            self.lost.entry(state.peer.id).or_insert(now);
        }
        self.changed();
    }

    fn handle_changes(&mut self, from: usize, changes: Vec<Change>) {
        let mut pulls = Vec::new();
        for change in changes {
            let Some(number) = self.table.place(change.peer) else { continue };
            if number == ME {
                self.note_own(change.incarnation, change.to);
                continue;
            }
            let known = self.table.known(number).map(|known| (known.info.incarnation, known.version));
            let applies = known.is_some_and(|(incarnation, version)| {
                incarnation == change.incarnation && (change.from..change.to).contains(&version)
            });
            if !self.is_news(number, change.incarnation, change.to) {
                continue;
            }
            if !applies {
                pulls.push(change.peer);
                continue;
            }
            for (neighbour, up) in &change.links {
                if let Some(neighbour) = self.table.place(*neighbour).filter(|neighbour| *neighbour != number) {
                    self.table.list(number, neighbour, *up);
                }
            }
            if let Some(known) = self.table.known_mut(number) {
                known.version = change.to;
            }
            self.changed();
            let audience = self.audience(from, number);
            self.tell_all(&audience, Message::Changes(vec![change]));
        }
        if !pulls.is_empty() {
            let from = self.table.id(from);
            self.tell(&[from], Message::Pull(pulls));
        }
    }

    fn handle_versions(&mut self, from: PeerId, theirs: &[Version]) {
        let known: BTreeMap<PeerId, Version> = theirs.iter().map(|version| (version.peer, *version)).collect();
        let lacking = |mine: &Version| known.get(&mine.peer).is_none_or(|theirs| theirs < mine);
        let lacked: Vec<_> = self.versions().filter(lacking).collect();
        let numbers = lacked.iter().filter_map(|version| self.table.number(version.peer));
        let states: Vec<_> = numbers.filter_map(|number| self.table.state(number)).collect();
        let is_news = |version: &&Version| {
            let number = self.table.number(version.peer);
            version.peer != self.me
                && number.is_none_or(|number| self.is_news(number, version.incarnation, version.version))
        };
        let pulls: Vec<_> = theirs.iter().filter(is_news).map(|version| version.peer).collect();
        self.tell_states(&[from], states);
        if !pulls.is_empty() {
            self.tell(&[from], Message::Pull(pulls));
        }
    }

    fn handle_pull(&mut self, from: PeerId, peers: &[PeerId]) {
        // Twice the same would be answered twice.
        let peers: BTreeSet<_> = peers.iter().filter_map(|peer| self.table.number(*peer)).collect();
        let states = peers.into_iter().filter_map(|number| self.table.state(number)).collect();
        self.tell_states(&[from], states);
    }

    /// Somebody told of this peer's own links.
    fn note_own(&mut self, incarnation: Incarnation, version: u64) {
        let is_ones_own = (incarnation, version) <= (self.incarnation, self.own_version());
        if !is_ones_own && !self.leaving {
            warn!(?incarnation, version, "another process has this peer's identity");
            self.events.push_back(Event::IdInUse);
        }
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

    fn tell(&mut self, to: &[PeerId], message: Message) {
        if !to.is_empty() && !self.leaving {
            self.transmits.push_back((to.to_vec(), message));
        }
    }

    fn tell_all(&mut self, to: &FixedBitSet, message: Message) {
        let to: Vec<_> = to.ones().map(|number| self.table.id(number)).collect();
        self.tell(&to, message);
    }

    /// Tells whole states, in messages of a bounded length.
    fn tell_states(&mut self, to: &[PeerId], states: Vec<LinkState>) {
        let mut part = Vec::new();
        let mut ids = 0;
        for state in states {
            ids += state.neighbours.len() + IDS_OF_A_STATE;
            part.push(state);
            if ids >= IDS_AT_ONCE {
                ids = 0;
                self.tell(to, Message::States(std::mem::take(&mut part)));
            }
        }
        if !part.is_empty() {
            self.tell(to, Message::States(part));
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
