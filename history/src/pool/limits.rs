//! What bounds a pool, and why each number is what it is.

use std::time::Duration;

/// The longest body a line may have, in bytes.
///
/// A line and its stamp must fit one frame; 64 KiB of text and some room for what a program wraps around it.
pub const MAX_BODY: usize = 70_000;

/// The most heads a line may name.
///
/// More would let a line follow more of what was said at once, at 24 bytes for each in every line. Two or three are
/// usual: the frontier is wide only while many talk at the same instant.
pub const MAX_HEADS: usize = 8;

/// How often digests are exchanged with one random peer.
pub(super) const EXCHANGE: Duration = Duration::from_secs(1);

/// How long a peer may take to send more of what was pulled before another may be asked.
pub(super) const PULL_PATIENCE: Duration = Duration::from_secs(1);

/// How long a line waits for what it follows. Longer, and a dead author's lost line would hold up a conversation.
pub(super) const HOLD: Duration = Duration::from_secs(5);

/// How long nobody may offer the next number of a session before what is missing is given up.
///
/// Long enough for three exchanges of one's own and as many of others', so that a newcomer's short range does not hide
/// what an older neighbour still holds.
pub(super) const GIVE_UP: Duration = Duration::from_secs(3);

/// The most bytes sent in answer to one pull; the rest is announced and pulled again.
///
/// It keeps an answer from filling a link's queue while costing one round trip for some thousand lines.
pub(crate) const PULL_ANSWER: usize = 256 * 1024;

/// How far ahead of everything seen a Lamport time may be before it is taken for nonsense.
///
/// A thousand lines a second need 35 years for it, and an honest clock never comes near overflowing.
pub(super) const LAMPORT_JUMP: u64 = 1 << 40;

/// What a retained line weighs besides its body and heads: the entry in its queue and the allocations' own costs.
pub(super) const LINE_OVERHEAD: usize = 160;

/// How much a pool keeps.
///
/// When a bound is reached the oldest lines leave: nothing is refused. Weights are in bytes and count what a line
/// keeps in memory, so empty lines are not free. All members of a group should use the same limits; those with higher
/// ones only keep what others have lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Lines kept of one session; its lowest number leaves first.
    pub session_lines: usize,
    /// Weight kept of one session; its lowest number leaves first.
    pub session_bytes: usize,
    /// Weight kept in all; the lowest (Lamport time, session) leaves first.
    pub total_bytes: usize,
    /// Sessions known, one's own included, with or without lines.
    ///
    /// Each costs some 150 bytes here and 30 in every digest. Above it the session that has been silent the longest is
    /// forgotten; see [`Pool`](crate::Pool).
    pub sessions: usize,
}

impl Default for Limits {
    /// 1,000 lines or 1 MiB a session, 8 MiB in all, 4,096 sessions.
    fn default() -> Self {
        Self { session_lines: 1_000, session_bytes: 1 << 20, total_bytes: 8 << 20, sessions: 4_096 }
    }
}
