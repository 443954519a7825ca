//! The life of a process: how it starts, is stopped and goes on, and ends.

use std::rc::Rc;
use std::time::Duration;

use node::group::{Group, Now, Settings};
use transport::overlay::Overlay;
use transport::{Class, Farewell, Incarnation, PeerId, PeerInfo, Unreachable};
use uuid::Uuid;

use super::acts::{Act, Identity, Start};
use super::disk::Disk;
use super::link::Payload;
use super::mutation::Mutation;
use super::peer::{Input, Peer, Registry, Target};
use super::world::{Happening, World};
use super::{HEARTBEAT, Place, TIMEOUT};

/// How long a process tries to become a member.
const JOIN_TIMEOUT: Duration = Duration::from_secs(10);

impl World {
    /// Starts a process, if none runs there.
    pub fn start(&mut self, start: &Start) {
        let id = PeerId::new(Uuid::from_u128(self.number()));
        self.start_as(start, id, Incarnation(1));
    }

    pub(super) fn start_as(&mut self, start: &Start, id: PeerId, incarnation: Incarnation) {
        let place = start.place;
        if self.peer(place).is_some() {
            return;
        }
        self.act(format_args!("{start:?}"));
        self.power_on(place);
        let site = &mut self.sites[place.index()];
        site.runs += 1;
        let again = if site.runs > 1 { format!("'{}", site.runs) } else { String::new() };
        let name = start.name.as_ref().map_or(site.name.clone(), |name| name.parse().expect("a name"));
        self.trace.call(id, format!("{place}{again}"));
        self.next_run += 1;
        let run = self.next_run;
        self.act(format_args!("{place}{again} is process {run}"));
        let number = u128::from(run) << 8;
        let me =
            PeerInfo { id, incarnation, name: name.to_string(), address: place.address(), priority: start.priority };
        let disk = self.disk_for(id);
        let settings = Settings {
            disk: disk.as_ref().map(Disk::restored),
            me: me.clone(),
            name,
            seeds: start.via.iter().map(|place| place.address()).collect(),
            join_timeout: JOIN_TIMEOUT,
            heartbeat: HEARTBEAT,
            timeout: TIMEOUT,
            sessions: [number, number + 1].map(Uuid::from_u128),
            seed: self.number(),
            memory: self.memory,
        };
        let seeds: Vec<_> = settings.seeds.clone();
        let registry =
            Registry { seeds: seeds.iter().cloned().map(|seed| (seed, None)).collect(), ..Registry::default() };
        let now = Now { instant: self.now(), wall: self.clock.wall(0) };
        let peer = Peer {
            run,
            overlay: Overlay::new(me.clone()),
            info: Rc::new(me),
            group: Group::new(settings, now),
            links: Default::default(),
            connections: Default::default(),
            registry,
            paused: false,
            paused_at: None,
            held: Default::default(),
            wake_at: None,
            disk,
            clock_ms: 0,
        };
        self.peers[place.index()] = Some(Box::new(peer));
        self.invariants.started(run, id, now.instant);
        for seed in seeds {
            self.dial(place, Target::Seed(seed), Duration::ZERO);
        }
        self.carry_out(place);
    }

    /// The machine has its power again: it resets connections that it knows nothing of.
    pub(super) fn power_on(&mut self, place: Place) {
        if std::mem::replace(&mut self.sites[place.index()].powered, true) {
            return;
        }
        for id in 0..self.links.len() {
            let end = self.end_at(id, place);
            let [here, there] = [end, 1 - end].map(|end| &self.links[id].ends[end]);
            if here.place == place && !there.is_closed {
                let soon = self.between(Duration::ZERO..HEARTBEAT);
                self.links_under_way += 1;
                self.at(self.now() + soon, Happening::Arrive(id, 1 - end, Class::Urgent, Payload::End));
            }
        }
    }

    // The end of a process.

    /// It says goodbye, and ends.
    pub(super) fn finish(&mut self, place: Place) {
        self.act(format_args!("{place} says goodbye"));
        let Some(peer) = self.peer_mut(place) else { return };
        let version = peer.overlay.leave();
        let links: Vec<_> = peer.links.values().copied().collect();
        for id in links {
            let bye = Payload::Bye(Farewell::Left, version);
            self.transmit(id, self.end_at(id, place), Class::Urgent, bye);
        }
        self.end(place, true);
    }

    /// Ends a process without a word.
    pub fn crash(&mut self, place: Place) {
        self.act(format_args!("{place} crashes"));
        let reset = self.draw() < 0.5;
        let connections = self.peer(place).map(|peer| peer.connections.clone()).unwrap_or_default();
        for id in connections {
            let other = 1 - self.end_at(id, place);
            self.links[id].ends[other].is_reset |= reset;
        }
        self.end(place, true);
    }

    /// Cuts the power of a place: nobody is told.
    pub fn power_off(&mut self, place: Place) {
        self.act(format_args!("{place} has no power"));
        self.sites[place.index()].powered = false;
        self.end(place, false);
    }

    pub(super) fn end(&mut self, place: Place, told: bool) {
        let Some(mut peer) = self.peers[place.index()].take() else { return };
        self.invariants.ended(peer.run, self.clock.now);
        if let Some(disk) = &mut peer.disk {
            disk.epoch = peer.group.newest_epoch();
        }
        self.put_away(peer.info.id, peer.disk.take());
        let lost = |input: &&Input| matches!(input, Input::Arrival(_, _, payload) if payload.is_links());
        self.links_under_way -= peer.held.iter().filter(lost).count();
        for id in peer.connections {
            let end = self.end_at(id, place);
            if told {
                self.transmit(id, end, Class::Urgent, Payload::End);
            }
            let here = &mut self.links[id].ends[end];
            (here.is_closed, here.is_up) = (true, false);
            let stalled = here.take_stalled();
            self.links_under_way -= stalled.iter().filter(|(_, payload)| payload.is_links()).count();
            self.look_after(id);
        }
    }

    /// Crashes, and starts again after a while, through everybody that runs.
    pub fn restart(&mut self, place: Place, identity: Identity, after: Duration) {
        self.end_and_restart(place, identity, after, Self::crash);
    }

    /// Loses its power, and starts again after a while, through everybody that runs.
    pub fn restart_after_power_cut(&mut self, place: Place, identity: Identity, after: Duration) {
        self.end_and_restart(place, identity, after, Self::power_off);
    }

    pub(super) fn end_and_restart(
        &mut self,
        place: Place,
        identity: Identity,
        after: Duration,
        end: fn(&mut Self, Place),
    ) {
        let Some(peer) = self.peer(place) else { return };
        let (info, name) = (peer.info.clone(), peer.info.name.clone());
        let mut via = self.running();
        via.retain(|other| *other != place);
        if via.is_empty() {
            via = (0..self.sites.len()).map(Place::at).filter(|other| *other != place).collect();
        }
        let id = info.id;
        // Without a disk it has forgotten what it promised: it is somebody else.
        let kept = identity == Identity::Kept && self.has_disk(place);
        end(self, place);
        let start = Start { place, via, priority: info.priority, name: Some(name) };
        let what = if kept {
            let later = u64::from(!self.is_mutated(&Mutation::SameIncarnation));
            Happening::Again(start, id, Incarnation(info.incarnation.0 + later))
        } else {
            Happening::Act(Act::Start(start))
        };
        self.at(self.now() + after, what);
    }

    /// Starts a process as the same peer, in a later run.
    pub(super) fn start_again(&mut self, start: &Start, id: PeerId, incarnation: Incarnation) {
        if self.peer(start.place).is_none() {
            self.start_as(start, id, incarnation);
        }
    }

    // A process's time.

    /// Stops a process.
    pub fn pause(&mut self, place: Place) {
        let now = self.now();
        let Some(peer) = self.peer_mut(place).filter(|peer| !peer.paused) else { return };
        peer.paused = true;
        peer.paused_at = Some(now);
        let (run, connections) = (peer.run, peer.connections.clone());
        self.act(format_args!("{place} is stopped"));
        self.invariants.paused(run, true, now);
        connections.into_iter().for_each(|id| self.look_after(id));
    }

    /// Lets a process go on: what is due by the clock first, then what has come meanwhile.
    pub fn resume(&mut self, place: Place) {
        let now = self.now();
        let Some(peer) = self.peer_mut(place).filter(|peer| peer.paused) else { return };
        let since = peer.paused_at.take().unwrap_or(now);
        peer.paused = false;
        let (run, connections) = (peer.run, peer.connections.clone());
        self.act(format_args!("{place} goes on"));
        self.invariants.paused(run, false, now);
        for id in connections {
            self.look_after(id);
            if self.links[id].sick_since.is_some() {
                // What was not heard meanwhile proves nothing.
                self.expire_later(id, self.end_at(id, place), HEARTBEAT * 2);
            }
        }
        if self.is_mutated(&Mutation::Unsuspecting) {
            self.live_through(place, now - since);
        }
        self.look_at_timers(place);
        let held = self.peer_mut(place).map(|peer| std::mem::take(&mut peer.held)).unwrap_or_default();
        for input in held {
            match self.peer(place) {
                Some(peer) if peer.run == run => self.input(place, input),
                _ => self.lose(&input),
            }
        }
    }

    pub(super) fn lose(&mut self, input: &Input) {
        if let Input::Arrival(_, _, payload) = input {
            self.links_under_way -= usize::from(payload.is_links());
        }
    }

    /// Sets the wall clock of a process.
    pub fn jump_clock(&mut self, place: Place, ms: i64) {
        self.act(format_args!("the clock of {place} is set by {ms} ms"));
        if let Some(peer) = self.peer_mut(place) {
            peer.clock_ms += ms;
        }
    }

    /// Breaks a link; both ends see it.
    pub fn break_link(&mut self, a: Place, b: Place) {
        let Some(peer) = self.peer(b).map(|peer| peer.info.id) else { return };
        if let Some(id) = self.peer(a).and_then(|here| here.links.get(&peer).copied()) {
            self.act(format_args!("the link of {a} and {b} breaks"));
            self.take_down(id, self.end_at(id, a), Unreachable::Ended);
        }
    }
}
