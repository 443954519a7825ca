//! A person's word that members which cannot be reached are dead.

use transport::PeerId;

use super::{Group, Now};
use crate::api::TakeoverError;

impl Group {
    /// Goes on without the voters named, which must be exactly those that cannot be reached.
    ///
    /// # Errors
    ///
    /// Nothing is missing, somebody else leads, or others are missing than those named.
    pub fn takeover(&mut self, lost: &[String], now: Now) -> Result<(), TakeoverError> {
        if self.has_quorum() {
            return Err(TakeoverError::Held);
        }
        if !self.bully.is_leader() {
            return Err(TakeoverError::NotLeader(self.leader().map(|leader| leader.name.clone())));
        }
        let missing = self.missing_voters();
        let folded = |names: &mut dyn Iterator<Item = &str>| {
            let mut names: Vec<_> = names.map(str::to_lowercase).collect();
            names.sort_unstable();
            names
        };
        let named = folded(&mut lost.iter().map(String::as_str));
        if named != folded(&mut missing.iter().map(crate::name::Name::as_str)) {
            return Err(TakeoverError::Others(missing));
        }
        let voters: Vec<PeerId> = self.history.log().missing_voters();
        let begun = self.history.takeover(&voters, now.instant);
        self.settle(now);
        if begun { Ok(()) } else { Err(TakeoverError::Others(self.missing_voters())) }
    }
}
