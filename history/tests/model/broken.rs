//! Each rule broken, one at a time: what peers send is changed on its way. Nothing in the crate can be switched off.

use history::{Ballot, Log, LogMessage, Regime};

use crate::group::Id;

/// What is broken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) enum Rule {
    /// Nothing.
    #[default]
    Whole,
    /// A history is ranked by its age alone: nobody is known to be of a younger one.
    RanksByAge,
    /// A follower gives its history up for that of anybody who says what it has.
    SwitchesOnStatus,
    /// A leader that loses sight of a voter takes over without a person's word.
    RaisesByItself,
    /// A log is of the history that it has accepted the beginning of.
    NamedByAccepted,
    /// A log that goes over to another history forgets what it accepted there.
    ForgetsAccepted,
    /// A promise counts, whatever was left.
    CountsLeft,
    /// A log that is kept back counts as an empty one.
    CountsWithheld,
    /// A leader is sure at once.
    SureAtOnce,
    /// Whoever goes over to another history is told all of it from its start.
    TeachesFromStart,
}

/// A ballot above another, of a leader that there is not.
pub(crate) fn above(promised: Option<Ballot<Id>>, regime: Regime<Id>, peer: Id) -> Ballot<Id> {
    let highest = promised.map_or(regime, |promised| promised.regime.max(regime));
    Ballot { regime: highest, round: promised.map_or(1, |promised| promised.round + 1), peer }
}

impl Rule {
    /// What comes of a message from the peer that has this log.
    pub(crate) fn change(self, log: &Log<Id>, mut message: LogMessage<Id>) -> Option<LogMessage<Id>> {
        match (self, &mut message) {
            (Self::SureAtOnce, LogMessage::Beat { sure, .. }) => *sure = true,
            (Self::CountsLeft, LogMessage::Promise { left, .. }) => *left = None,
            (Self::CountsWithheld, LogMessage::Promise { withheld, left, accepted, regime, .. }) if *withheld => {
                (*withheld, *left, *accepted, *regime) = (false, None, None, None);
            }
            (
                Self::ForgetsAccepted,
                LogMessage::Promise { chain, regime, accepted, len, from, decided, entries, .. },
            ) if chain != regime => {
                (*regime, *accepted, *len) = (*chain, None, *decided);
                *from = (*from).min(*decided);
                entries.clear();
            }
            (Self::NamedByAccepted, LogMessage::Beat { regime, .. }) => *regime = accepted(log),
            (Self::NamedByAccepted, LogMessage::Sync { regime, .. }) => *regime = accepted(log),
            (Self::NamedByAccepted, LogMessage::Learn { regime, .. }) => *regime = accepted(log)?,
            (Self::NamedByAccepted, LogMessage::Promise { chain, regime, .. }) => *chain = *regime,
            (Self::NamedByAccepted, LogMessage::Prepare { chain, regime, .. }) => *chain = *regime,
            (Self::RanksByAge, LogMessage::Status(standing)) => {
                if let (Some(config), Some(regime)) = (&mut standing.config, standing.lineage.regime()) {
                    config.voters = vec![log.me()];
                    config.tie_breaker = log.me();
                    standing.proposed.clear();
                    standing.decided = u64::from(u8::MAX - regime.by.0);
                }
            }
            _ => {}
        }
        Some(message)
    }
}

/// The history of what a log has accepted.
fn accepted(log: &Log<Id>) -> Option<Regime<Id>> {
    let at = |at| history::Index::new(at).and_then(|at| log.accepted_entry(at));
    let begun = (log.decided() + 1..=log.accepted_len()).rev().filter_map(at).find_map(|entry| match &**entry {
        history::Entry::Config(config) => config.fork.map(|fork| fork.regime),
        _ => None,
    });
    begun.or(log.regime())
}
