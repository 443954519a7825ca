//! What the program is for, row by row: each of the designs that it grew from, as one story told by real processes.
//!
//! A row's test says all that its design asks for, briefly; the tests of `members`, `together`, `gateway`, `fronts` and `faults`
//! have the cases.

mod byte_protocol_chat;
mod coordinator_chat;
mod leader_with_requests;
mod peer_chat_with_consent;
mod replicated_chat_log;
mod the_card;
