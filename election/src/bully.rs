//! One peer's part in the election: inputs, outputs, and what joins them.

mod ask;
mod contest;
mod lead;
mod receive;
mod transition;

use std::collections::VecDeque;
use std::fmt::Debug;
use std::time::Instant;

use crate::electorate::Electorate;
use crate::hold::Hold;
use crate::state::{Asking, Contest, State, Then, Waiting};
use crate::{Config, Epoch, Event, Message, Rank, Reason, Transmit};

/// One peer's part in the election.
///
/// Driven as the [crate] describes: an input through `handle_*`, then `poll_transmit` and `poll_event` until they are
/// empty, then a wait until `poll_timeout` or the next input.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Bully<P> {
    me: P,
    config: Config,
    /// Own rank; `None` before admission.
    rank: Option<Rank<P>>,
    /// The newest epoch followed or led.
    epoch: Option<Epoch<P>>,
    /// The greatest counter seen in anything, which a claim must exceed.
    counter: u64,
    electorate: Electorate<P>,
    hold: Hold,
    fit: bool,
    caught_up: bool,
    leaving: bool,
    state: State<P>,
    /// Until when a peer that slept takes whom it loses for well: most likely they have only taken down their links to it.
    slept_until: Option<Instant>,
    /// What `poll_timeout` promised: when to call `handle_timeout`.
    deadline: Option<Instant>,
    transmits: VecDeque<Transmit<P>>,
    events: VecDeque<Event<P>>,
}

impl<P: Copy + Ord + Debug> Bully<P> {
    /// A peer that is not admitted yet: it sends nothing, and only remembers the greatest epoch that it hears of.
    ///
    /// `config` is used as it is; see [`Config::validate`].
    pub fn new(me: P, config: Config, _now: Instant) -> Self {
        Self {
            me,
            config,
            rank: None,
            epoch: None,
            counter: 0,
            electorate: Electorate::new(),
            hold: Hold::new(),
            fit: true,
            caught_up: false,
            leaving: false,
            state: State::Outside,
            slept_until: None,
            deadline: None,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// This peer has founded the group, with this rank: it leads at once, and its history is the group's.
    pub fn handle_founded(&mut self, rank: Rank<P>, now: Instant) {
        self.step(now, |this| {
            this.rank = Some(rank);
            this.become_leader(Reason::Founded, now);
        });
    }

    /// This peer took part before under the same id, and saw this epoch: it claims none at or below it. To be called before it is
    /// told of its group.
    pub fn handle_restored(&mut self, epoch: Epoch<P>) {
        if epoch.is_plausible() {
            self.counter = self.counter.max(epoch.counter);
        }
    }

    /// This peer is a member, with this rank, of a group led by `epoch.leader`, whom it follows.
    ///
    /// Without an epoch, or with one's own (a member that comes back and knows no leader), it listens for a timeout,
    /// asks around, and then elects. Called again on being admitted again; a newer epoch than the one given is kept.
    /// A peer that takes part anew under an id that has led before must have given its last epoch
    /// ([`handle_restored`](Self::handle_restored)): without it, it may claim one of its old epochs a second time.
    pub fn handle_admitted(&mut self, rank: Rank<P>, epoch: Option<Epoch<P>>, now: Instant) {
        self.step(now, |this| {
            let newcomer = this.rank.replace(rank).is_none();
            let epoch = epoch.filter(Epoch::is_plausible);
            this.counter = this.counter.max(epoch.map_or(0, |epoch| epoch.counter));
            match epoch.filter(|epoch| epoch.leader != this.me) {
                Some(epoch) if this.lags(epoch) => {
                    this.become_follower(epoch, now, Reason::Admitted, now);
                }
                None if newcomer => {
                    let contest = Contest::new(Reason::Leaderless);
                    let until = now + this.config.timeout;
                    this.become_waiting(contest, None, until, Then::Inquire);
                }
                _ => {}
            }
        });
    }

    /// The roster is this: who may be elected, with their ranks as far as known. Replaces the one before.
    ///
    /// If it names this peer, that is its own rank from now on. A peer that is reachable but not on the roster is
    /// neither elected nor asked nor counted, save a leader that is met, until it is unreachable or the next roster.
    pub fn handle_members(&mut self, ranks: &[Rank<P>], now: Instant) {
        self.step(now, |this| {
            let joined = this.electorate.list(ranks);
            if let Some(own) = ranks.iter().find(|rank| rank.peer == this.me) {
                this.rank = this.rank.map(|_| *own);
            }
            if this.is_leader() {
                joined.into_iter().for_each(|to| this.send_heartbeat(to, now));
            }
        });
    }

    /// A peer can be reached. A leader introduces itself.
    pub fn handle_reachable(&mut self, peer: P, now: Instant) {
        self.step(now, |this| {
            let is_new = peer != this.me && this.electorate.reach(peer, now);
            if is_new && this.is_leader() {
                this.send_heartbeat(peer, now);
            }
        });
    }

    /// A peer can no longer be reached. If it led, the highest-ranked of the rest claims.
    pub fn handle_unreachable(&mut self, peer: P, now: Instant) {
        self.step(now, |this| {
            this.electorate.lose(peer);
            this.unreachable(peer, now);
        });
    }

    /// The own link to a peer has ended, while others still reach it: a leader's silence is then doubted sooner.
    pub fn handle_link_lost(&mut self, peer: P, now: Instant) {
        self.relink(peer, false, now);
    }

    /// The own link to a peer is up again.
    pub fn handle_link_restored(&mut self, peer: P, now: Instant) {
        self.relink(peer, true, now);
    }

    /// A message has arrived.
    pub fn handle_message(&mut self, from: P, message: Message<P>, now: Instant) {
        self.step(now, |this| this.receive(from, message, now));
    }

    /// The time is `now`. Before the deadline of [`Bully::poll_timeout`] this changes nothing.
    ///
    /// After a pause of the process this comes before any other input: called more than a timeout after the deadline,
    /// it takes the process for stopped or starved, which everything else that is waiting should find settled.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.step(now, |this| this.expire(now));
    }

    /// Whether the disk keeps up. A leader whose does not yields, and an unfit peer passes its turn on.
    pub fn handle_fit(&mut self, fit: bool, now: Instant) {
        self.step(now, |this| {
            if this.is_leader() && !fit {
                this.hold.fell(now);
            }
            this.fit = fit;
        });
    }

    /// Whether the history has been caught up with. A peer that has not takes nobody's place, and passes its turn on.
    pub fn handle_caught_up(&mut self, caught_up: bool, now: Instant) {
        self.step(now, |this| this.caught_up = caught_up);
    }

    /// Another is to lead in this peer's place, which the layer above has chosen: a leader yields to it, and claims again if nothing
    /// comes of that.
    pub fn hand_over(&mut self, to: P, now: Instant) {
        self.step(now, |this| {
            if this.is_leader() && this.electorate.reaches(to) {
                this.hold.fell(now);
                this.yield_to(to, Contest::new(Reason::Yielded(this.me)), now);
            }
        });
    }

    /// This peer is leaving: it never claims again, and if it leads, it yields to the next in rank.
    pub fn handle_leave(&mut self, now: Instant) {
        self.step(now, |this| this.leaving = true);
    }

    /// The next message to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit<P>> {
        self.transmits.pop_front()
    }

    /// The next thing that the layer above should know.
    pub fn poll_event(&mut self) -> Option<Event<P>> {
        self.events.pop_front()
    }

    /// When to call [`Bully::handle_timeout`], unless another input comes first and changes it.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    /// Who leads, as far as this peer knows.
    pub fn leader(&self) -> Option<P> {
        self.state.leader(self.me)
    }

    /// Whether this peer leads.
    pub fn is_leader(&self) -> bool {
        matches!(self.state, State::Leading(_))
    }

    /// The newest epoch that this peer has followed or led; it never goes back.
    pub fn epoch(&self) -> Option<Epoch<P>> {
        self.epoch
    }

    /// What to give to [`handle_restored`](Self::handle_restored) when this peer takes part anew: no epoch that it has led is
    /// newer. `None` if it has heard of none.
    pub fn last_epoch(&self) -> Option<Epoch<P>> {
        let heard = Epoch { counter: self.counter, leader: self.me };
        self.epoch.max((self.counter > 0).then_some(heard))
    }

    /// This peer's own rank, once it is admitted.
    pub fn rank(&self) -> Option<Rank<P>> {
        self.rank
    }

    /// Applies one input: first whether this process slept, last what follows from any change.
    fn step(&mut self, now: Instant, input: impl FnOnce(&mut Self)) {
        let patience = self.config.timeout;
        if self.deadline.is_some_and(|deadline| now > deadline + patience) {
            self.suspect_self(now);
        }
        input(self);
        self.step_aside(now);
        self.watch_rank(now);
        let own = self.state.deadline().into_iter();
        let next = own.chain(self.take_over_at()).min();
        self.deadline = next.map(|deadline| deadline.max(now));
    }

    /// Does what is due.
    fn expire(&mut self, now: Instant) {
        if self.take_over_at().is_some_and(|at| at <= now) {
            self.ask_to_take_over(now);
        }
        if self.state.deadline().is_some_and(|at| at <= now) {
            match &self.state {
                State::Outside => {}
                State::Following(_) => self.doubt_leader(now),
                State::Waiting(_) => self.wait_no_longer(now),
                State::Asking(_) => self.conclude(now),
                State::Leading(_) => self.beat(now),
            }
        }
    }

    /// What was sent over a link that ended is lost, for a timeout before anybody noticed. So a follower gives its leader two beats
    /// over the new way, from this moment on, and a doubt that the same loss has raised is taken back; a leader beats at once.
    fn relink(&mut self, peer: P, up: bool, now: Instant) {
        self.step(now, |this| {
            this.electorate.link(peer, up);
            let limit = this.silence_borne(peer);
            if this.is_leader() {
                return this.send_heartbeat(peer, now);
            }
            match &mut this.state {
                State::Following(following) if following.leader == peer && up => {
                    following.silent_at = following.heard + limit;
                }
                State::Following(following) if following.leader == peer => following.silent_at = now + limit,
                State::Waiting(Waiting { contest, .. }) | State::Asking(Asking { contest, .. })
                    if contest.doubted == Some(peer) && !up =>
                {
                    let contest = contest.clone();
                    this.believe_again(contest, now + limit, now);
                }
                _ => {}
            }
        });
    }

    /// Whether `epoch` is newer than any that this peer has followed or led.
    fn lags(&self, epoch: Epoch<P>) -> bool {
        self.epoch.is_none_or(|known| known < epoch)
    }

    /// Whether this peer may lead at all.
    fn may_lead(&self) -> bool {
        self.fit && !self.leaving
    }

    /// Whether this peer is one of those that the group should be led by.
    fn is_ready(&self) -> bool {
        self.may_lead() && self.caught_up
    }

    fn send(&mut self, to: P, message: Message<P>) {
        self.transmits.push_back(Transmit { to, message });
    }
}
