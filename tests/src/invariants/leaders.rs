//! One leader per epoch.

use std::collections::BTreeMap;

use election::Epoch;
use transport::PeerId;

use super::Verdict;

/// Which process was seen to lead in each epoch.
#[derive(Debug, Default)]
pub struct Leaders(BTreeMap<Epoch<PeerId>, u32>);

impl Leaders {
    /// A process believes that it leads, in this epoch, or does not.
    ///
    /// # Errors
    ///
    /// Another leads in that epoch, or it is another's.
    pub fn note(&mut self, run: u32, id: PeerId, leads_in: Option<Epoch<PeerId>>) -> Verdict {
        let Some(epoch) = leads_in else { return Ok(()) };
        let leader = *self.0.entry(epoch).or_insert(run);
        if leader != run {
            return Err(format!("two processes lead in {epoch:?}"));
        }
        if epoch.leader != id {
            return Err(format!("it leads in {epoch:?}, which is another's"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::forged::{epoch, peer};
    use super::*;

    #[test]
    fn two_leaders_of_one_epoch_are_seen() {
        let mut leaders = Leaders::default();
        leaders.note(1, peer(1), Some(epoch(1, peer(1)))).unwrap();
        leaders.note(2, peer(2), Some(epoch(1, peer(2)))).unwrap();
        assert!(leaders.note(3, peer(1), Some(epoch(1, peer(1)))).is_err(), "a later run of the same peer");
        assert!(leaders.note(3, peer(3), Some(epoch(2, peer(1)))).is_err(), "another's epoch");
    }
}
