//! What members do together: the leader answers for all, and all decide on what one proposes.

mod consenting;
mod deciding;
mod fences;
mod jobs;
mod lasting;
mod requests;
