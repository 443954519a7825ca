//! One member's mind (pure): election, what was said, the roster and requests, joined.
//!
//! [`Node`](crate::Node) drives one with sockets and timers, and is what most programs want. This module is for those that bring
//! their own transport or loop, and for simulators: the same decisions, with nothing around them.
//!
//! # Driving it
//!
//! One input at a time, each with the present moment, whose [`Now::instant`] never goes back: whom one can reach and what they
//! sent ([`Group::handle_reachable`], [`Group::handle_frames`], ...), what the owner wants ([`Group::say`], [`Group::leave`], ...).
//! After each of them:
//!
//! 1. [`Group::poll_output`] until it is empty: do what each [`Output`] says;
//! 2. [`Group::poll_timeout`]: wait for that instant, for [`Group::handle_timeout`], or for the next input, whichever is first.
//!
//! When both a timer and other input wait, the timer goes first: after a pause of the process everything else is old news. Reachability
//! should be an equivalence, as [`transport::overlay`] makes it. Frames of a peer that is not reachable are ignored.
//!
//! Nothing here reads a clock, opens a socket or starts a task: the same inputs lead to the same outputs.
//!
//! A peer is a *partner* while it is both reachable and in the roster: only partners take part in elections and hear what is said.

mod admission;
mod answers;
mod asking;
mod attendance;
mod commands;
mod confirmed;
mod confirming;
mod consent;
mod guests;
mod joining;
mod links;
mod lookup;
mod memory;
mod outgoing;
mod output;
mod owner;
mod private;
mod requests;
mod restored;
mod succession;
mod takeover;
mod talk;
#[cfg(test)]
mod tests;
mod views;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use bytes::Bytes;
use election::Bully;
use history::{Entries, History, LogConfig, Read, Session};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use tracing::{trace, warn};
use transport::{Address, PeerId, PeerInfo};
use uuid::Uuid;

use self::answers::Answers;
pub use self::asking::{Done, Task};
use self::confirmed::Confirmed;
use self::consent::Consent;
use self::guests::Guests;
use self::joining::Joining;
pub use self::lookup::HistoryQuery;
pub(crate) use self::lookup::own_entry;
pub use self::memory::Memory;
pub use self::outgoing::Outgoing;
pub use self::output::{Direct, Output};
use self::private::{Privates, Shown};
use self::requests::Requests;
pub use self::restored::Restored;
pub use self::views::{Listed, Sizes};
use crate::event::Leader;
use crate::name::Name;
use crate::presence::Presence;
use crate::roster::{Edit, Roster, RosterVersion};
use crate::timestamp::Timestamp;
use crate::wire::{self, Incoming, Message};

/// How often the roster of a random reachable peer is compared with one's own.
const COMPARE: Duration = Duration::from_secs(1);

/// A moment, on the clock that decides and on the one that is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Now {
    /// Decides.
    pub instant: Instant,
    /// Is shown.
    pub wall: Timestamp,
}

/// What a mind is told when it begins.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Who this peer is, as it says hello.
    pub me: PeerInfo,
    /// The name that it asks for.
    pub name: Name,
    /// Addresses to join through; none for a founder. To dial them is up to whoever drives the mind.
    pub seeds: Vec<Address>,
    /// How long to try to become a member.
    pub join_timeout: Duration,
    /// How often a leader proves that it lives.
    pub heartbeat: Duration,
    /// How long the silence of a leader is borne.
    pub timeout: Duration,
    /// Two sessions, which no other run of any peer has: what is said to all, and what is said to one.
    pub sessions: [Uuid; 2],
    /// What its random choices follow from; give each peer another.
    pub seed: u64,
    /// How much of the confirmed log it keeps in memory.
    pub memory: Memory,
    /// What was kept on a disk, if there is one: then [`Output::Write`] and [`Output::Read`] are to be served.
    pub disk: Option<Restored>,
}

/// Whether this peer is a member.
#[derive(Clone, Debug)]
enum Stage {
    Joining(Box<Joining>),
    Member,
    Leaving(Departing),
    Gone,
}

/// A member on its way out.
#[derive(Clone, Copy, Debug)]
enum Departing {
    /// Until then the log is given time to do without this voter.
    Voting(Instant),
    /// Until then a successor is waited for.
    Leading(Instant),
}

/// One member's mind.
#[derive(Clone, Debug)]
pub struct Group {
    me: PeerInfo,
    name: Name,
    heartbeat: Duration,
    timeout: Duration,
    stage: Stage,
    bully: Bully<PeerId>,
    history: History<PeerId>,
    confirmed: Confirmed,
    /// The moment of the last input.
    now: Now,
    roster: Option<Roster>,
    /// As the leader: the version that this peer took over.
    preceding: Option<RosterVersion>,
    /// Edits made as the leader that are not told yet: those of one moment travel together.
    edits: Vec<Edit>,
    /// Who is to be welcomed with the next change.
    welcomes: BTreeSet<PeerId>,
    presence: Presence,
    reachable: BTreeMap<PeerId, PeerInfo>,
    /// The reachable members.
    partners: BTreeSet<PeerId>,
    /// Members that the mesh was told to keep a link to.
    dialled: BTreeSet<PeerId>,
    leader: Option<Leader>,
    /// When whom was asked for its roster, which has not come.
    pulled: BTreeMap<PeerId, Instant>,
    privates: Privates,
    shown: Shown,
    requests: Requests,
    answers: Answers,
    consent: Consent,
    guests: Guests,
    compare_at: Instant,
    /// When a member that its leader's roster lacks asks to be admitted again.
    rejoin_at: Option<Instant>,
    random: SmallRng,
    outputs: VecDeque<Output>,
}

impl Group {
    /// A peer that wants to be a member; without anybody to join through, it founds a group at once.
    pub fn new(settings: Settings, now: Now) -> Self {
        let Settings { me, name, seeds, join_timeout, heartbeat, timeout, sessions, seed, memory, disk } = settings;
        let config = election::Config { heartbeat, timeout, ..election::Config::default() };
        let [said, private] = sessions.map(Session::new);
        let log = LogConfig { heartbeat, ..memory.log(disk.is_some()) };
        let bully = restored::bully(me.id, config, disk.as_ref(), now.instant);
        let returns = disk.as_ref().is_some_and(|disk| !disk.log.is_empty());
        let kept: Vec<_> = disk.iter().flat_map(|disk| &disk.pool).map(|say| say.id).collect();
        let (history, confirmed, fold) = restored::history((me.id, said), log, disk, seed, now.instant);
        let mut group = Self {
            bully,
            history,
            confirmed,
            now,
            presence: Presence::new(me.id, timeout * 3),
            stage: Stage::Joining(Box::new(Joining::new(&me, &seeds, join_timeout, returns, now.instant))),
            me,
            name,
            heartbeat,
            timeout,
            roster: None,
            preceding: None,
            edits: Vec::new(),
            welcomes: BTreeSet::new(),
            reachable: BTreeMap::new(),
            partners: BTreeSet::new(),
            dialled: BTreeSet::new(),
            leader: None,
            pulled: BTreeMap::new(),
            privates: Privates::new(private),
            shown: Shown::default(),
            requests: Requests::default(),
            answers: Answers::default(),
            consent: Consent::new(fold),
            guests: Guests::default(),
            compare_at: now.instant + COMPARE,
            rejoin_at: None,
            random: SmallRng::seed_from_u64(seed),
            outputs: VecDeque::new(),
        };
        // What was confirmed in the same moment as the process ended was not forgotten.
        let applied = group.history.log().applied();
        let stale = kept.into_iter().filter(|id| id.number < applied.next(id.session));
        group.outputs.extend(stale.map(Output::Forget));
        // What its log has accepted waits as well, and must do so when that is cut.
        let accepted: Vec<_> = group.history.log().undecided_lines().cloned().collect();
        accepted.into_iter().for_each(|say| group.keep(say));
        if seeds.is_empty() {
            group.found(now);
        }
        group
    }

    /// Frames from a reachable peer.
    pub fn handle_frames(&mut self, from: PeerId, frames: Vec<Bytes>, now: Now) {
        self.now = now;
        for frame in frames {
            match wire::read_frame(frame) {
                Ok(Incoming::Cast(bytes)) => self.handle_cast(from, bytes),
                Ok(Incoming::Message(message)) => {
                    trace!(%from, ?message, "received");
                    self.handle_message(from, *message, now);
                }
                // A peer's bad input is not our error.
                Err(error) => warn!(%from, %error, "a message that is none"),
            }
        }
        self.settle(now);
    }

    /// Time has passed. Calling early changes nothing.
    pub fn handle_timeout(&mut self, now: Now) {
        self.bully.handle_timeout(now.instant);
        self.drain(now);
        self.history.handle_timeout(now.instant);
        for id in self.privates.handle_timeout(now.instant) {
            self.outputs.push_back(Output::Delivered(id, false));
        }
        self.send_privates(now);
        self.offer_told(now);
        self.give_up_late_requests(now);
        self.give_up_late_votes(now);
        let seen = self.presence.handle_timeout(now.instant);
        if !seen.is_empty() {
            self.tell_seen(seen);
        }
        self.pursue_membership(now);
        self.drop_overdue(now);
        if self.compare_at <= now.instant {
            self.compare_at = now.instant + COMPARE;
            if !self.reachable.is_empty() {
                let chosen = self.random.random_range(0..self.reachable.len());
                self.reachable.keys().nth(chosen).copied().into_iter().for_each(|peer| self.send_have(peer));
            }
            if !self.partners.is_empty() {
                let chosen = self.random.random_range(0..self.partners.len());
                self.partners
                    .iter()
                    .nth(chosen)
                    .copied()
                    .into_iter()
                    .for_each(|peer| self.history.compare(peer, now.instant));
            }
        }
        self.settle(now);
    }

    /// The next moment at which something is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let stage = match &self.stage {
            Stage::Joining(joining) => Some(joining.poll_timeout()),
            Stage::Leaving(Departing::Voting(until) | Departing::Leading(until)) => Some(*until),
            Stage::Member => self.rejoin_at,
            Stage::Gone => return None,
        };
        let parts = [
            stage,
            Some(self.compare_at),
            self.bully.poll_timeout(),
            self.history.poll_timeout(),
            self.presence.poll_timeout(self.leads()),
            self.privates.poll_timeout(),
            self.requests.poll_timeout(),
            self.confirmed.poll_timeout(),
            self.consent.poll_timeout(self.leads()),
            self.guests.poll_timeout(),
        ];
        parts.into_iter().flatten().min()
    }

    /// What was written up to this ticket would survive a crash.
    pub fn handle_written(&mut self, ticket: u64, now: Now) {
        self.history.handle_written(ticket, now.instant);
        self.settle(now);
    }

    /// What [`Output::Read`] asked for: see [`history::Log::handle_read`].
    pub fn handle_read(&mut self, read: Read<PeerId>, entries: Entries<PeerId>, now: Now) {
        self.history.log_mut().handle_read(read, entries, now.instant);
        self.settle(now);
    }

    /// Whether the disk keeps up: a leader whose does not lets another lead.
    pub fn handle_disk(&mut self, fit: bool, now: Now) {
        self.bully.handle_fit(fit, now.instant);
        self.settle(now);
    }

    /// What is to be done next. Edits of the roster, and what the log has to say and to write, wait until nothing else does:
    /// those of one moment travel together.
    pub fn poll_output(&mut self) -> Option<Output> {
        if self.outputs.is_empty() {
            self.publish_edits();
        }
        if self.outputs.is_empty() {
            self.flush_log();
        }
        self.outputs.pop_front()
    }

    /// Whether this peer leads, and the roster is its own to change.
    fn leads(&self) -> bool {
        let epoch = self.roster.as_ref().map(|roster| roster.version.epoch);
        self.bully.is_leader() && epoch == self.bully.epoch()
    }

    fn handle_message(&mut self, from: PeerId, message: Message, now: Now) {
        if !self.reachable.contains_key(&from) {
            return;
        }
        match message {
            Message::Have(version) => self.handle_have(from, version, now),
            Message::Pull => self.send_roster(from),
            Message::Roster(roster) => self.handle_roster(from, roster, now),
            Message::Change(change) => self.handle_change(from, &change, now),
            Message::Join(join) => self.handle_join(from, join, now),
            Message::Welcome(welcome) => self.handle_welcome(from, welcome, now),
            Message::Refused(refusal) => {
                if let Stage::Joining(_) = self.stage {
                    self.stage = Stage::Gone;
                    self.outputs.push_back(Output::Refused(refusal));
                }
            }
            Message::Election(message) => {
                self.bully.handle_message(from, message, now.instant);
                // What came with it may rest on who leads.
                self.drain(now);
            }
            Message::Pool(message) => {
                if self.is_member() {
                    self.history.handle_pool_message(from, message, now.instant);
                }
            }
            Message::Log(message) => {
                if self.is_member() {
                    self.history.handle_log_message(from, *message, now.instant);
                }
            }
            Message::Private(line) => self.handle_private(from, line, now),
            Message::Direct(direct) => self.handle_direct(from, direct),
            Message::PrivateAck(id) => {
                if self.privates.handle_ack(from, id) {
                    self.outputs.push_back(Output::Delivered(id, true));
                }
            }
            Message::Request(id, request) => self.handle_request(from, id, &request, now),
            Message::Response(id, response) => self.handle_response(id, response, now),
        }
    }

    /// After every input: what it moved in one part is carried to the others.
    fn settle(&mut self, now: Now) {
        self.now = now;
        self.pursue_membership(now);
        self.drain(now);
        let changed = self.consent.fold.refold();
        self.tell_proposals(changed, false);
        self.pursue_proposals(now);
        self.drain(now);
        self.pursue_guests(now);
        self.ask_leader(now);
        self.name_the_missing();
        self.pursue_departure(now);
    }

    /// Takes out what election and pool have to send and to tell.
    fn drain(&mut self, now: Now) {
        while let Some(event) = self.bully.poll_event() {
            self.handle_succession(event, now);
        }
        while let Some(transmit) = self.bully.poll_transmit() {
            self.send(transmit.to, Message::Election(transmit.message));
        }
        while let Some(transmit) = self.history.poll_pool_transmit() {
            self.transmit_said(transmit);
        }
        while let Some(event) = self.history.poll_event() {
            self.handle_history(event, now);
        }
    }

    fn send(&mut self, to: PeerId, message: Message) {
        self.outputs.push_back(Output::Send(vec![to], message.into()));
    }

    fn send_to_reachable(&mut self, message: Message, but: &BTreeSet<PeerId>) {
        let reachable: Vec<_> = self.reachable.keys().copied().filter(|peer| !but.contains(peer)).collect();
        if !reachable.is_empty() {
            self.outputs.push_back(Output::Send(reachable, message.into()));
        }
    }
}
