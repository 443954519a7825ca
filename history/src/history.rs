//! Lines from said to confirmed: a pool and a log, joined.

use std::collections::BTreeSet;
use std::time::Instant;

use bytes::Bytes;

use crate::log::{Durable, Entry, Log, LogConfig, LogEvent, LogMessage, Loss, Peer, Write};
use crate::pool::{Baseline, Event, Limits, Message, PULL_ANSWER, Pool, SayError, Transmit, Want};
use crate::{Index, LogTransmit, MessageId, Say, Session};

/// One member's history: what was said, shown at once, and then confirmed in one order.
///
/// The leader's pool is the request queue. Whatever was said reaches it as it reaches everybody, and it puts into the
/// log what it has shown, in the order of (Lamport time, session): a line is shown after what it follows, or after five
/// seconds, so it is proposed so too. What is confirmed leaves the pool.
///
/// Driven as [`Log`] and [`Pool`] are; each has its own messages, so a driver carries two kinds.
#[derive(Clone, Debug)]
pub struct History<P> {
    pool: Pool<P>,
    log: Log<P>,
    /// What the leader may propose next: the Lamport time of the first line of each session that is not in the log.
    ready: BTreeSet<(u64, Session)>,
    /// Whether `ready` is kept: while this peer leads.
    leads: bool,
    /// Whether the program above still has to put its notes before the first lines of this lead.
    waits: bool,
    events: std::collections::VecDeque<HistoryEvent<P>>,
}

/// Something a person or a program above wants to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryEvent<P> {
    /// What the pool tells: a line is to be shown.
    Said(Event),
    /// This line has its place now.
    Confirmed {
        /// Which line.
        id: MessageId,
        /// The place.
        index: Index,
        /// The line, if it is seen here for the first time: it was not [`Said`](Self::Said) before, and is to be shown now.
        unseen: Option<Say>,
    },
    /// After a takeover that was wrong: this line waits for another place.
    Unconfirmed {
        /// Which line.
        id: MessageId,
        /// The place it had.
        was: Index,
    },
    /// What the log tells, lines included: each decided entry in order, for whoever reads the log itself.
    Log(LogEvent<P>),
    /// This peer's log is established: what a program above has to note comes before the lines that wait, which are proposed after
    /// [`History::lead`]. Only with [`LogConfig::has_state`](crate::LogConfig::has_state).
    Leads,
}

impl<P: Peer> History<P> {
    /// The history of a group's founder.
    pub fn found(me: P, session: Session, limits: Limits, config: LogConfig, seed: u64, now: Instant) -> Self {
        Self::with(Log::found(me, config, now), session, limits, seed, now)
    }

    /// The history of a newcomer.
    pub fn join(me: P, session: Session, limits: Limits, config: LogConfig, seed: u64, now: Instant) -> Self {
        Self::with(Log::new(me, config, now), session, limits, seed, now)
    }

    /// The history of a member that comes back, as `session`, with what was on its disk.
    pub fn restore(
        (me, session): (P, Session),
        limits: Limits,
        config: LogConfig,
        durable: Durable<P>,
        seed: u64,
        now: Instant,
    ) -> Self {
        let mut history = Self::with(Log::restore(me, config, durable, now), session, limits, seed, now);
        // They may have been confirmed, which need not be on the disk yet: should this log give way to another, they are offered
        // there, and in this one they leave the pool when they are decided again.
        let waiting = history.log.undecided_lines().cloned().collect();
        history.resume(waiting, now);
        history
    }

    fn with(log: Log<P>, session: Session, limits: Limits, seed: u64, now: Instant) -> Self {
        let pool = Pool::confirmed(session, limits, seed, now);
        let mut history =
            Self { pool, log, ready: BTreeSet::new(), leads: false, waits: false, events: Default::default() };
        history.pump(now);
        history
    }

    /// Founds a group's log: for a member of which [`join`](Self::join) knew nobody. Without effect where there is a log.
    pub fn begin(&mut self, now: Instant) {
        if self.log.regime().is_none() {
            self.log.begin(now);
            self.pump(now);
        }
    }

    /// Takes up lines that were kept across a restart, and are not confirmed as far as was kept.
    pub fn resume(&mut self, lines: Vec<Say>, now: Instant) {
        let me = self.log.me();
        for say in lines {
            self.pool.handle_message(me, Message::Say(say), now);
        }
        self.pump(now);
    }

    /// Starts where another member's pool was: what is confirmed there counts as seen here.
    pub fn adopt(&mut self, baseline: Baseline, now: Instant) {
        self.pool.adopt(baseline, now);
        self.pump(now);
    }

    /// A line that this peer was told is confirmed, and that its log does not have, waits to be confirmed again.
    pub fn take_back(&mut self, say: &Say, now: Instant) {
        if say.id.number >= self.log.applied().next(say.id.session) {
            self.pool.take_back(say, now);
        }
        self.pump(now);
    }

    /// Says a line. Fails if it is too long, or if too much of what was said here is not confirmed yet.
    pub fn say(&mut self, body: Bytes, now: Instant) -> Result<MessageId, SayError> {
        let said = self.pool.say(body, now);
        self.pump(now);
        said
    }

    /// Puts a note into the log, if this peer leads and there is room: see [`Entry::Note`].
    pub fn note(&mut self, tag: u16, body: Bytes, now: Instant) -> bool {
        let noted = self.log.note(tag, body);
        self.pump(now);
        noted
    }

    /// See [`Log::keep_state`].
    pub fn keep_state(&mut self, index: Index, state: Bytes) -> bool {
        self.log.keep_state(index, state)
    }

    /// The program above has put down its notes, as [`HistoryEvent::Leads`] asked: lines are proposed from here on.
    pub fn lead(&mut self, now: Instant) {
        self.waits = false;
        self.pump(now);
    }

    /// A peer can be reached.
    pub fn handle_reachable(&mut self, peer: P, now: Instant) {
        self.pool.handle_reachable(peer, now);
        self.log.handle_reachable(peer, now);
        self.pump(now);
    }

    /// A peer can no longer be reached.
    pub fn handle_unreachable(&mut self, peer: P, loss: Loss, now: Instant) {
        self.pool.handle_unreachable(peer, now);
        self.log.handle_unreachable(peer, loss, now);
        self.pump(now);
    }

    /// See [`Log::compare`].
    pub fn compare(&mut self, peer: P, now: Instant) {
        self.log.compare(peer, now);
        self.pump(now);
    }

    /// Whom the election follows.
    pub fn handle_leader(&mut self, leader: Option<P>, now: Instant) {
        self.log.handle_leader(leader, now);
        self.pump(now);
    }

    /// The members, the highest-ranked first.
    pub fn handle_members(&mut self, ranked: &[P], now: Instant) {
        self.log.handle_members(ranked, now);
        self.pump(now);
    }

    /// A pool's message came.
    pub fn handle_pool_message(&mut self, from: P, mut message: Message, now: Instant) {
        let is_elsewhere = self.log.is_elsewhere(from);
        if let (true, Message::Pull { wants }) = (is_elsewhere, &mut message) {
            self.answer_from_log(from, wants);
        }
        // What is confirmed is confirmed at a leader too: what is missing there was confirmed in a history that its sender has left.
        if is_elsewhere || self.leads {
            self.pool.handle_message_from_elsewhere(from, message, now);
        } else {
            self.pool.handle_message(from, message, now);
        }
        self.pump(now);
    }

    /// Answers a peer of another history, to whom what is confirmed here does not come with the log: what follows it could not be
    /// shown there before the one history has given way to the other. Goes on with what is not confirmed.
    fn answer_from_log(&mut self, from: P, wants: &mut [Want]) {
        let mut wanted = self.pool.wanted_of_log(wants);
        let mut room = PULL_ANSWER;
        for say in self.log.lines() {
            let Some(numbers) = wanted.get_mut(&say.id.session) else { continue };
            if numbers.start != say.id.number || numbers.is_empty() {
                continue;
            }
            let Some(left) = room.checked_sub(say.weight()) else { break };
            (room, numbers.start) = (left, say.id.number + 1);
            self.pool.send_line(from, say.clone());
        }
        for want in wants {
            if let Some(numbers) = wanted.get(&want.session) {
                want.from = numbers.start;
            }
        }
    }

    /// A log's message came.
    pub fn handle_log_message(&mut self, from: P, message: LogMessage<P>, now: Instant) {
        let was_elsewhere = self.log.is_elsewhere(from);
        self.log.handle_message(from, message, now);
        if was_elsewhere != self.log.is_elsewhere(from) {
            self.pool.meet(from);
        }
        self.pump(now);
    }

    /// All up to the write with this ticket would survive a crash.
    pub fn handle_written(&mut self, ticket: u64, now: Instant) {
        self.log.handle_written(ticket, now);
        self.pump(now);
    }

    /// Does what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.pool.handle_timeout(now);
        self.log.handle_timeout(now);
        self.pump(now);
    }

    /// See [`Log::takeover`].
    pub fn takeover(&mut self, lost: &[P], now: Instant) -> bool {
        let begun = self.log.takeover(lost, now);
        self.pump(now);
        begun
    }

    /// See [`Log::leave`].
    pub fn leave(&mut self, now: Instant) {
        self.log.leave(now);
        self.pump(now);
    }

    /// The next batch for the disk.
    pub fn poll_write(&mut self) -> Option<Write<P>> {
        self.log.poll_write()
    }

    /// The next message of the pool.
    pub fn poll_pool_transmit(&mut self) -> Option<Transmit<P>> {
        self.pool.poll_transmit()
    }

    /// The next message of the log.
    pub fn poll_log_transmit(&mut self) -> Option<LogTransmit<P>> {
        self.log.poll_transmit()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<HistoryEvent<P>> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) next has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.pool.poll_timeout().into_iter().chain(self.log.poll_timeout()).min()
    }

    /// The lines that are said and not confirmed.
    pub fn pool(&self) -> &Pool<P> {
        &self.pool
    }

    /// The confirmed log. What it wants read from the store is taken through
    /// [`log_mut`](Self::log_mut).
    pub fn log(&self) -> &Log<P> {
        &self.log
    }

    /// For [`Log::poll_read`] and [`Log::handle_read`], which concern nothing else here.
    pub fn log_mut(&mut self) -> &mut Log<P> {
        &mut self.log
    }

    /// Carries what the one has to the other.
    fn pump(&mut self, now: Instant) {
        while let Some(event) = self.log.poll_event() {
            self.decided(event, now);
        }
        self.propose(now);
        while let Some(event) = self.log.poll_event() {
            self.decided(event, now);
        }
        while let Some(event) = self.pool.poll_event() {
            self.events.push_back(HistoryEvent::Said(event));
        }
    }

    fn decided(&mut self, event: LogEvent<P>, now: Instant) {
        match &event {
            LogEvent::Decided { index, entry, applies: true } => match &**entry {
                Entry::Line(say) => self.confirm(say, *index, now),
                Entry::Skip { session, next } => self.leave_out(*session, *next, now),
                Entry::Config(_) | Entry::Note { .. } => {}
            },
            LogEvent::Undecided { index, entry } => {
                if let Entry::Line(say) = &**entry {
                    self.pool.take_back(say, now);
                    self.events.push_back(HistoryEvent::Unconfirmed { id: say.id, was: *index });
                }
            }
            LogEvent::Skipped { .. } => {
                let rows: Vec<_> = self.log.applied().rows().collect();
                for row in rows {
                    self.pass_over(row.session, row.next, row.lamport, now);
                }
            }
            _ => {}
        }
        self.events.push_back(HistoryEvent::Log(event));
    }

    /// The lines of a session below `to` have no place, and nobody has them: whoever was not shown them will never be.
    fn leave_out(&mut self, session: Session, to: u64, now: Instant) {
        let from = self.pool.next(session);
        self.pool.confirmed_below(session, to, 0, now);
        if from < to {
            self.events.push_back(HistoryEvent::Said(Event::Skipped { session, from, to }));
        }
    }

    /// All of a session below `to` is confirmed.
    fn pass_over(&mut self, session: Session, to: u64, lamport: u64, now: Instant) {
        if let Some(from) = self.pool.confirmed_below(session, to, lamport, now) {
            self.events.push_back(HistoryEvent::Said(Event::Skipped { session, from, to }));
        }
    }

    fn confirm(&mut self, say: &Say, index: Index, now: Instant) {
        // Whatever was shown until now was said, not confirmed.
        while let Some(event) = self.pool.poll_event() {
            self.events.push_back(HistoryEvent::Said(event));
        }
        self.pool.confirm(say, index, now);
        let mut unseen = None;
        // What is shown only because of it, as the next line of its author, comes after it.
        while unseen.is_none()
            && let Some(event) = self.pool.poll_event()
        {
            match event {
                Event::Shown(shown) if shown.id == say.id => unseen = Some(shown),
                event => self.events.push_back(HistoryEvent::Said(event)),
            }
        }
        self.events.push_back(HistoryEvent::Confirmed { id: say.id, index, unseen });
    }

    /// The leader proposes what its pool has shown, the earliest first.
    fn propose(&mut self, now: Instant) {
        let leads = self.log.established().is_some();
        let begins = leads && !self.leads;
        self.leads = leads;
        if !leads {
            self.pool.forget_shown();
            self.pool.close_gaps();
            self.ready.clear();
            self.waits = false;
            return;
        }
        if begins {
            self.pool.forget_shown();
            for session in self.pool.with_lines() {
                self.make_ready(session, now);
            }
            if self.log.has_state() {
                self.waits = true;
                self.events.push_back(HistoryEvent::Leads);
            }
        }
        while let Some(session) = self.pool.pop_shown() {
            self.make_ready(session, now);
        }
        if self.waits {
            return;
        }
        self.skip_what_nobody_has(now);
        while let Some((lamport, session)) = self.ready.first().copied() {
            let next = self.log.next_proposed(session);
            let line = self.pool.shown_line(session, next).filter(|say| say.lamport == lamport);
            if line.is_some_and(|say| !self.log.propose(say)) {
                // Without room it waits; one that has expired would be in the way for ever.
                if self.log.is_full() {
                    return;
                }
                self.ready.pop_first();
                // What a leader before had put there already is not put there again, but what follows it is.
                if self.log.next_proposed(session) > next {
                    self.make_ready(session, now);
                }
                continue;
            }
            self.ready.pop_first();
            self.make_ready(session, now);
        }
    }

    /// The next line of a session that is not in the log may be proposed, if it was shown.
    fn make_ready(&mut self, session: Session, now: Instant) {
        let next = self.log.next_proposed(session);
        if let Some(say) = self.pool.shown_line(session, next) {
            self.ready.insert((say.lamport, session));
        } else if self.pool.oldest(session).is_some_and(|oldest| self.log.is_early(oldest)) {
            self.pool.want_below(session, next, now);
        }
    }

    /// Lines that were confirmed in a history that was given up, and that nobody has kept, are left out, or what their authors said
    /// after them would wait for ever.
    fn skip_what_nobody_has(&mut self, now: Instant) {
        if self.log.meets_others() {
            return;
        }
        while let Some((session, next)) = self.pool.lacking(now) {
            if !self.log.skip(session, next) && self.log.is_full() {
                return;
            }
            self.pool.close_gap(session);
            self.make_ready(session, now);
        }
    }
}
