//! The causal frontier: the lines last shown that no shown line follows.

use std::collections::VecDeque;

use super::limits::MAX_HEADS;
use super::message::Say;
use crate::{MessageId, Session};

/// At most [`MAX_HEADS`] ids, the least recently shown first. Where more are said at once the oldest is dropped.
///
/// A line that names the whole frontier follows, through it, everything shown before.
#[derive(Clone, Debug, Default)]
pub(super) struct Frontier {
    ids: VecDeque<MessageId>,
}

impl Frontier {
    /// Puts a line that was just shown in the place of those it follows: its heads and its author's line before it.
    pub(super) fn show(&mut self, say: &Say) {
        self.ids.retain(|id| id.session != say.id.session && !say.heads.contains(id));
        if self.ids.len() == MAX_HEADS {
            self.ids.pop_front();
        }
        self.ids.push_back(say.id);
    }

    /// Names no line of `session` any more.
    pub(super) fn forget(&mut self, session: Session) {
        self.ids.retain(|id| id.session != session);
    }

    /// What the next line of `author` follows, its own line before it left out.
    pub(super) fn heads(&self, author: Session) -> Vec<MessageId> {
        let others = self.ids.iter().filter(|id| id.session != author);
        others.copied().collect()
    }
}
