//! What can be seen of a log.

use std::sync::Arc;

use super::entry::{Config, Entry, Peer, RunningHash};
use super::{Lineage, Log, Role};
use crate::{Applied, Ballot, Index, Regime, Say, Session, Verdict};

impl<P: Peer> Log<P> {
    /// Whose log it is.
    pub fn me(&self) -> P {
        self.me
    }

    /// Who votes, under any configuration that may be in force.
    pub fn voters(&self) -> Vec<P> {
        self.live_voters().into_iter().collect()
    }

    /// The voters that cannot be reached, or have gone over to another history, in order.
    pub fn missing_voters(&self) -> Vec<P> {
        let mut missing = self.voters();
        missing.retain(|voter| !self.is_present(*voter));
        missing
    }

    /// The first decided place that is in memory; one beyond the last if none is.
    pub fn first_in_memory(&self) -> u64 {
        self.chain.base() + 1
    }

    /// How many places are decided here.
    pub fn decided(&self) -> u64 {
        self.chain.decided()
    }

    /// How many entries this peer has accepted, decided or not.
    pub fn accepted_len(&self) -> u64 {
        self.acceptor.len()
    }

    /// What this peer promised last.
    pub fn promised(&self) -> Option<Ballot<P>> {
        self.acceptor.promised
    }

    /// The greatest ballot that this peer has seen of anybody.
    pub fn seen(&self) -> Option<Ballot<P>> {
        self.seen
    }

    /// Under which ballot its log was accepted.
    pub fn accepted(&self) -> Option<Ballot<P>> {
        self.acceptor.accepted
    }

    /// The ballot under which this peer leads: the fencing token for what a leader does.
    pub fn established(&self) -> Option<Ballot<P>> {
        match &self.role {
            Role::Leading(leading) => Some(leading.ballot),
            _ => None,
        }
    }

    /// Whether a program above keeps state of its own.
    pub(crate) fn has_state(&self) -> bool {
        self.config.has_state
    }

    /// The history of what is decided here.
    pub fn regime(&self) -> Option<Regime<P>> {
        self.chain.regime()
    }

    /// The histories that led to what is decided here.
    pub fn lineage(&self) -> &Lineage<P> {
        self.chain.lineage()
    }

    /// Under which ballot this peer's vote began to count for no history but that of its log.
    pub fn left(&self) -> Option<Ballot<P>> {
        self.acceptor.left
    }

    /// The running hash over all that is decided here.
    pub fn hash(&self) -> RunningHash {
        self.chain.hash()
    }

    /// The running hash at a place, if it is still in memory.
    pub fn hash_at(&self, len: u64) -> Option<RunningHash> {
        self.chain.hash_at(len)
    }

    /// A decided entry, if it is still in memory.
    pub fn get(&self, index: Index) -> Option<&Arc<Entry<P>>> {
        self.chain.get(index.number())
    }

    /// Whether a peer in reach is known to be of another history.
    pub fn is_elsewhere(&self, peer: P) -> bool {
        self.standings.is_elsewhere(peer, self.history())
    }

    /// Whether anybody in reach is known to be of another history.
    pub fn meets_others(&self) -> bool {
        self.standings.any_elsewhere(self.history())
    }

    /// Whether a line would be the next of its session but for others before it, behind all that is proposed.
    pub fn is_early(&self, say: &Say) -> bool {
        self.proposed.as_ref().unwrap_or(&self.applied).verdict(say) == Verdict::Early
    }

    /// The decided lines that are in memory, in order.
    pub fn lines(&self) -> impl Iterator<Item = &Say> {
        self.chain.after(self.chain.base()).filter_map(|entry| match &**entry {
            Entry::Line(say) => Some(say),
            _ => None,
        })
    }

    /// The lines that are accepted here and not known to be decided, in order.
    pub fn undecided_lines(&self) -> impl Iterator<Item = &Say> {
        self.acceptor.tail.iter().filter_map(|entry| match &**entry {
            Entry::Line(say) => Some(say),
            _ => None,
        })
    }

    /// The accepted entry at a place, decided or not, if it is in memory.
    pub fn accepted_entry(&self, index: Index) -> Option<&Arc<Entry<P>>> {
        let at = index.number();
        if at <= self.acceptor.fork {
            return self.chain.get(at);
        }
        let offset = usize::try_from(at - self.acceptor.fork - 1).ok()?;
        self.acceptor.tail.get(offset)
    }

    /// The configuration in force, and where it stands.
    pub fn config(&self) -> Option<(u64, &Config<P>)> {
        self.chain.config_at(self.chain.decided())
    }

    /// The configurations proposed and not decided.
    pub fn undecided_configs(&self) -> usize {
        self.acceptor.configs.len()
    }

    /// What the entries weigh that are accepted here and not known to be decided.
    pub fn undecided_bytes(&self) -> usize {
        self.acceptor.tail_weight
    }

    /// How often this log went on from a snapshot, or began anew, without telling of every place in between.
    pub fn leaps(&self) -> u64 {
        self.leaps
    }

    /// The exactly-once table.
    pub fn applied(&self) -> &Applied {
        &self.applied
    }

    /// What is wanted most next, at a lead: the number of `session` that may be proposed next.
    pub fn next_proposed(&self, session: Session) -> u64 {
        self.proposed.as_ref().unwrap_or(&self.applied).next(session)
    }

    /// Whether this peer leads and cannot take more until some of it is decided.
    pub fn is_full(&self) -> bool {
        self.established().is_some() && !self.has_room()
    }
}
