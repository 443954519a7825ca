//! What an election tells the layer above.

use std::fmt;

use crate::{Epoch, Message};

/// A message to be sent.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Transmit<P> {
    /// The peer it is for.
    pub to: P,
    /// What it is told.
    pub message: Message<P>,
}

/// Something that the layer above should know.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Event<P> {
    /// The leader, or its epoch, is another than before.
    Leader {
        /// Who leads, as far as this peer knows; `None` while it is being settled.
        leader: Option<P>,
        /// The newest epoch followed or led, which is that of `leader` if there is one; it never goes back.
        epoch: Option<Epoch<P>>,
        /// Why it changed.
        reason: Reason<P>,
    },
}

/// Why the leader changed, as far as this peer knows; the peer named is the leader before, unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Reason<P> {
    /// This peer founded the group.
    Founded,
    /// This peer was admitted to the group.
    Admitted,
    /// Nobody led that this peer knew of.
    Leaderless,
    /// The leader cannot be reached.
    Unreachable(P),
    /// The leader can be reached but was not heard for too long.
    Silent(P),
    /// The leader handed over: it leaves, or its disk hangs.
    Yielded(P),
    /// The leader was taken over by a higher-ranked member.
    Outranked(P),
    /// The peer named, to which a leader had yielded, did not take over.
    Declined(P),
    /// Two leaders met; the peer named is the one of the two that is not this peer's leader from now on.
    Merged(P),
    /// Another claimed a newer epoch than the one the leader had.
    Superseded(P),
    /// The leader is the same, and raised its epoch because an older one still stood in its way.
    Renewed,
    /// This process was stopped or starved, and cannot know what happened meanwhile.
    Suspended,
    /// The leader is the same: this peer had lost it from sight, and hears it again.
    Heard(P),
}

impl<P: Copy + PartialEq> Reason<P> {
    /// Why `leader` is followed after that: not because it is lost, if it is the one that was.
    pub(crate) fn to_follow(self, leader: P) -> Self {
        match self {
            Self::Unreachable(lost) | Self::Silent(lost) if lost == leader => Self::Heard(leader),
            reason => reason,
        }
    }
}

impl<P: Copy> Reason<P> {
    /// The peer that the reason names.
    pub fn peer(&self) -> Option<P> {
        match *self {
            Self::Unreachable(peer)
            | Self::Silent(peer)
            | Self::Yielded(peer)
            | Self::Outranked(peer)
            | Self::Declined(peer)
            | Self::Merged(peer)
            | Self::Superseded(peer)
            | Self::Heard(peer) => Some(peer),
            Self::Founded | Self::Admitted | Self::Leaderless | Self::Renewed | Self::Suspended => None,
        }
    }

    /// One plain clause for people, with the peer as `name` calls it: "bob cannot be reached".
    pub fn display_with<N: fmt::Display>(&self, name: impl Fn(P) -> N) -> impl fmt::Display {
        Clause { peer: self.peer().map(name), text: self.text() }
    }

    /// What stands before and after the peer's name.
    fn text(&self) -> (&'static str, &'static str) {
        match self {
            Self::Founded => ("this peer founded the group", ""),
            Self::Admitted => ("this peer joined the group", ""),
            Self::Leaderless => ("nobody led", ""),
            Self::Unreachable(_) => ("", " cannot be reached"),
            Self::Silent(_) => ("", " fell silent"),
            Self::Yielded(_) => ("", " handed over"),
            Self::Outranked(_) => ("", " was outranked"),
            Self::Declined(_) => ("", " did not take over"),
            Self::Merged(_) => ("two parts met, and ", " led the lesser one"),
            Self::Superseded(_) => ("a newer leader than ", " came forward"),
            Self::Renewed => ("the leader met an older claim", ""),
            Self::Suspended => ("this process was stopped for a while", ""),
            Self::Heard(_) => ("", " is heard again"),
        }
    }
}

impl<P: Copy + fmt::Display> fmt::Display for Reason<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.display_with(|peer| peer).fmt(f)
    }
}

/// A reason with its peer's name filled in.
struct Clause<N> {
    peer: Option<N>,
    text: (&'static str, &'static str),
}

impl<N: fmt::Display> fmt::Display for Clause<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (before, after) = self.text;
        f.write_str(before)?;
        if let Some(peer) = &self.peer {
            peer.fmt(f)?;
        }
        f.write_str(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_one_plain_clause() {
        assert_eq!(Reason::Unreachable(7).to_string(), "7 cannot be reached");
        assert_eq!(Reason::Merged(7).display_with(|_| "bob").to_string(), "two parts met, and bob led the lesser one");
        assert_eq!(Reason::<u8>::Founded.to_string(), "this peer founded the group");
    }
}
