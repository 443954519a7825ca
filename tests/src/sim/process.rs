//! What a process does with its inputs and its timers, and what it wants done.

use std::time::Duration;

use node::group::{Group, Now, Output};
use transport::{Event, PeerId};

use super::disk::Job;
use super::link::LinkId;
use super::mutation::Mutation;
use super::peer::{Input, Peer};
use super::trace::Entry;
use super::world::{Happening, World};
use super::{HEARTBEAT, LATE, Place};
use crate::invariants::Look;

impl World {
    pub(super) fn peer(&self, place: Place) -> Option<&Peer> {
        self.peers.get(place.index())?.as_deref()
    }

    pub(super) fn peer_mut(&mut self, place: Place) -> Option<&mut Peer> {
        self.peers.get_mut(place.index())?.as_deref_mut()
    }

    pub(super) fn input_later(&mut self, place: Place, delay: Duration, input: Input) {
        if let Some(run) = self.peer(place).map(|peer| peer.run) {
            self.at(self.clock.now + delay, Happening::Input(place, run, input));
        }
    }

    /// Something comes to a process, which may be paused.
    pub(super) fn input(&mut self, place: Place, input: Input) {
        let Some(peer) = self.peer_mut(place) else { return };
        if peer.paused {
            peer.held.push_back(input);
            return;
        }
        match input {
            Input::Arrival(id, to, payload) => self.take_arrival(id, to, payload),
            Input::Dial(target) => self.dial_now(place, target),
            Input::Dialled(target, outcome) => self.dialled(place, target, outcome),
            Input::Written(ticket) => self.hand(place, |group, now| group.handle_written(ticket, now)),
            Input::Read(read, entries) => self.hand(place, |group, now| group.handle_read(read, entries, now)),
            Input::Done(from, id, done) => self.hand(place, |group, now| group.handle_done(from, id, done, now)),
            Input::DiskFit(fit) => self.hand(place, |group, now| group.handle_disk(fit, now)),
        }
    }

    /// Hands something to a mind.
    fn hand(&mut self, place: Place, what: impl FnOnce(&mut Group, Now)) {
        self.command(place, what);
        self.carry_out(place);
    }

    pub(super) fn wake(&mut self, place: Place, run: u32) {
        let Some(peer) = self.peer_mut(place).filter(|peer| peer.run == run) else { return };
        peer.wake_at = None;
        if !peer.paused {
            self.look_at_timers(place);
        }
    }

    /// What is due by the clock.
    pub(super) fn look_at_timers(&mut self, place: Place) {
        let now = self.group_now(place);
        self.counters.wakes += 1;
        let Some(peer) = self.peer_mut(place) else { return };
        if peer.group.poll_timeout().is_some_and(|due| due <= now.instant) {
            peer.group.handle_timeout(now);
            self.note(Entry::Woke(place));
            self.carry_out(place);
            if let Some(peer) = self.peer(place) {
                let (run, due) = (peer.run, peer.group.poll_timeout());
                let busy = self.invariants.rest.note_wake(run, now.instant, due);
                self.must(place, busy);
            }
        }
        let Some(peer) = self.peer_mut(place) else { return };
        if peer.overlay.poll_timeout().is_some_and(|due| due <= now.instant) {
            peer.overlay.handle_timeout(now.instant);
        }
        self.carry_out(place);
    }

    /// All prove their links in one rhythm, as the members of a mesh do.
    pub(super) fn beat(&mut self) {
        self.at(self.clock.now + HEARTBEAT, Happening::Beat);
        let mut said = Vec::new();
        for place in self.running() {
            let silent = self.is_paused(place) || self.is_mutated(&Mutation::OneSidedEdges(place));
            if let Some(peer) = self.peer_mut(place).filter(|_| !silent) {
                said.push((place, peer.run, peer.overlay.table_hash()));
            }
        }
        let delay = self.between(LATE);
        self.at(self.clock.now + delay, Happening::Heard(said));
    }

    pub(super) fn heard(&mut self, said: &[(Place, u32, u64)]) {
        let now = self.clock.now;
        for (from, run, hash) in said {
            let Some(speaker) = self.peer(*from).filter(|peer| peer.run == *run) else { continue };
            let (id, links): (PeerId, Vec<LinkId>) = (speaker.info.id, speaker.links.values().copied().collect());
            for link in links {
                let to = self.links[link].ends[1 - self.end_at(link, *from)].place;
                let passes = self.passes(*from, to);
                let listens = passes && !self.is_mutated(&Mutation::OneSidedEdges(to));
                let Some(hearer) = self.peer_mut(to).filter(|peer| listens && !peer.paused) else { continue };
                if hearer.links.get(&id) == Some(&link) {
                    hearer.overlay.handle_hash(id, *hash, now);
                    self.send_all_links(to);
                }
            }
        }
        self.check_some();
    }

    pub(super) fn send_all_links(&mut self, place: Place) {
        while let Some((to, message)) = self.peer_mut(place).and_then(|peer| peer.overlay.poll_transmit()) {
            self.send_links(place, &to, message);
        }
    }

    // What a process wants done.

    /// Does everything that a process wants done, looks whether all is as it must be, and sees when it wants to be woken.
    pub(super) fn carry_out(&mut self, place: Place) {
        loop {
            self.send_all_links(place);
            if let Some(event) = self.peer_mut(place).and_then(|peer| peer.overlay.poll_event()) {
                self.tell_mind(place, event);
            } else if let Some(output) = self.peer_mut(place).and_then(|peer| peer.group.poll_output()) {
                self.carry_out_one(place, output);
            } else {
                break;
            }
        }
        let Some(peer) = self.peers[place.index()].as_deref() else { return };
        let look = Look { run: peer.run, group: &peer.group, overlay: &peer.overlay };
        let seen = self.invariants.look(&look, self.clock.now);
        self.must(place, seen);
        self.wake_when_due(place);
    }

    pub(super) fn wake_when_due(&mut self, place: Place) {
        let late = self.between(LATE);
        let now = self.clock.now;
        let Some(peer) = self.peer_mut(place) else { return };
        let Some(due) = peer.due() else { return };
        if peer.wake_at.is_none_or(|at| at > due) {
            peer.wake_at = Some(due);
            let run = peer.run;
            self.at(due.max(now) + late, Happening::Wake(place, run));
        }
    }

    /// What the overlay tells, brought to the mind.
    pub(super) fn tell_mind(&mut self, place: Place, event: Event) {
        let now = self.group_now(place);
        let Some(peer) = self.peer_mut(place) else { return };
        let run = peer.run;
        match event {
            Event::Reachable { peer: info, direct } => {
                let id = info.id;
                peer.group.handle_reachable(info, direct, now);
                self.note(Entry::Reached(place, id, direct));
                self.invariants.spread.note_reached(run, id, direct, now.instant);
            }
            Event::Path { peer: id, direct } => {
                peer.group.handle_path(id, direct, now);
                self.note(Entry::Reached(place, id, direct));
                // What was on its way may be lost: a break, though a short one.
                self.invariants.spread.note_reached(run, id, direct, now.instant);
            }
            Event::Unreachable { peer: id, reason } => {
                let vacated = peer.registry.vacated.remove(&id);
                peer.group.handle_unreachable(id, reason, now);
                if vacated {
                    peer.group.handle_unreachable(id, transport::Unreachable::Gone, now);
                }
                self.note(Entry::Lost(place, id, reason));
                self.invariants.spread.note_lost(run, id);
                self.invariants.privates.note_lost(run, id, now.instant);
            }
            Event::IdInUse => {
                self.act(format_args!("{place} leaves: its identity is in use"));
                self.finish(place);
            }
            Event::Frames { .. } | Event::SeedFailed { .. } => {}
        }
    }

    pub(super) fn carry_out_one(&mut self, place: Place, output: Output) {
        match output {
            Output::Send(to, outgoing) => return self.send(place, &to, &outgoing),
            Output::Dial { peer, address, eager } => return self.add_member(place, peer, address, eager),
            Output::Write(write) => return self.put_to_disk(place, Job::Write(write)),
            Output::Read(read) => return self.put_to_disk(place, Job::Read(read)),
            Output::Keep(say) => return self.put_to_disk(place, Job::Keep(say)),
            Output::Forget(id) => return self.put_to_disk(place, Job::Forget(id)),
            Output::Execute(ref task) => self.execute(place, task),
            Output::Direct(direct) => {
                self.note(Entry::Told(place, Box::new(Output::Direct(direct.clone()))));
                return self.hand_over(place, &direct);
            }
            _ => {}
        }
        let Some(peer) = self.peers[place.index()].as_deref() else { return };
        let run = peer.run;
        self.invariants.look_for_leaps(run, &peer.group, self.clock.now);
        let ends = matches!(output, Output::Depart | Output::Refused(_) | Output::NotJoined(_));
        let fits = self.invariants.hear(run, peer.group.history().log(), &output, self.clock.now);
        self.note(Entry::Told(place, Box::new(output)));
        self.must(place, fits);
        if ends {
            self.finish(place);
        }
    }

    /// A command of a process's owner.
    pub(super) fn command<T>(&mut self, place: Place, command: impl FnOnce(&mut Group, Now) -> T) -> Option<T> {
        let now = self.group_now(place);
        let result = command(&mut self.peer_mut(place)?.group, now);
        Some(result)
    }
}
