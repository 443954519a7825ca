//! What is under way from one peer to another, in its order.

use std::collections::VecDeque;

use election::Message;

use crate::Id;

/// What one peer says, and what the receiver's transport will say of it: both come in one order, as from one link.
///
/// Wires of different pairs overtake each other at will; that is all the reordering there is.
pub(crate) type Wire = VecDeque<Item>;

/// One thing that is under way.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Item {
    /// The sender said this.
    Said(Message<Id>),
    /// The sender is found out to be in reach, or no longer.
    Reach(bool),
    /// The direct link to the sender, which stays in reach, is up, or no longer.
    Link(bool),
}

/// How many messages stand before the first notice; `None` if there is no notice.
pub(crate) fn said_before_notice(wire: &Wire) -> Option<usize> {
    wire.iter().position(|item| !matches!(item, Item::Said(_)))
}
