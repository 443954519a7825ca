//! Proposals along the log, which a wrong takeover may take back.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use history::{Entry, MessageId};
use tracing::error;
use transport::PeerId;

use super::{NOTE, Proposals, Step};
use crate::text;
use crate::wire::Body;

/// Proposals up to some place of the log, and what is needed to go back as far as the log itself can.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fold {
    /// At a place before which nothing is taken back.
    base: Proposals,
    /// The entries since that are about proposals; the log has them in memory too.
    since: VecDeque<(u64, Arc<Entry<PeerId>>)>,
    state: Proposals,
    /// How far `state` goes.
    at: u64,
    /// Whether something was taken back that `state` still has.
    stale: bool,
}

impl Fold {
    /// All of them.
    pub(crate) fn proposals(&self) -> &Proposals {
        &self.state
    }

    /// The next entry is decided. The proposals that are not as they were.
    pub(crate) fn decide(&mut self, index: u64, entry: &Arc<Entry<PeerId>>, applies: bool) -> Vec<MessageId> {
        if index <= self.at {
            // The log begins anew.
            (self.base, self.stale) = (Proposals::default(), true);
            self.since.clear();
        }
        let mut changed = self.refold();
        self.at = index;
        if let Some(step) = step_of(entry).filter(|_| applies) {
            self.since.push_back((index, Arc::clone(entry)));
            changed.extend(self.state.apply(&step));
        }
        changed
    }

    /// The entry at a place, the last one there is, is no longer decided.
    pub(crate) fn undecide(&mut self, index: u64) {
        self.at = self.at.min(index.saturating_sub(1));
        while self.since.back().is_some_and(|(place, _)| *place >= index) {
            self.since.pop_back();
            self.stale = true;
        }
    }

    /// Folds anew what stands, if anything was taken back. The proposals that are not as they were.
    pub(crate) fn refold(&mut self) -> Vec<MessageId> {
        if !std::mem::take(&mut self.stale) {
            return Vec::new();
        }
        let before = std::mem::replace(&mut self.state, self.base.clone());
        for step in self.since.iter().filter_map(|(_, entry)| step_of(entry)) {
            self.state.apply(&step);
        }
        let views = self.state.views().into_iter();
        views.filter(|view| before.view(view.id).as_ref() != Some(view)).map(|view| view.id).collect()
    }

    /// Everything up to a place is as kept. The proposals that are not as they were.
    pub(crate) fn restore(&mut self, index: u64, kept: &[u8]) -> Vec<MessageId> {
        self.base = Proposals::default();
        if !kept.is_empty() {
            match transport::decode(kept) {
                Ok(proposals) => self.base = proposals,
                Err(error) => error!(%error, index, "what was kept of the proposals cannot be read"),
            }
        }
        self.since.clear();
        (self.at, self.stale) = (index, true);
        self.refold()
    }

    /// Nothing up to a place is taken back any more.
    pub(crate) fn trim(&mut self, base: u64) {
        while self.since.front().is_some_and(|(place, _)| *place <= base) {
            let entry = self.since.pop_front();
            if let Some(step) = entry.and_then(|(_, entry)| step_of(&entry)) {
                self.base.apply(&step);
            }
        }
    }

    /// What is to be kept of it all.
    pub(crate) fn kept(&self) -> Bytes {
        transport::encode(&self.state).map(Bytes::from).unwrap_or_else(|error| {
            error!(%error, "the proposals are longer than their bounds allow");
            Bytes::new()
        })
    }
}

/// What an entry says of proposals, if it does.
fn step_of(entry: &Entry<PeerId>) -> Option<Step> {
    match entry {
        Entry::Line(say) if Body::is_of_proposals(&say.body) => match transport::decode(&say.body).ok()? {
            Body::Open { from, name, text, .. } => {
                text::check(&text).is_ok().then_some(Step::Open { id: say.id, from, name, text })
            }
            Body::Vote { proposal, from, consent, .. } => Some(Step::Vote { proposal, from, consent }),
            Body::Line(_) | Body::Entry { .. } => None,
        },
        Entry::Note { tag: NOTE, body } => transport::decode(body).ok().map(Step::Note),
        _ => None,
    }
}
