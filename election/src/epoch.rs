//! Which leadership something belongs to.

use serde::{Deserialize, Serialize};

/// One leadership: raised by every claim, carried by everything that a leader sends.
///
/// Ordered by counter, then by leader, and the greater is the newer. It holds its claimer's own id, so two peers that
/// claim at one instant make two epochs and no epoch ever has two leaders.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Epoch<P> {
    /// One more than the greatest that the claimer had seen.
    pub counter: u64,
    /// Who claimed.
    pub leader: P,
}

/// More claims than a group can live to see, and as many again below the end of the number.
const COUNTER_MAX: u64 = u64::MAX / 2;

impl<P> Epoch<P> {
    /// Whether claims can have led here. Else it is a mistake, and above it there would be no room to claim.
    pub(crate) fn is_plausible(&self) -> bool {
        self.counter <= COUNTER_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_counter_orders_before_the_leader() {
        let epoch = |counter, leader| Epoch { counter, leader };
        assert!(epoch(2, 'a') > epoch(1, 'z'));
        assert!(epoch(2, 'b') > epoch(2, 'a'));
    }
}
