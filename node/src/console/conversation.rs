//! What a person reads of what happens: events and the passing of time in, lines out (pure).

use std::time::{Duration, Instant};

use node::{Event, PeerId};

use super::format::{self, Shown};
use super::proposals::Read;
use super::quorum::Quorum;
use super::ticks::Ticks;

/// How long nothing follows the last line of those said before one joined. They come all at once.
const EARLIER_ENDS: Duration = Duration::from_millis(100);

/// A conversation as one member is shown it.
#[derive(Debug)]
pub(super) struct Conversation {
    me: PeerId,
    ticks: Ticks,
    quorum: Quorum,
    proposals: Read,
    /// Lines said before this member joined are being shown; when they are over.
    earlier: Option<Instant>,
}

impl Conversation {
    pub(super) fn new(me: PeerId) -> Self {
        Self { me, ticks: Ticks::default(), quorum: Quorum::default(), proposals: Read::default(), earlier: None }
    }

    /// What there is to show when this happens.
    pub(super) fn handle(&mut self, event: &Event, now: Instant) -> Vec<Shown> {
        let mut shown = Vec::new();
        match event {
            Event::Message(message) if message.earlier => {
                if self.earlier.is_none() {
                    shown.push(Shown::Said("**earlier:**".into()));
                }
                self.earlier = Some(now + EARLIER_ENDS);
                shown.extend(format::event(event, self.me));
            }
            _ => {
                let line = match event {
                    Event::Proposal(proposal) => Some(Shown::Said(self.proposals.event(proposal))),
                    _ => format::event(event, self.me),
                };
                if line.is_some() {
                    shown.extend(self.end_earlier());
                }
                shown.extend(line);
            }
        }
        match event {
            Event::Message(message) => self.ticks.said(message.id, now),
            Event::Confirmed { id, index } => shown.extend(self.ticks.confirmed(id, *index, now).map(Shown::Said)),
            Event::Unconfirmed { id, was } => self.ticks.unconfirmed(*id, *was, now),
            Event::Quorum { held, missing } => shown.extend(self.quorum.changed(*held, missing, now).map(Shown::Said)),
            // Among what is lost may be confirmations.
            Event::Lagged { .. } => self.ticks.forget(),
            _ => {}
        }
        shown
    }

    /// When there may be something to show though nothing happens. Looking earlier changes nothing.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.ticks.poll_timeout().into_iter().chain(self.quorum.poll_timeout()).chain(self.earlier).min()
    }

    /// What there is to show by now.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Vec<Shown> {
        let mut shown = Vec::new();
        if self.earlier.is_some_and(|ends| ends <= now) {
            shown.extend(self.end_earlier());
        }
        shown.extend(self.quorum.handle_timeout(now).map(Shown::Said));
        shown.extend(self.ticks.handle_timeout(now).into_iter().map(Shown::Said));
        shown
    }

    fn end_earlier(&mut self) -> Option<Shown> {
        self.earlier.take().map(|_| Shown::Said("**now:**".into()))
    }
}

#[cfg(test)]
mod tests {
    use node::{Index, Message, MessageId, Timestamp};

    use super::*;

    const ID: &str = "01890a5d-ac96-774b-bcce-b302099a8057";

    fn me() -> PeerId {
        PeerId::new(ID.parse().unwrap())
    }

    fn id(number: u64) -> MessageId {
        format!("{ID}:{number}").parse().unwrap()
    }

    fn said(number: u64, from_id: PeerId, earlier: bool) -> Event {
        let (from, text, sent_at) = ("Al".parse().unwrap(), format!("line {number}"), Timestamp::from_millis(0));
        Event::Message(Message { id: id(number), from, from_id, text, sent_at, earlier })
    }

    fn confirmed(number: u64, place: u64) -> Event {
        Event::Confirmed { id: id(number), index: Index::new(place).unwrap() }
    }

    fn lines(shown: Vec<Shown>) -> Vec<String> {
        let line = |shown| match shown {
            Shown::Said(line) | Shown::Complaint(line) => line,
        };
        shown.into_iter().map(line).collect()
    }

    #[test]
    fn what_was_said_before_stands_between_two_heads_ones_own_lines_too() {
        let (mut talk, now, al) = (Conversation::new(me()), Instant::now(), PeerId::random());
        assert_eq!(lines(talk.handle(&said(0, al, true), now)), ["**earlier:**", "[Al] line 0"]);
        assert_eq!(lines(talk.handle(&confirmed(0, 7), now)), [""; 0]);
        assert_eq!(lines(talk.handle(&said(1, me(), true), now)), ["[Al] line 1"]);
        assert_eq!(lines(talk.handle(&said(2, al, false), now)), ["**now:**", "[Al] line 2"]);
        assert_eq!(lines(talk.handle(&said(3, me(), false), now)), [""; 0], "one's own are not echoed");
    }

    #[test]
    fn the_second_head_does_not_wait_for_somebody_to_talk() {
        let (mut talk, now) = (Conversation::new(me()), Instant::now());
        talk.handle(&said(0, PeerId::random(), true), now);
        let due = talk.poll_timeout().unwrap();
        assert_eq!(lines(talk.handle_timeout(due)), ["**now:**"]);
        assert_eq!(lines(talk.handle_timeout(due)), [""; 0]);
    }

    #[test]
    fn without_a_quorum_it_is_said_that_lines_wait_and_when_they_have_their_places() {
        let (mut talk, now, al) = (Conversation::new(me()), Instant::now(), PeerId::random());
        talk.handle(&Event::Quorum { held: false, missing: vec!["Bob".parse().unwrap()] }, now);
        talk.handle(&said(0, al, false), now);
        talk.handle(&said(1, me(), false), now);
        let later = talk.poll_timeout().unwrap();
        assert_eq!(
            lines(talk.handle_timeout(later)),
            [
                "**no quorum: lines are shown but not confirmed (Bob cannot be reached)**",
                "**not confirmed yet: 2 lines**"
            ]
        );
        assert_eq!(talk.poll_timeout(), None);
        let again = talk.handle(&Event::Quorum { held: true, missing: Vec::new() }, later);
        assert_eq!(lines(again), ["**quorum again: lines are confirmed**"]);
        assert_eq!(lines(talk.handle(&confirmed(0, 811), later)), [""; 0]);
        assert_eq!(lines(talk.handle(&confirmed(1, 812), later)), ["**confirmed up to #812**"]);
    }

    #[test]
    fn where_events_are_lost_nothing_is_said_of_what_waits() {
        let (mut talk, now) = (Conversation::new(me()), Instant::now());
        talk.handle(&said(0, me(), false), now);
        talk.handle(&Event::Lagged { events: 3 }, now);
        assert_eq!(talk.poll_timeout(), None);
    }
}
