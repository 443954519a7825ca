//! With no link state under way, reachability is symmetric and transitive (I16).

use std::collections::{BTreeMap, BTreeSet};

use transport::PeerId;

use super::Verdict;

/// Looks at whom each peer says that it can reach. Peers that say nothing, because they are stopped, are not looked at.
///
/// # Errors
///
/// Two that see it differently.
pub fn check(reach: &BTreeMap<PeerId, BTreeSet<PeerId>>) -> Verdict {
    for (one, theirs) in reach {
        for (other, others) in theirs.iter().filter_map(|other| Some((other, reach.get(other)?))) {
            if !others.contains(one) {
                return Err(format!("{one} reaches {other}, and not the other way round"));
            }
            let differs = theirs.symmetric_difference(others).find(|peer| *peer != one && *peer != other);
            if let Some(third) = differs {
                return Err(format!("{one} and {other} reach each other, and only one of them {third}"));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::forged::peer;
    use super::*;

    fn verdict(reach: &[(u128, &[u128])]) -> Verdict {
        let set = |peers: &[u128]| peers.iter().map(|n| peer(*n)).collect();
        check(&reach.iter().map(|(one, peers)| (peer(*one), set(peers))).collect())
    }

    #[test]
    fn a_way_that_leads_in_one_direction_is_seen() {
        verdict(&[(1, &[2]), (2, &[1]), (3, &[])]).unwrap();
        assert!(verdict(&[(1, &[2]), (2, &[])]).is_err());
    }

    #[test]
    fn a_neighbours_neighbour_that_is_out_of_reach_is_seen() {
        verdict(&[(1, &[2, 3]), (2, &[1, 3]), (3, &[1, 2])]).unwrap();
        assert!(verdict(&[(1, &[2]), (2, &[1, 3]), (3, &[2])]).is_err());
    }
}
