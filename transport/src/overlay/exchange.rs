//! What neighbours tell each other, and what each passes on.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use fixedbitset::FixedBitSet;
use tracing::warn;

use super::Overlay;
use super::message::{Change, LinkState, Message, Version};
use super::table::{Known, ME};
use crate::event::Event;
use crate::peer::{Incarnation, PeerId};

/// How many ids one message of whole states holds, at which it is long enough: some 64 KiB.
const IDS_AT_ONCE: usize = 4096;

/// What a state takes beside its neighbours, in ids.
const IDS_OF_A_STATE: usize = 8;

/// States to be told, by whom they are told to.
type News = Vec<(FixedBitSet, Vec<LinkState>)>;

fn push(news: &mut News, audience: FixedBitSet, state: LinkState) {
    match news.iter_mut().find(|(to, _)| *to == audience) {
        Some((_, states)) => states.push(state),
        None => news.push((audience, vec![state])),
    }
}

impl Overlay {
    /// Tells all neighbours what changed in one's own links.
    pub(super) fn announce(&mut self) {
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
    pub(super) fn audience(&self, from: usize, of: usize) -> FixedBitSet {
        let mut audience = self.table.listed(ME).clone();
        audience.difference_with(self.table.listed(from));
        audience.difference_with(self.table.listed(of));
        for told in [from, of] {
            if audience.contains(told) {
                audience.remove(told);
            }
        }
        audience
    }

    pub(super) fn handle_greeting(&mut self, from: usize, state: &LinkState, now: Instant) {
        if state.peer.id != self.table.id(from) {
            return;
        }
        let reached = self.paths.reaches(from);
        let (incarnation, version) = (state.peer.incarnation, state.version);
        let same = self.table.known(from).is_some_and(|known| {
            (known.info.incarnation, known.version) == (incarnation, version) && known.farewell.is_none()
        });
        if self.is_news(from, incarnation, version) {
            self.take(from, state, now);
        } else if same {
            self.list_as_told(from, &state.neighbours);
        } else {
            return;
        }
        // The change that tells everybody is still to come, and to be passed on.
        if !reached {
            self.unannounced.insert(state.peer.id);
        }
    }

    pub(super) fn handle_states(&mut self, from: usize, states: Vec<LinkState>, now: Instant) {
        let mut news = News::new();
        for state in states {
            let Some(number) = self.table.place(state.peer.id) else { continue };
            if number == ME {
                self.note_own(state.peer.incarnation, state.version);
            } else if self.is_news(number, state.peer.incarnation, state.version) {
                // Whoever had an edge to a peer that leaves is told by that peer itself.
                let before = self.audience(from, number);
                let takes_nothing = self.takes_nothing(number, &state);
                self.take(number, &state, now);
                if takes_nothing {
                    // Until it is passed on most will have a link to that peer, or to the one that told of it.
                    self.untold.entry(state.peer.id).or_default().insert(self.table.id(from));
                    self.gather(now);
                    continue;
                }
                let audience = if state.farewell.is_some() { before } else { self.audience(from, number) };
                push(&mut news, audience, state);
            } else if let Some(tellers) = self.untold.get_mut(&state.peer.id) {
                tellers.insert(self.table.id(from));
            }
        }
        self.tell_news(news);
    }

    /// Passes on what was told of peers that came.
    pub(super) fn pass_on(&mut self) {
        let mut news = News::new();
        for (peer, tellers) in std::mem::take(&mut self.untold) {
            let Some((number, state)) = self.table.number(peer).and_then(|of| Some((of, self.table.state(of)?))) else {
                continue;
            };
            // Who was out of reach until now is told of everybody anyway.
            let met: FixedBitSet = self.met.iter().filter_map(|peer| self.table.number(*peer)).collect();
            let mut audience = self.table.listed(ME).clone();
            audience.difference_with(&met);
            for teller in tellers.iter().filter_map(|teller| self.table.number(*teller)) {
                audience.intersect_with(&self.audience(teller, number));
            }
            push(&mut news, audience, state);
        }
        self.tell_news(news);
    }

    /// Tells those that were out of reach of everybody else. By now most are linked to most, and need not be told.
    pub(super) fn introduce(&mut self) {
        for peer in std::mem::take(&mut self.met) {
            let Some(number) = self.neighbour(peer) else { continue };
            let mut others = self.paths.reached().clone();
            others.difference_with(self.table.listed(number));
            let untold = |other: &usize| *other != number && !self.table.lists(*other, number);
            let states = others.ones().filter(untold).filter_map(|other| self.table.state(other)).collect();
            self.tell_states(&[peer], states);
        }
    }

    /// Whether a state that is news takes no link away from what is known of its peer.
    fn takes_nothing(&self, number: usize, state: &LinkState) -> bool {
        let same_run = self.table.known(number).is_none_or(|known| known.info.incarnation == state.peer.incarnation);
        let still = |neighbour: usize| state.neighbours.contains(&self.table.id(neighbour));
        same_run && state.farewell.is_none() && self.table.listed(number).ones().all(still)
    }

    fn tell_news(&mut self, news: News) {
        for (audience, states) in news {
            let to: Vec<_> = audience.ones().map(|number| self.table.id(number)).collect();
            self.tell_states(&to, states);
        }
    }

    /// Whether a whole state is newer than what is known of its peer. A last state is the last.
    pub(super) fn is_news(&self, number: usize, incarnation: Incarnation, version: u64) -> bool {
        self.table.known(number).is_none_or(|known| {
            incarnation > known.info.incarnation
                || incarnation == known.info.incarnation && version > known.version && known.farewell.is_none()
        })
    }

    pub(super) fn take(&mut self, number: usize, state: &LinkState, now: Instant) {
        if self.table.known(number).is_some_and(|known| known.info.incarnation < state.peer.incarnation) {
            self.restarted(number);
        }
        let (version, farewell) = (state.version, state.farewell);
        self.table.set_known(number, Known { info: state.peer.clone(), version, farewell });
        self.list_as_told(number, &state.neighbours);
        if !self.paths.reaches(number) {
            self.lost.entry(state.peer.id).or_insert(now);
        }
    }

    fn list_as_told(&mut self, number: usize, neighbours: &[PeerId]) {
        let places = neighbours.iter().filter_map(|neighbour| self.table.place(*neighbour));
        let neighbours: FixedBitSet = places.filter(|neighbour| *neighbour != number).collect();
        self.table.list_exactly(number, &neighbours);
        self.changed();
    }

    pub(super) fn handle_changes(&mut self, from: usize, changes: Vec<Change>) {
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
            if let Some(tellers) = self.untold.get_mut(&change.peer).filter(|_| change.links.iter().all(|(_, up)| *up))
            {
                tellers.insert(self.table.id(from));
                continue;
            }
            let audience = self.audience(from, number);
            match self.table.state(number).filter(|_| self.unannounced.remove(&change.peer)) {
                Some(state) => self.tell_news(vec![(audience, vec![state])]),
                None => self.tell_all(&audience, Message::Changes(vec![change])),
            }
        }
        if !pulls.is_empty() {
            let from = self.table.id(from);
            self.tell(&[from], Message::Pull(pulls));
        }
    }

    pub(super) fn handle_versions(&mut self, from: PeerId, theirs: &[Version]) {
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

    pub(super) fn handle_pull(&mut self, from: PeerId, peers: &[PeerId]) {
        // Twice the same would be answered twice.
        let peers: BTreeSet<_> = peers.iter().filter_map(|peer| self.table.number(*peer)).collect();
        let states = peers.into_iter().filter_map(|number| self.table.state(number)).collect();
        self.tell_states(&[from], states);
    }

    /// Somebody told of this peer's own links.
    pub(super) fn note_own(&mut self, incarnation: Incarnation, version: u64) {
        let is_ones_own = (incarnation, version) <= (self.incarnation, self.own_version());
        if !is_ones_own && !self.leaving {
            warn!(?incarnation, version, "another process has this peer's identity");
            self.events.push_back(Event::IdInUse);
        }
    }

    pub(super) fn tell(&mut self, to: &[PeerId], message: Message) {
        if !to.is_empty() && !self.leaving {
            self.transmits.push_back((to.to_vec(), message));
        }
    }

    pub(super) fn tell_all(&mut self, to: &FixedBitSet, message: Message) {
        let to: Vec<_> = to.ones().map(|number| self.table.id(number)).collect();
        self.tell(&to, message);
    }

    /// Tells whole states, in messages of a bounded length.
    pub(super) fn tell_states(&mut self, to: &[PeerId], states: Vec<LinkState>) {
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
