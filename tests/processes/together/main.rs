//! What members do together: the leader answers for all, and all decide on what one proposes.

mod consenting;
mod deciding;
mod jobs;
mod lasting;
#[path = "../members/places.rs"]
#[allow(dead_code, reason = "some of it is for the tests of single members")]
mod places;
mod requests;
mod votes;
