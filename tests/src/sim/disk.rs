//! Disks: what a process has written survives it, what was under way does not.
//!
//! A disk does one thing at a time, in order. A write changes nothing until it is done, and then all of it at once, as a
//! transaction does; nobody is told before.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::time::{Duration, Instant};

use election::Epoch;
use history::{Durable, Entries, Entry, Index, MESSAGE_BYTES, MESSAGE_ENTRIES, MessageId, Read, Say, Write};
use node::group::Restored;
use transport::PeerId;

use super::mutation::Mutation;
use super::peer::Input;
use super::world::{Happening, World};
use super::{Place, TIMEOUT};

/// How long one thing takes.
const TAKES: Range<Duration> = Duration::from_micros(100)..Duration::from_millis(6);

/// How often what was begun is done all the same when its process ends.
const DONE_ALL_THE_SAME: f64 = 0.3;

/// How many of the last lines a process is given when it starts again.
const RECENT: usize = 100;

/// What an entry weighs beside its body, at most.
const OVERHEAD: usize = 512;

/// What is to be done.
#[derive(Clone, Debug)]
pub(super) enum Job {
    Write(Write<PeerId>),
    Read(Read<PeerId>),
    Keep(Say),
    Forget(MessageId),
}

/// One peer's disk.
#[derive(Clone, Debug, Default)]
pub(super) struct Disk {
    pub(super) log: Durable<PeerId>,
    /// The newest epoch that its process had seen.
    pub(super) epoch: Option<Epoch<PeerId>>,
    pool: BTreeMap<MessageId, Say>,
    /// Since when each thing waits.
    jobs: VecDeque<(Instant, Job)>,
    /// Until when it does nothing.
    hung_until: Option<Instant>,
    /// Whether its process was told that it does not keep up.
    is_behind: bool,
}

impl Disk {
    /// What a process that starts again finds.
    pub(super) fn restored(&self) -> Restored {
        let entries = (self.log.base + 1..=self.log.decided).zip(&self.log.entries);
        let lines = entries.filter_map(|(at, entry)| match &**entry {
            Entry::Line(say) => Some((Index::new(at)?, say.clone())),
            _ => None,
        });
        let lines: Vec<_> = lines.collect();
        let recent = lines[lines.len().saturating_sub(RECENT)..].to_vec();
        Restored { log: self.log.clone(), pool: self.pool.values().cloned().collect(), recent, epoch: self.epoch }
    }

    /// The process is gone, and with it what was under way; what was begun may be done all the same.
    fn lose_power(&mut self, first_is_done: bool) {
        let jobs = std::mem::take(&mut self.jobs);
        if let Some((_, job)) = jobs.into_iter().next().filter(|_| first_is_done) {
            self.perform(&job);
        }
        (self.hung_until, self.is_behind) = (None, false);
    }

    fn perform(&mut self, job: &Job) {
        match job {
            Job::Write(write) => self.log.apply(write),
            Job::Keep(say) => drop(self.pool.insert(say.id, say.clone())),
            Job::Forget(id) => drop(self.pool.remove(id)),
            Job::Read(_) => {}
        }
    }

    fn read(&self, read: &Read<PeerId>) -> Entries<PeerId> {
        // What is before its start is not there.
        let Some(from) = read.from.checked_sub(self.log.base) else { return Entries::new() };
        let from = usize::try_from(from).unwrap_or(usize::MAX);
        let mut bytes = 0;
        let fits = |entry: &&std::sync::Arc<Entry<PeerId>>| {
            bytes += OVERHEAD + if let Entry::Line(say) = &***entry { say.body.len() } else { 0 };
            bytes <= MESSAGE_BYTES
        };
        self.log.entries.iter().skip(from).take(MESSAGE_ENTRIES).take_while(fits).cloned().collect()
    }
}

impl World {
    /// This share of the peers that start from here on have disks.
    pub fn give_disks(&mut self, share: f64) {
        self.disk_share = share;
    }

    /// Whether a process has a disk.
    pub fn has_disk(&self, place: Place) -> bool {
        self.peer(place).is_some_and(|peer| peer.disk.is_some())
    }

    /// The disk of a place does nothing for a while.
    pub fn hang_disk(&mut self, place: Place, time: Duration) {
        let until = self.now() + time;
        if let Some(disk) = self.peer_mut(place).and_then(|peer| peer.disk.as_mut()) {
            disk.hung_until = Some(until);
            self.act(format_args!("the disk of {place} hangs for {time:?}"));
        }
    }

    /// The disk of a place hangs no longer.
    pub fn free_disk(&mut self, place: Place) {
        let now = self.now();
        let Some(peer) = self.peer_mut(place) else { return };
        let run = peer.run;
        if peer.disk.as_mut().is_some_and(|disk| disk.hung_until.take().is_some()) {
            self.at(now, Happening::Disk(place, run));
        }
    }

    /// The disk of a peer that starts: its own, if it had one.
    pub(super) fn disk_for(&mut self, id: PeerId) -> Option<Disk> {
        let own = self.disks.remove(&id);
        if own.is_some() || self.disk_share == 0.0 {
            return own;
        }
        (self.draw() < self.disk_share).then(Disk::default)
    }

    /// The process of a disk has ended.
    pub(super) fn put_away(&mut self, id: PeerId, disk: Option<Disk>) {
        if let Some(mut disk) = disk {
            disk.lose_power(self.draw() < DONE_ALL_THE_SAME);
            self.disks.insert(id, disk);
        }
    }

    /// A process wants something of its disk.
    pub(super) fn put_to_disk(&mut self, place: Place, job: Job) {
        let now = self.now();
        if let Job::Write(write) = &job
            && self.is_mutated(&Mutation::NoFsync)
        {
            self.input_later(place, Duration::ZERO, Input::Written(write.ticket));
        }
        let Some(disk) = self.peer_mut(place).and_then(|peer| peer.disk.as_mut()) else {
            self.fail(&format!("{place} has no disk, and wants {job:?} of it"));
        };
        disk.jobs.push_back((now, job));
        if disk.jobs.len() == 1 {
            self.turn_disk(place);
        }
    }

    fn turn_disk(&mut self, place: Place) {
        let (takes, now) = (self.between(TAKES), self.now());
        let Some(peer) = self.peer(place) else { return };
        let run = peer.run;
        let hung = peer.disk.as_ref().and_then(|disk| disk.hung_until).filter(|until| *until > now);
        self.at(hung.unwrap_or(now) + takes, Happening::Disk(place, run));
        if hung.is_some() {
            self.at(now + TIMEOUT, Happening::DiskLate(place, run));
        }
    }

    /// The disk has done the first thing, unless it hangs.
    pub(super) fn disk_done(&mut self, place: Place, run: u32) {
        let now = self.now();
        let Some(peer) = self.peer_mut(place).filter(|peer| peer.run == run) else { return };
        let (id, Some(disk)) = (peer.info.id, &mut peer.disk) else { return };
        if disk.hung_until.is_some_and(|until| until > now) {
            return self.turn_disk(place);
        }
        let Some((_, job)) = disk.jobs.pop_front() else { return };
        disk.perform(&job);
        let (more, was_behind) = (!disk.jobs.is_empty(), std::mem::take(&mut disk.is_behind));
        let input = match job {
            Job::Write(write) => Some(Input::Written(write.ticket)),
            Job::Read(read) => Some(Input::Read(read, disk.read(&read))),
            Job::Keep(_) | Job::Forget(_) => None,
        };
        let (promised, left) = (disk.log.promised, disk.log.left);
        let holds = self.invariants.logs.advance.note_written(id, promised, left);
        self.must(place, holds);
        if more {
            self.turn_disk(place);
        }
        if was_behind {
            self.input(place, Input::DiskFit(true));
        }
        if let Some(input) = input {
            self.input(place, input);
        }
    }

    /// A timeout ago a disk hung: if it still does, its process is told.
    pub(super) fn disk_late(&mut self, place: Place, run: u32) {
        let now = self.now();
        let Some(peer) = self.peer_mut(place).filter(|peer| peer.run == run) else { return };
        let Some(disk) = &mut peer.disk else { return };
        let late = disk.jobs.front().is_some_and(|(since, _)| *since + TIMEOUT <= now);
        if late && !std::mem::replace(&mut disk.is_behind, true) {
            self.input(place, Input::DiskFit(false));
        }
    }
}
