//! An uncontested election takes n - 1 messages, of n that are left (I14).

use std::collections::BTreeMap;

use super::Verdict;

/// What belongs to an election, heartbeats and replies to late ones apart.
pub const ELECTION: [&str; 3] = ["Coordinator", "Election", "Yield"];

/// Looks at what was sent, by kind, from the end of the leader until all that are left agreed.
///
/// # Errors
///
/// It was more, or less.
pub fn check(sent: &BTreeMap<&'static str, u64>, left: usize) -> Verdict {
    let took: u64 = ELECTION.iter().filter_map(|kind| sent.get(kind)).sum();
    if took == left as u64 - 1 {
        return Ok(());
    }
    Err(format!("an uncontested election among {left} took {took} messages: {sent:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_too_many_is_seen() {
        let sent = |coordinators, elections| BTreeMap::from([("Coordinator", coordinators), ("Election", elections)]);
        check(&sent(4, 0), 5).unwrap();
        assert!(check(&sent(5, 0), 5).is_err());
        assert!(check(&sent(4, 1), 5).is_err());
        assert!(check(&sent(3, 0), 5).is_err());
    }
}
