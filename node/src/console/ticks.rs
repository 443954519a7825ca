//! Which lines still wait for their place in the history, and when a person is told of it (pure).
//!
//! A line that is confirmed within [`PATIENCE`] is never mentioned: that is the usual case, and a word for each would drown the
//! conversation. When one has waited for longer, it is said once that lines wait, and once that they have their places.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use node::{Index, MessageId};

/// How long lines may wait, and a quorum be gone, before it is said: a death that the rest get over by themselves takes less.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// For how long lines that lose their places are counted before it is said: they come all at once.
const COUNTING: Duration = Duration::from_millis(200);

/// The most lines that are watched: without a quorum what waits is bounded by the library, and far below this.
const MAX_WATCHED: usize = 65_536;

/// The lines that wait.
#[derive(Debug, Default)]
pub(super) struct Ticks {
    /// In the order of their coming, and since when.
    waiting: BTreeMap<u64, (MessageId, Instant)>,
    /// Where each stands in that order.
    places: BTreeMap<MessageId, u64>,
    next: u64,
    /// It was said that lines wait.
    told: bool,
    /// The greatest place that was confirmed.
    last: Option<Index>,
    displaced: Option<Displaced>,
}

/// Lines that have lost their places.
#[derive(Debug)]
struct Displaced {
    lines: u64,
    /// The first place that one of them had.
    from: Index,
    tell_at: Instant,
}

impl Ticks {
    /// A line is shown that has no place yet.
    pub(super) fn said(&mut self, id: MessageId, now: Instant) {
        if self.places.contains_key(&id) {
            return;
        }
        self.places.insert(id, self.next);
        self.waiting.insert(self.next, (id, now));
        self.next += 1;
        if self.waiting.len() > MAX_WATCHED
            && let Some((_, (oldest, _))) = self.waiting.pop_first()
        {
            self.places.remove(&oldest);
        }
    }

    /// A line has its place. What there is to say: that none has waited for long any more.
    pub(super) fn confirmed(&mut self, id: &MessageId, index: Index, now: Instant) -> Option<String> {
        if let Some(place) = self.places.remove(id) {
            self.waiting.remove(&place);
        }
        let last = self.last.map_or(index, |last| last.max(index));
        self.last = Some(last);
        if !self.told || self.overdue(now) {
            return None;
        }
        self.told = false;
        Some(format!("**confirmed up to #{last}**"))
    }

    /// A line lost its place, and waits for another.
    pub(super) fn unconfirmed(&mut self, id: MessageId, was: Index, now: Instant) {
        self.said(id, now);
        self.last = self.last.min(Index::new(was.number() - 1));
        match &mut self.displaced {
            Some(displaced) => {
                displaced.lines += 1;
                displaced.from = displaced.from.min(was);
            }
            None => self.displaced = Some(Displaced { lines: 1, from: was, tell_at: now + COUNTING }),
        }
    }

    /// Nobody knows any more which lines wait: some events are lost.
    pub(super) fn forget(&mut self) {
        *self = Self { last: self.last, ..Self::default() };
    }

    /// When there may be something to say.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let oldest = self.waiting.first_key_value().filter(|_| !self.told);
        let overdue = oldest.map(|(_, (_, since))| *since + PATIENCE);
        overdue.into_iter().chain(self.displaced.as_ref().map(|displaced| displaced.tell_at)).min()
    }

    /// What there is to say.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Vec<String> {
        let mut said = Vec::new();
        if let Some(Displaced { lines, from, .. }) = self.displaced.take_if(|displaced| displaced.tell_at <= now) {
            let lines = count(lines);
            said.push(format!("**no longer confirmed: {lines} from #{from} on, which wait for another place**"));
        }
        if !self.told && self.overdue(now) {
            self.told = true;
            said.push(format!("**not confirmed yet: {}**", count(self.waiting.len() as u64)));
        }
        said
    }

    fn overdue(&self, now: Instant) -> bool {
        self.waiting.first_key_value().is_some_and(|(_, (_, since))| *since + PATIENCE <= now)
    }
}

/// So many lines, in words.
pub(super) fn count(lines: u64) -> String {
    if lines == 1 { "1 line".into() } else { format!("{lines} lines") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> MessageId {
        format!("01890a5d-ac96-774b-bcce-b302099a8057:{number}").parse().unwrap()
    }

    fn place(number: u64) -> Index {
        Index::new(number).unwrap()
    }

    fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    #[test]
    fn what_is_confirmed_soon_is_never_mentioned() {
        let (mut ticks, now) = (Ticks::default(), Instant::now());
        for n in 0..100 {
            ticks.said(id(n), now + ms(50 * n));
            assert_eq!(ticks.confirmed(&id(n), place(n + 1), now + ms(50 * n + 1_999)), None);
        }
        assert_eq!(ticks.poll_timeout(), None);
    }

    #[test]
    fn what_waits_is_mentioned_once_and_so_is_its_end() {
        let (mut ticks, now) = (Ticks::default(), Instant::now());
        (0..3).for_each(|n| ticks.said(id(n), now + ms(n)));
        assert_eq!(ticks.poll_timeout(), Some(now + PATIENCE));
        assert_eq!(ticks.handle_timeout(now + ms(1_999)), [""; 0]);
        assert_eq!(ticks.handle_timeout(now + ms(2_000)), ["**not confirmed yet: 3 lines**"]);
        ticks.said(id(3), now + ms(4_000));
        assert_eq!((ticks.poll_timeout(), ticks.handle_timeout(now + ms(9_000))), (None, Vec::new()));
        for n in 0..3 {
            assert_eq!(ticks.confirmed(&id(n), place(809 + n), now + ms(9_000)), None);
        }
        let end = ticks.confirmed(&id(3), place(812), now + ms(9_000));
        assert_eq!(end.as_deref(), Some("**confirmed up to #812**"));
        ticks.said(id(4), now + ms(10_000));
        assert_eq!(ticks.poll_timeout(), Some(now + ms(12_000)), "the next that waits is mentioned again");
        assert_eq!(ticks.handle_timeout(now + ms(12_000)), ["**not confirmed yet: 1 line**"]);
    }

    #[test]
    fn it_ends_when_nothing_has_waited_for_long_though_the_talk_goes_on() {
        let (mut ticks, now) = (Ticks::default(), Instant::now());
        ticks.said(id(0), now);
        ticks.handle_timeout(now + PATIENCE);
        ticks.said(id(1), now + ms(4_000));
        let end = ticks.confirmed(&id(0), place(7), now + ms(4_100));
        assert_eq!(end.as_deref(), Some("**confirmed up to #7**"));
    }

    #[test]
    fn what_comes_with_its_place_waits_for_nothing() {
        let (mut ticks, now) = (Ticks::default(), Instant::now());
        assert_eq!(ticks.confirmed(&id(0), place(1), now), None);
        assert_eq!(ticks.poll_timeout(), None);
    }

    #[test]
    fn places_that_are_taken_back_are_counted_and_told_together() {
        let (mut ticks, now) = (Ticks::default(), Instant::now());
        for n in 0..5 {
            ticks.said(id(n), now);
            ticks.confirmed(&id(n), place(n + 1), now);
        }
        (2..5).rev().for_each(|n| ticks.unconfirmed(id(n), place(n + 1), now));
        let told = ticks.handle_timeout(ticks.poll_timeout().unwrap());
        assert_eq!(told, ["**no longer confirmed: 3 lines from #3 on, which wait for another place**"]);
        assert_eq!(ticks.handle_timeout(now + PATIENCE), ["**not confirmed yet: 3 lines**"]);
        ticks.confirmed(&id(2), place(3), now + PATIENCE);
        ticks.confirmed(&id(3), place(4), now + PATIENCE);
        let end = ticks.confirmed(&id(4), place(5), now + PATIENCE);
        assert_eq!(end.as_deref(), Some("**confirmed up to #5**"), "the places of the other history do not count");
    }

    #[test]
    fn what_is_watched_is_bounded_and_can_be_forgotten() {
        let (mut ticks, now) = (Ticks::default(), Instant::now());
        (0..MAX_WATCHED as u64 + 5).for_each(|n| ticks.said(id(n), now));
        assert_eq!((ticks.waiting.len(), ticks.places.len()), (MAX_WATCHED, MAX_WATCHED));
        ticks.forget();
        assert_eq!(ticks.poll_timeout(), None);
    }
}
