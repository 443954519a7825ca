//! At most one configuration is undecided, but for one that a takeover puts behind it (I11). That an acknowledgement counts
//! for nothing but a voter is for the history's own tests to see.
//!
//! What a leader that died had decided its successor may not know to be.

use history::{Ballot, Config};
use transport::PeerId;

use super::Verdict;

/// Looks at the configurations that stand in a leader's log and that nobody has decided.
///
/// # Errors
///
/// There are too many.
pub fn check(undecided: usize, ballot: Ballot<PeerId>) -> Verdict {
    if undecided > 1 && ballot.regime.number == 0 {
        return Err(format!("{undecided} configurations are not decided"));
    }
    Ok(())
}

/// Whether half of the voters, with the tie-breaker among them, went on without the other half.
pub fn is_tie_broken(before: &Config<PeerId>, after: &Config<PeerId>) -> bool {
    let stay = before.voters.iter().filter(|voter| after.voters.contains(voter)).count();
    let stays = after.voters.contains(&before.tie_breaker);
    after.fork.is_none() && 2 * stay == before.voters.len() && stays
}

#[cfg(test)]
mod tests {
    use super::super::forged::{ballot, peer};
    use super::*;

    #[test]
    fn two_undecided_configurations_are_seen() {
        check(1, ballot(1, 1)).unwrap();
        assert!(check(2, ballot(1, 1)).is_err());
    }

    #[test]
    fn a_half_that_goes_on_is_told_from_a_majority() {
        let config = |voters: &[u128], tie| Config {
            voters: voters.iter().copied().map(peer).collect(),
            tie_breaker: peer(tie),
            fork: None,
        };
        assert!(is_tie_broken(&config(&[1, 2], 1), &config(&[1], 1)));
        assert!(!is_tie_broken(&config(&[1, 2], 2), &config(&[1], 1)));
        assert!(!is_tie_broken(&config(&[1, 2, 3], 1), &config(&[1, 2], 1)));
    }
}
