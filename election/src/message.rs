//! What peers say to each other about who leads.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{Epoch, Rank};

/// A message of the election.
///
/// Any of them may be lost, repeated or late. `from` is vouched for by the transport; a message that names another
/// sender than that is dropped. The five, in the cases where they meet (`A` outranks `B` outranks `C`):
///
/// ```text
/// the leader L is unreachable          L is silent                       A, of higher rank, arrives
///
///   A ── Coordinator ──> B, C            A ── Election ──> B, C            A ── Election, take_over ──> L
///                                        A <── Answer ──── B, C            A <── Yield ──────────────── L
///                                        A ── Coordinator ──> B, C         A ── Coordinator ──> L, B, C
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Message<P> {
    /// Do you hear a leader? And, with `take_over`, to a live leader: may I?
    ///
    /// Sent by a peer that doubts its leader to the highest-ranked peers it can reach, and to a leader itself by one
    /// that was handed a turn while it still hears that leader; with `take_over` to its leader by a peer that outranks
    /// it and has been with it for long enough. The receiver answers with [`Message::Answer`], whatever it is doing; a
    /// leader that a member of higher rank asks with `take_over` stops and answers with [`Message::Yield`] instead. It
    /// never makes its receiver claim: one that has missed its leader too begins to ask as well, and that is all.
    Election {
        /// The sender's rank.
        rank: Rank<P>,
        /// Asks a live leader to stand back.
        take_over: bool,
    },
    /// I am alive, and this is the leader that I hear.
    ///
    /// Answers [`Message::Election`], and anything from an epoch older than the sender's. The receiver takes a fresh
    /// leader (`age` well below the timeout) as proof that it is itself the slow one, and goes on following; a
    /// receiver that led an older epoch finds out here. It is itself never answered.
    Answer {
        /// The sender's rank.
        rank: Rank<P>,
        /// Whom the sender follows, itself if it leads, `None` if it doubts its leader or has none.
        leader: Option<P>,
        /// The newest epoch that the sender has followed or led, also while `leader` is `None`.
        epoch: Option<Epoch<P>>,
        /// How long ago the sender last heard `leader`, zero without one.
        age: Duration,
    },
    /// I lead.
    ///
    /// Sent once, by a peer that claims, to every peer it can reach. The receiver follows if the epoch is newer than
    /// its own, and otherwise says which is the newer.
    Coordinator {
        /// The epoch just claimed; its leader is the sender.
        epoch: Epoch<P>,
        /// The sender's rank.
        rank: Rank<P>,
    },
    /// I still lead.
    ///
    /// Sent by a leader to every peer it can reach, each heartbeat, and at once to a peer that becomes reachable or a
    /// member, which so learns who leads. A follower restarts its timer. A receiver without a leader follows; one
    /// whose own leader is well leaves it to the two leaders, which hear each other, to settle who stays.
    Heartbeat {
        /// The epoch in which the sender leads.
        epoch: Epoch<P>,
        /// The sender's rank.
        rank: Rank<P>,
        /// How many members the sender has reached without a break for two seconds: of two leaders that meet, the one
        /// with more stays.
        weight: u32,
        /// Counts the sender's beats in this epoch, so that logs show which were lost.
        sequence: u64,
    },
    /// Take over from me.
    ///
    /// Sent by a leader to a higher-ranked member that asked, or, when it leaves or its disk hangs, to the highest it
    /// can reach; and by a peer whose turn it is but that cannot lead, to the next. The receiver claims at once, or,
    /// if it cannot, passes it on. A leader that yielded claims again if nothing comes of it.
    Yield {
        /// The epoch that ends.
        epoch: Epoch<P>,
    },
}

impl<P: Copy + Ord> Message<P> {
    /// The epoch that the message shows to its receiver.
    pub fn epoch(&self) -> Option<Epoch<P>> {
        match self {
            Message::Election { .. } => None,
            Message::Answer { epoch, .. } => *epoch,
            Message::Coordinator { epoch, .. } | Message::Heartbeat { epoch, .. } | Message::Yield { epoch } => {
                Some(*epoch)
            }
        }
    }

    /// The sender's rank as the message declares it.
    pub fn rank(&self) -> Option<Rank<P>> {
        match self {
            Message::Election { rank, .. }
            | Message::Answer { rank, .. }
            | Message::Coordinator { rank, .. }
            | Message::Heartbeat { rank, .. } => Some(*rank),
            Message::Yield { .. } => None,
        }
    }

    /// Whether what the message says agrees with itself and with who sent it.
    pub(crate) fn is_sound(&self, from: P) -> bool {
        let claims_own_epoch = match self {
            Message::Coordinator { epoch, .. } | Message::Heartbeat { epoch, .. } => epoch.leader == from,
            Message::Answer { leader, epoch, .. } => leader.is_none() || *leader == epoch.map(|epoch| epoch.leader),
            Message::Election { .. } | Message::Yield { .. } => true,
        };
        let plausible = self.epoch().is_none_or(|epoch| epoch.is_plausible());
        plausible && claims_own_epoch && self.rank().is_none_or(|rank| rank.peer == from)
    }
}
