//! What must hold, whatever happens: one property a file, each over plain data, so that a forged story can break it.
//!
//! The table is that of the protocol's section 6. A simulator looks at the cheap ones after every step of a process, at the
//! others now and then and at the end.
//!
//! N1 to N8 are of histories that meet, and of takeovers.
//!
//! | | | file |
//! | --- | --- | --- |
//! | I1, N1 | any two members agree on every place that both have decided in one history | [`agreement`] |
//! | I2 | what is promised, accepted and decided never goes back | [`advance`] |
//! | I3 | one leader per ballot, and one log | [`ballots`] |
//! | I4, N2 | what was decided is in every log established later, along descent | [`kept`] |
//! | N3 | a line loses its place for a takeover or a meeting, never for a change of leader alone | [`causes`] |
//! | N4 | two attempts of one history never decide different things | [`attempts`] |
//! | N5 | a line loses its place only where the log changes | [`in_place`] |
//! | N6 | a history is given up only for one that has a quorum | [`eligible`] |
//! | N7 | there are no more histories than foundations and takeovers | [`histories`] |
//! | | after the faults there is one, if any can have a quorum | [`convergence`] |
//! | N8 | a fence is no less than any that a member in reach had seen | [`fences`] |
//! | I5 | nothing leaves before what it says is on disk | [`durable`] |
//! | I6 | a line is shown at most once, each author's in the order said | [`owners`] |
//! | | and is confirmed once, in the same order | [`once`] |
//! | I8 | a line is shown at every unpaused member that could reach a holder for 3 s without a break | [`spread`] |
//! | I9 | after the faults: one leader, the highest rank; a full mesh; one roster; one log | [`convergence`] |
//! | I11 | at most one configuration is undecided | [`configs`] |
//! | I12 | a proposal's state is the fold of the log; accepted means that the members did not change and all consented | [`proposals`] |
//! | I13 | tables and queues stay within their bounds | [`bounds`] |
//! | I14 | an uncontested election takes n - 1 messages | [`cost`] |
//! | I15 | the seldom things happen in the suite | [`coverage`] |
//! | I16 | with no link state under way, reachability is symmetric and transitive | [`equivalence`] |
//! | | the exactly-once table is the fold of the log, with a snapshot or without | [`tables`] |
//! | | epochs never go back | [`epochs`] |
//! | | one leader per epoch | [`leaders`] |
//! | | names and ranks are unique among the admitted; a version of the roster is one roster | [`rosters`] |
//! | | what an owner is told adds up | [`owners`] |
//! | | what is shown is what was said, by whom it was said and to whom | [`authors`] |
//! | | a private message is shown once or not, and its sender told the truth | [`privates`] |
//! | | every request is answered within 5 s | [`requests`] |
//! | | at rest little is sent, and nobody is busy with its timers | [`rest`] |

pub mod advance;
pub mod agreement;
pub mod attempts;
pub mod authors;
mod awaited;
pub mod ballots;
pub mod bounds;
pub mod causes;
pub mod configs;
pub mod convergence;
pub mod cost;
pub mod coverage;
pub mod durable;
pub mod eligible;
pub mod epochs;
pub mod equivalence;
pub mod fences;
#[cfg(test)]
mod forged;
pub mod histories;
pub mod in_place;
pub mod kept;
pub mod leaders;
pub mod logs;
pub mod once;
pub mod owners;
pub mod privates;
pub mod proposals;
pub mod requests;
pub mod rest;
pub mod rosters;
pub mod spread;
pub mod tables;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use history::Log;
use node::group::{Direct, Group, Output};
use node::{Event, MessageId, Private, Proposal, ProposalState};
use transport::PeerId;
use transport::overlay::Overlay;

use self::convergence::Stand;
pub use self::coverage::Coverage;

/// What became of a rule: if it is broken, how.
pub type Verdict = Result<(), String>;

/// How long an answer may take: five seconds, and the lateness of timers.
const ANSWERED: Duration = Duration::from_millis(5100);

/// One process after a step.
#[derive(Clone, Copy, Debug)]
pub struct Look<'a> {
    /// Which process of all that ever ran.
    pub run: u32,
    /// Its mind.
    pub group: &'a Group,
    /// Its view of all links.
    pub overlay: &'a Overlay,
}

/// All that must hold of one world.
#[derive(Debug, Default)]
pub struct Invariants {
    /// Epochs never go back.
    pub epochs: epochs::Epochs,
    /// One leader per epoch.
    pub leaders: leaders::Leaders,
    /// One roster per version, with unique names.
    pub rosters: rosters::Rosters,
    /// What owners were told.
    pub owners: owners::Owners,
    /// Lines.
    pub spread: spread::Spread,
    /// Who said what.
    pub authors: authors::Authors,
    /// Private messages.
    pub privates: privates::Privates,
    /// Proposals, and what programs do as leaders.
    pub proposals: proposals::Proposals,
    /// Requests.
    pub requests: requests::Requests,
    /// Timers.
    pub rest: rest::Rest,
    /// Logs.
    pub logs: logs::Logs,
    /// Exactly-once tables.
    pub tables: tables::Tables,
    /// What owners were told is confirmed.
    pub once: once::Once,
    /// What owners were told is confirmed where it was before.
    pub in_place: in_place::InPlace,
    /// How often each process's owner was told that a line lost its place.
    pub unconfirmed: BTreeMap<u32, u32>,
    /// Fences.
    pub fences: fences::Fences,
    /// Which processes lead, and are of a history that another is to stand before.
    outranked: BTreeSet<u32>,
    /// Whether anybody's log has its beginning no longer in memory.
    forgets: bool,
    /// Whether a log gave way to that of another regime, and no longer had in memory all that it had confirmed: what an author said
    /// there first may be lost, and then what it says next waits for that for ever.
    pub gave_way: bool,
    /// What happened seldom.
    pub coverage: Coverage,
}

impl Invariants {
    /// A process has started.
    pub fn started(&mut self, run: u32, id: PeerId, now: Instant) {
        self.owners.started(run, id);
        self.spread.note_started(run, id, now);
    }

    /// It has ended.
    pub fn ended(&mut self, run: u32, now: Instant) {
        self.owners.ended(run);
        self.in_place.ended(run);
        self.logs.causes.ended(run);
        self.fences.ended(run);
        self.logs.eligible.ended(run, now);
        self.tables.ended(run);
        self.once.ended(run);
        self.proposals.ended(run);
        self.privates.ended(run);
        self.requests.ended(run);
        self.spread.note_ended(run);
    }

    /// It is stopped, or goes on.
    pub fn paused(&mut self, run: u32, paused: bool, now: Instant) {
        self.privates.paused(run, paused);
        self.requests.paused(run, paused);
        self.logs.eligible.paused(run, paused, now);
        self.spread.note_paused(run, paused, now);
    }

    /// Looks at a process after a step.
    ///
    /// # Errors
    ///
    /// What does not hold.
    pub fn look(&mut self, look: &Look<'_>, now: Instant) -> Verdict {
        let Look { run, group, overlay } = *look;
        let (id, epoch) = (group.me().id, group.newest_epoch());
        self.epochs.note(run, epoch)?;
        self.leaders.note(run, id, epoch.filter(|_| group.believes_to_lead()))?;
        if let Some(version) = group.roster_version()
            && self.rosters.is_news(run, version)
        {
            let guests: Vec<_> = group.roster_guests().collect();
            self.rosters.note(run, version, &group.roster().collect::<Vec<_>>(), &guests)?;
        }
        bounds::check(&group.sizes(), overlay.known())?;
        self.look_for_leaps(run, group, now);
        let log = group.history().log();
        self.logs.look(run, log, &mut self.coverage, now)?;
        self.fences.note_seen(run, log.seen(), now);
        self.look_for_hand_overs(run, group);
        self.forgets |= log.first_in_memory() > 1;
        if self.forgets && log.meets_others() {
            self.spread.note_apart(run, now);
        }
        if let Some(regime) = log.regime() {
            self.tables.note(run, (regime, log.decided()), log.applied())?;
        }
        self.proposals.look(run, group)?;
        if group.is_member() {
            self.spread.note_member(run, now);
        }
        Ok(())
    }

    /// Looks whether a process went on from a snapshot, or began its log anew: before its owner hears of anything that follows.
    pub fn look_for_leaps(&mut self, run: u32, group: &Group, now: Instant) {
        if !self.once.leapt(run, group.history().log().leaps()) {
            return;
        }
        self.spread.note_leapt(run);
        self.in_place.leapt(run, now);
        let before = self.logs.advance.last(run).regime;
        self.gave_way |= before.is_some() && before != group.history().log().regime();
        let open = |proposal: &Proposal| proposal.state == ProposalState::Open;
        let from_snapshot = group.history().log().first_in_memory() > 1;
        self.coverage.snapshots += u64::from(from_snapshot);
        let proposals = group.proposals().into_iter().filter(|_| from_snapshot);
        let (open, decided): (Vec<_>, Vec<_>) = proposals.partition(open);
        self.coverage.snapshots_with_open += u64::from(!open.is_empty());
        self.coverage.snapshots_with_proposals += u64::from(!decided.is_empty());
    }

    /// A leader of a history that another is to stand before hands the lead over.
    fn look_for_hand_overs(&mut self, run: u32, group: &Group) {
        if group.believes_to_lead() {
            match group.history().log().stands() {
                true => self.outranked.remove(&run),
                false => self.outranked.insert(run),
            };
        } else if self.outranked.remove(&run) {
            self.coverage.hand_overs += 1;
        }
    }

    /// A mind wants something of its owner.
    ///
    /// # Errors
    ///
    /// What does not fit what it said before.
    pub fn hear(&mut self, run: u32, log: &Log<PeerId>, output: &Output, now: Instant) -> Verdict {
        match output {
            Output::Event(Event::Private(private)) => self.hear_private(run, self.owners.me(run), private),
            Output::Event(event) => {
                if let Event::Message(message) = event {
                    self.authors.note_shown(message)?;
                    self.spread.note_shown(message.id, run, now);
                    if message.earlier {
                        self.once.note_earlier(run, message.id);
                    }
                }
                if let Event::Skipped { lines } = event {
                    self.spread.note_skipped(run, *lines);
                }
                match event {
                    Event::Confirmed { id, index } => {
                        self.coverage.guest_lines +=
                            u64::from(self.authors.said(*id).is_some_and(|said| said.by_guest));
                        self.once.note_confirmed(run, *id, *index)?;
                        let hash = log.hash_at(index.number());
                        self.in_place.note_confirmed(run, *id, *index, hash)?;
                        let regime = log.lineage().at(index.number()).filter(|_| index.number() <= log.decided());
                        self.logs.causes.note_confirmed(run, *id, regime);
                    }
                    Event::Unconfirmed { id, was } => {
                        *self.unconfirmed.entry(run).or_default() += 1;
                        self.once.note_unconfirmed(run, *id, *was)?;
                        self.in_place.note_unconfirmed(run, *id, now);
                        let begins_anew = self.in_place.begins_anew(run, now);
                        let history = log.lineage().at(was.number()).filter(|_| !begins_anew);
                        self.logs.causes.note_unconfirmed(run, *id, *was, history)?;
                    }
                    Event::Left { id, .. } => self.privates.note_lost(run, *id, now),
                    Event::Alarm(what) => return Err(format!("an alarm: {what}")),
                    _ => {}
                }
                self.coverage.note(event);
                self.coverage.guest_renames += u64::from(self.owners.renames_one_of_two_guests(run, event));
                self.owners.hear(run, event)
            }
            Output::Admitted(members) => self.owners.admitted(run, members),
            Output::Delivered(id, delivered) => self.hear_outcome(*id, *delivered, now),
            Output::Members(id, answer) => self.requests.note_answer(*id, answer.is_ok()),
            Output::Calculated(id, answer) => self.requests.note_answer(*id, answer.is_ok()),
            Output::Requested(id, answer) => self.requests.note_answer(*id, answer.is_ok()),
            Output::Proposed(id, answer) => self.requests.note_answer(*id, answer.is_ok()),
            Output::Voted(id, answer) => self.requests.note_answer(*id, answer.is_ok()),
            Output::Execute(task) => {
                let in_reach = self.spread.reached_since(run, now, fences::SETTLED);
                self.fences.note_given(task.ballot, &in_reach, now)?;
                self.proposals.note_begun(run, task)
            }
            _ => Ok(()),
        }
    }

    /// Something was said to a user of a gateway alone, who takes it or does not.
    ///
    /// # Errors
    ///
    /// It was not said so, or is shown twice.
    pub fn hear_direct(&mut self, run: u32, direct: &Direct, taken: bool) -> Verdict {
        if taken {
            return self.hear_private(run, Some(direct.guest), &direct.private);
        }
        self.privates.note_untaken(direct.private.id);
        self.coverage.unread += 1;
        Ok(())
    }

    fn hear_private(&mut self, run: u32, shown_to: Option<PeerId>, private: &Private) -> Verdict {
        shown_to.map_or(Ok(()), |shown_to| self.authors.note_private(shown_to, private))?;
        self.privates.note_shown(private.id, run)
    }

    fn hear_outcome(&mut self, id: MessageId, delivered: bool, now: Instant) -> Verdict {
        if let Some(said) = self.authors.said(id).filter(|_| delivered) {
            self.coverage.private_by_guest += u64::from(said.by_guest);
            self.coverage.private_to_guest += u64::from(said.to_guest);
        }
        self.privates.note_outcome(id, delivered, now)
    }

    /// Whether everything asked was answered in time.
    ///
    /// # Errors
    ///
    /// What was not.
    pub fn check_answers(&self, now: Instant) -> Verdict {
        self.privates.check(now)?;
        self.requests.check(now)
    }

    /// Whether what the owners were told adds up to what is.
    ///
    /// # Errors
    ///
    /// Where it does not.
    pub fn told_what_is(&self, stands: &[Stand]) -> Verdict {
        stands.iter().try_for_each(|stand| self.owners.check(stand))
    }
}
