//! Two real members that go on talking while something else happens to one of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::thread::JoinHandle;

use transport::Address;

use super::{Member, eventually, pair};

/// A conversation in a thread of its own: one word there and the same word back, again and again.
pub struct Chat {
    /// Where the first of the two listens: whom to attack.
    pub target: Address,
    rounds: Arc<AtomicU64>,
    over: Arc<AtomicBool>,
    talk: JoinHandle<Member>,
}

impl Chat {
    pub fn start(low: u128, high: u128) -> Self {
        let (mut a, mut b) = pair(low, high);
        let target = a.address();
        let (rounds, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let (counter, stop) = (rounds.clone(), over.clone());
        let talk = std::thread::spawn(move || {
            while !stop.load(SeqCst) {
                let word = counter.load(SeqCst).to_be_bytes();
                a.send(b.id(), &word);
                assert_eq!(b.messages_until(a.id(), &word).len(), 1);
                b.send(a.id(), &word);
                assert_eq!(a.messages_until(b.id(), &word).len(), 1);
                counter.fetch_add(1, SeqCst);
            }
            assert_eq!((a.changes(b.id()), b.changes(a.id())), ((1, 0), (1, 0)), "their link fell");
            a
        });
        Self { target, rounds, over, talk }
    }

    /// Waits until some more words were exchanged.
    pub fn goes_on(&self) {
        let goal = self.rounds.load(SeqCst) + 5;
        eventually("the two talk on", || self.rounds.load(SeqCst) >= goal);
    }

    /// Ends the conversation, which never broke off, and gives back the attacked member.
    pub fn end(self) -> Member {
        self.goes_on();
        self.over.store(true, SeqCst);
        self.talk.join().unwrap()
    }
}
