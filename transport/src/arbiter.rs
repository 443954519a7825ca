//! Which of two connections between the same pair becomes their link (pure).
//!
//! A connection becomes a link in three steps: the dialler's hello, the acceptor's hello, the dialler's `Up`. Only the
//! dialler decides, and only the acceptor's consent lets it; so both ends always agree on the one that stays:
//!
//! - Both dial at the same time: the acceptor of each consents, and each dialler, before its `Up`, looks whether it has
//!   itself consented to a dial of the other. If so, the lower id's connection stays.
//! - One of them is up already: the acceptor refuses the second as a duplicate while the first is younger than
//!   `timeout`. Later, or from a higher run of the peer, a dial means that the other end lost the link unseen: the newer replaces the older.

use std::time::{Duration, Instant};

use crate::control::Refusal;
use crate::peer::{Incarnation, PeerId};

/// The link that a pair has already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Standing {
    /// The run of the other end that it belongs to.
    pub(crate) incarnation: Incarnation,
    /// Since when it is up.
    pub(crate) since: Instant,
}

/// Whether to consent to a connection that another peer dialled.
///
/// # Errors
///
/// The refusal to answer with.
pub(crate) fn accept(
    standing: Option<Standing>,
    incarnation: Incarnation,
    timeout: Duration,
    now: Instant,
) -> Result<(), Refusal> {
    match standing {
        None => Ok(()),
        Some(link) if incarnation > link.incarnation => Ok(()),
        Some(link) if incarnation < link.incarnation => Err(Refusal::Outdated),
        Some(link) if now.saturating_duration_since(link.since) < timeout => Err(Refusal::Duplicate),
        Some(_) => Ok(()),
    }
}

/// Whether a dialler, given the acceptor's consent, makes the connection its link.
pub(crate) fn confirm(
    me: PeerId,
    them: PeerId,
    standing: Option<Standing>,
    incarnation: Incarnation,
    consented: bool,
) -> bool {
    match standing {
        Some(link) if incarnation <= link.incarnation => false,
        _ => !consented || me < them,
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(1);
    const RUN: Incarnation = Incarnation(5);

    fn peers() -> (PeerId, PeerId) {
        (PeerId::new(Uuid::from_u128(1)), PeerId::new(Uuid::from_u128(2)))
    }

    #[test]
    fn of_two_simultaneous_dials_exactly_the_lower_ids_stays() {
        let (low, high) = peers();
        assert!(confirm(low, high, None, RUN, true));
        assert!(!confirm(high, low, None, RUN, true));
    }

    #[test]
    fn a_single_dial_stays_whoever_dialled() {
        let (low, high) = peers();
        assert!(confirm(low, high, None, RUN, false) && confirm(high, low, None, RUN, false));
    }

    #[test]
    fn a_dial_beside_a_young_link_is_a_duplicate_and_beside_an_old_one_replaces_it() {
        let since = Instant::now();
        let standing = Some(Standing { incarnation: RUN, since });
        assert_eq!(accept(standing, RUN, TIMEOUT, since + TIMEOUT / 2), Err(Refusal::Duplicate));
        assert_eq!(accept(standing, RUN, TIMEOUT, since + TIMEOUT), Ok(()));
    }

    #[test]
    fn a_higher_run_evicts_at_once_and_a_lower_one_is_refused() {
        let (low, high) = peers();
        let since = Instant::now();
        let standing = Some(Standing { incarnation: RUN, since });
        assert_eq!(accept(standing, Incarnation(6), TIMEOUT, since), Ok(()));
        assert_eq!(accept(standing, Incarnation(4), TIMEOUT, since + TIMEOUT), Err(Refusal::Outdated));
        assert!(confirm(low, high, standing, Incarnation(6), false));
        assert!(!confirm(low, high, standing, RUN, false));
    }
}
