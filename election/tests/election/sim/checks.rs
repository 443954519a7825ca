//! What must hold at every moment of a run.

use std::collections::BTreeMap;

use election::{Bully, Epoch, Event};

use super::{Id, Micros};

/// More than a peer ever has reason to send at one input: a claim to all, a round of questions, a beat.
const SENT_AT_ONCE_MAX: usize = 64;

/// Remembers what was seen, and panics at what must not be.
#[derive(Default)]
pub(crate) struct Checks {
    epochs: BTreeMap<Id, Epoch<Id>>,
    claims: BTreeMap<Epoch<Id>, Id>,
    /// When the last change of leader was announced.
    pub(crate) changed_at: Micros,
    /// Who announced it.
    pub(crate) changes: u64,
}

impl Checks {
    pub(crate) fn after(&mut self, id: Id, now: Micros, bully: &Bully<Id>, events: &[Event<Id>], sent: usize) {
        if let Some(epoch) = bully.epoch() {
            let before = self.epochs.insert(id, epoch);
            assert!(before <= Some(epoch), "{id}'s epoch went back from {before:?} to {epoch:?}");
        }
        for event in events {
            let Event::Leader { leader, epoch, .. } = event;
            self.changed_at = now;
            self.changes += 1;
            if *leader == Some(id) {
                let epoch = epoch.expect("a leader has an epoch");
                assert_eq!(epoch.leader, id, "{id} leads another's epoch");
                let claimed = self.claims.insert(epoch, id);
                assert_eq!(claimed, None, "{id} claimed {epoch:?} after {claimed:?}");
            }
            if let (Some(leader), Some(epoch)) = (leader, epoch) {
                assert_eq!(*leader, epoch.leader, "{id} follows a leader in another's epoch");
            }
        }
        assert!(sent <= SENT_AT_ONCE_MAX, "{id} sent {sent} messages at once");
    }
}

#[cfg(test)]
mod tests {
    use election::{Config, Rank, Reason};

    use super::*;
    use crate::sim::start;

    #[test]
    #[should_panic(expected = "epoch went back")]
    fn an_epoch_that_goes_back_is_noticed() {
        let mut checks = Checks::default();
        checks.after(0, 0, &leader_of(2), &[], 0);
        checks.after(0, 0, &leader_of(1), &[], 0);
    }

    #[test]
    #[should_panic(expected = "claimed")]
    fn a_second_claim_of_an_epoch_is_noticed() {
        let mut checks = Checks::default();
        let epoch = Some(Epoch { counter: 1, leader: 0 });
        let claim = Event::Leader { leader: Some(0), epoch, reason: Reason::Founded };
        checks.after(0, 0, &leader_of(1), &[claim.clone(), claim], 0);
    }

    #[test]
    #[should_panic(expected = "sent 65 messages")]
    fn a_storm_is_noticed() {
        Checks::default().after(0, 0, &leader_of(1), &[], 65);
    }

    fn leader_of(counter: u64) -> Bully<Id> {
        let mut bully = Bully::new(0, Config::default(), start());
        for _ in 0..counter {
            bully.handle_founded(Rank { priority: 0, seniority: 0, peer: 0 }, start());
        }
        bully
    }
}
