//! Epochs never go back.

use std::collections::BTreeMap;

use election::Epoch;
use transport::PeerId;

use super::Verdict;

/// The newest epoch that each process was seen in.
#[derive(Debug, Default)]
pub struct Epochs(BTreeMap<u32, Epoch<PeerId>>);

impl Epochs {
    /// A process is in an epoch, or in none yet.
    ///
    /// # Errors
    ///
    /// It was in a newer one.
    pub fn note(&mut self, run: u32, epoch: Option<Epoch<PeerId>>) -> Verdict {
        let before = self.0.get(&run).copied();
        if epoch < before {
            return Err(format!("its epoch goes back from {before:?} to {epoch:?}"));
        }
        if let Some(epoch) = epoch.filter(|epoch| Some(*epoch) != before) {
            self.0.insert(run, epoch);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::forged::{epoch, peer};
    use super::*;

    #[test]
    fn an_epoch_that_goes_back_is_seen() {
        let mut epochs = Epochs::default();
        epochs.note(1, Some(epoch(2, peer(1)))).unwrap();
        epochs.note(2, Some(epoch(1, peer(1)))).unwrap();
        assert!(epochs.note(1, Some(epoch(1, peer(9)))).is_err());
        assert!(epochs.note(2, None).is_err());
    }
}
