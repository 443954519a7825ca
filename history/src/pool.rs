//! What was said and is not confirmed: spread at once, kept for who comes later, shown once.
//!
//! The parts, each a small table of its own: `lane` (the lines of one session) and `lanes` (all of them, and which
//! leave first); `frontier` and `holds` (what a line follows, and what waits for it); `pulls` and `behind` (whom a
//! gap was asked of, and what nobody has), `gaps` (what is missing below what is kept). `exchange` is how pools become equal, `show` is how lines come out and
//! make room.

mod behind;
mod confirm;
mod exchange;
mod frontier;
mod gaps;
mod holds;
mod lane;
mod lanes;
mod limits;
mod lines;
mod message;
mod output;
mod pulls;
mod show;

use std::collections::{BTreeSet, VecDeque};
use std::fmt::Debug;
use std::time::Instant;

use bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::{MessageId, Session};
use behind::Behind;
use frontier::Frontier;
use gaps::Gaps;
use holds::Holds;
use lane::{Lane, Line};
use lanes::Lanes;
use limits::EXCHANGE;
use pulls::Pulls;

pub(crate) use limits::PULL_ANSWER;
pub use limits::{Limits, MAX_BODY, MAX_HEADS};
pub use lines::Lines;
pub use message::{Baseline, Message, Range, Say, Want};
pub use output::{Counts, Event, SayError, To, Transmit};

/// One peer's unconfirmed lines, its own and everybody else's.
///
/// # Driving it
///
/// Tell it whom it can reach ([`handle_reachable`](Self::handle_reachable)), what came
/// ([`handle_message`](Self::handle_message)), what is said here ([`say`](Self::say)), and that a deadline passed
/// ([`handle_timeout`](Self::handle_timeout)). After each of these take all there is from
/// [`poll_transmit`](Self::poll_transmit) and [`poll_event`](Self::poll_event), and sleep until
/// [`poll_timeout`](Self::poll_timeout). The queues behind the first two are bounded by being emptied: one call adds
/// at most an answer of 256 KiB, a digest, a pull for each session given up, and the lines that one line sets free.
///
/// # What is kept
///
/// Of each session a gapless range of lines, within [`Limits`]. At a bound the oldest leave. A line that leaves while
/// it is held for what it follows is shown as it leaves.
///
/// Of a session that is forgotten only the `floor` remains: the greatest last Lamport time of all that were. Whatever
/// of an unknown session has a time at or below it counts as had and is not shown, because it may have been. So
/// nothing is ever shown twice, at the price of lines that were never shown and are older than that.
///
/// # Untrusted input
///
/// Messages may have any content. What no honest pool sends is ignored and [counted](Self::counts); nothing panics,
/// overflows, or takes more than linear time in the size of the message. (Only a line of an unknown session, while
/// the table is full, costs a look at the whole table.)
#[derive(Clone, Debug)]
pub struct Pool<P> {
    session: Session,
    limits: Limits,
    rng: SmallRng,
    /// The greatest Lamport time heard of.
    lamport: u64,
    lanes: Lanes,
    frontier: Frontier,
    holds: Holds,
    reachable: BTreeSet<P>,
    pulls: Pulls<P>,
    behind: Behind<P>,
    gaps: Gaps<P>,
    next_exchange: Instant,
    /// Whether lines leave by being confirmed, in a log: then none is skipped, and none leaves to make room.
    is_confirmed: bool,
    /// Whether the message that is looked at comes from a peer whose log is of another history.
    from_elsewhere: bool,
    /// The last confirmed place seen.
    after: Option<crate::Index>,
    /// Sessions of which lines were shown since the log last asked, some more than once.
    touched: Vec<Session>,
    counts: Counts,
    transmits: VecDeque<Transmit<P>>,
    events: VecDeque<Event>,
}

impl<P: Copy + Ord + Debug> Pool<P> {
    /// An empty pool that says its lines as `session`.
    ///
    /// `seed` decides with whom digests are exchanged, and when within each second; give each peer another.
    pub fn new(session: Session, limits: Limits, seed: u64, now: Instant) -> Self {
        let mut rng = SmallRng::seed_from_u64(seed);
        let phase = EXCHANGE.mul_f64(rng.random());
        let mut lanes = Lanes::default();
        lanes.open(session, Lane::starting_at(0, 0));
        Self {
            session,
            limits,
            rng,
            lamport: 0,
            lanes,
            frontier: Frontier::default(),
            holds: Holds::default(),
            reachable: BTreeSet::new(),
            pulls: Pulls::new(limits.sessions),
            behind: Behind::new(limits.sessions),
            gaps: Gaps::new(),
            next_exchange: now + phase,
            is_confirmed: false,
            from_elsewhere: false,
            after: None,
            touched: Vec::new(),
            counts: Counts::default(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Says a line: it is shown here at once and goes to every reachable peer, and later to whoever becomes so.
    ///
    /// `body` is kept as it is given; cut out of a large buffer, it keeps that alive. Fails only if it is too long.
    pub fn say(&mut self, body: Bytes, now: Instant) -> Result<MessageId, SayError> {
        if body.len() > MAX_BODY {
            return Err(SayError::TooLong(body));
        }
        if self.is_confirmed && self.lanes.is_full(self.session, &self.limits) {
            return Err(SayError::BacklogFull(body));
        }
        self.lamport = self.lamport.saturating_add(1);
        let id = MessageId { session: self.session, number: self.lanes.next(self.session) };
        let say = Say { id, lamport: self.lamport, after: self.after, heads: self.frontier.heads(self.session), body };
        if !self.reachable.is_empty() {
            self.transmits.push_back(Transmit { to: To::All, message: Message::Say(say.clone()) });
        }
        self.keep(Line { say, came: now }, now);
        Ok(id)
    }

    /// Starts where another pool was: of the sessions in `baseline` that are unknown here, what was shown there
    /// counts as had, and is neither pulled nor shown.
    ///
    /// For a newcomer, before it hears of anybody's lines. Where the table has no room sessions are forgotten as
    /// always, and what the other pool has forgotten is forgotten here.
    pub fn adopt(&mut self, baseline: Baseline, now: Instant) {
        for range in self.within_table(&baseline.ranges) {
            if !range.is_sound(self.horizon()) {
                self.counts.malformed += 1;
                continue;
            }
            let lane = Lane::starting_at(range.hi, range.lamport);
            if self.is_confirmed && self.lanes.get(range.session).is_some_and(|lane| lane.lo() < range.hi) {
                self.confirmed_below(range.session, range.hi, range.lamport, now);
            }
            if self.lanes.get(range.session).is_none() && self.admit(range.session, lane, now) {
                self.lamport = self.lamport.max(range.lamport);
                self.pulls.forget(range.session);
                self.behind.forget(range.session);
                self.settle(range.session, now);
            }
        }
        if baseline.floor <= self.horizon() {
            self.lanes.raise_floor(baseline.floor);
            self.lamport = self.lamport.max(baseline.floor);
        }
    }

    /// A peer can be reached: sends it this pool's digest and asks for its own.
    pub fn handle_reachable(&mut self, peer: P, _now: Instant) {
        self.reachable.insert(peer);
        self.send_digest(peer, true);
    }

    /// A peer can no longer be reached. What was pulled from it is looked for elsewhere.
    pub fn handle_unreachable(&mut self, peer: P, _now: Instant) {
        self.reachable.remove(&peer);
        self.behind.forget_peer(peer);
        self.gaps.forget_peer(peer);
        if self.pulls.forget_peer(peer) {
            self.exchange();
        }
    }

    /// A message came from `from`.
    ///
    /// A line is taken from anybody, and its body copied out of the buffer it was decoded from. The rest is only for
    /// peers that are reachable here: others could not be answered, and will exchange digests when they are.
    pub fn handle_message(&mut self, from: P, message: Message, now: Instant) {
        if let Message::Say(say) = message {
            return self.handle_say(from, say, now);
        }
        if !self.reachable.contains(&from) {
            return;
        }
        match message {
            Message::Say(_) => {}
            Message::Digest { ranges, reply } => {
                self.compare(from, &ranges, now);
                self.fill_gaps(from, &ranges, now);
                if reply {
                    self.send_digest(from, false);
                }
            }
            Message::Pull { wants } => self.answer(from, &wants),
            Message::Rest { ranges } => self.handle_rest(from, &ranges, now),
        }
    }

    /// Does what is due at `now`. Early, it does nothing.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some(session) = self.holds.pop_due(now) {
            self.settle(session, now);
        }
        self.give_up(now);
        if self.next_exchange <= now {
            self.next_exchange = now + EXCHANGE;
            let silent = self.pulls.expire(now);
            self.exchange();
            // Nobody else may have what it did not send: by lot it would be asked again after as many seconds as there are peers.
            if let Some(peer) = silent {
                self.send_digest(peer, true);
            }
        }
    }

    /// The next message to send, in the order to send them.
    pub fn poll_transmit(&mut self) -> Option<Transmit<P>> {
        self.transmits.pop_front()
    }

    /// The next event, in the order they happened.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) next has something to do.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let exchange = (!self.reachable.is_empty()).then_some(self.next_exchange);
        exchange.into_iter().chain(self.holds.deadline()).chain(self.behind.deadline()).min()
    }

    /// The session this pool says its lines as.
    pub fn session(&self) -> Session {
        self.session
    }

    /// What was shown here so far, for a newcomer to [`adopt`](Self::adopt); where lines are confirmed, what was confirmed.
    pub fn baseline(&self) -> Baseline {
        let ranges = self.lanes.iter().map(|(session, lane)| match lane.first().filter(|_| self.is_confirmed) {
            Some(first) => {
                Range { session, lo: lane.lo(), hi: lane.lo(), lamport: first.say.lamport.saturating_sub(1) }
            }
            None => Range { hi: lane.shown(), ..lane.range(session) },
        });
        Baseline { ranges: ranges.collect(), floor: self.lanes.floor() }
    }

    /// The lines that are kept and were shown, in one order that is the same wherever the same lines are kept: by
    /// (Lamport time, session).
    ///
    /// An author's lines are in the order said, and a line is behind all that its author had seen. A late line may
    /// belong before one that was [shown](Event::Shown) earlier.
    pub fn lines(&self) -> Lines<'_> {
        Lines::new(&self.lanes)
    }

    /// The bytes that the kept lines weigh: never above [`Limits::total_bytes`].
    pub fn weight(&self) -> usize {
        self.lanes.weight()
    }

    /// The number of sessions known: never above [`Limits::sessions`], save for one's own.
    pub fn sessions(&self) -> usize {
        self.lanes.len()
    }

    /// What was ignored or lost so far.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }
}
