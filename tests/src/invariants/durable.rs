//! No ballot, no promise and no acknowledgement leaves before what it says is on disk (I5).

use history::{Durable, LogMessage};
use transport::PeerId;

use super::Verdict;

/// Looks at a message on its way out, and at what is on its sender's disk.
///
/// # Errors
///
/// The message says more.
pub fn check(durable: &Durable<PeerId>, message: &LogMessage<PeerId>) -> Verdict {
    match message {
        LogMessage::Prepare { ballot, .. } | LogMessage::Promise { ballot, .. } if durable.promised < Some(*ballot) => {
            Err(format!("it sends a ballot or a promise that is not on its disk: {ballot:?}"))
        }
        LogMessage::Accepted { ballot, len } => {
            let later = durable.accepted > Some(*ballot);
            let written = durable.accepted == Some(*ballot) && durable.accepted_len() >= *len;
            // What a snapshot passes over is decided, and asked of no acceptor again.
            if later || written || durable.base >= *len {
                return Ok(());
            }
            let has = (durable.accepted, durable.accepted_len());
            Err(format!("it acknowledges {len} entries under {ballot:?} that are not on its disk: {has:?}"))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::forged::ballot;
    use super::*;

    #[test]
    fn what_is_said_before_it_is_written_is_seen() {
        let promised = |round| Durable { promised: Some(ballot(round, 1)), ..Durable::default() };
        let ballot = ballot(2, 1);
        let promise = LogMessage::Promise {
            ballot,
            chain: None,
            left: None,
            regime: None,
            withheld: false,
            accepted: None,
            decided: 0,
            len: 0,
            from: 0,
            entries: Vec::new(),
        };
        let prepare = LogMessage::Prepare {
            ballot,
            person: false,
            chain: None,
            regime: None,
            config_index: 0,
            decided: 0,
            len: 0,
            accepted: None,
        };
        let accepted = LogMessage::Accepted { ballot, len: 1 };
        for message in [&promise, &prepare] {
            check(&promised(2), message).unwrap();
            assert!(check(&promised(1), message).is_err());
            assert!(check(&Durable::default(), message).is_err());
        }
        assert!(check(&Durable { accepted: Some(ballot), ..promised(2) }, &accepted).is_err());
    }
}
