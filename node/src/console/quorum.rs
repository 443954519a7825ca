//! Whether lines can be confirmed, and when a person is told of it (pure).

use std::time::Instant;

use node::Name;

use super::ticks::PATIENCE;

/// What a person knows of the quorum.
#[derive(Debug, Default)]
pub(super) struct Quorum {
    /// Since when there is none, and who is missing.
    lost: Option<(Instant, Vec<Name>)>,
    /// Who was said to be missing.
    told: Option<Vec<Name>>,
}

impl Quorum {
    /// It has changed. What there is to say at once.
    pub(super) fn changed(&mut self, held: bool, missing: &[Name], now: Instant) -> Option<String> {
        if held {
            self.lost = None;
            return self.told.take().map(|_| "**quorum again: lines are confirmed**".into());
        }
        let since = self.lost.as_ref().map_or(now, |(since, _)| *since);
        self.lost = Some((since, missing.to_vec()));
        self.told.as_ref()?;
        self.tell()
    }

    /// When there is something to say.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.lost.as_ref().filter(|_| self.told.is_none()).map(|(since, _)| *since + PATIENCE)
    }

    /// What there is to say.
    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<String> {
        if self.poll_timeout().is_some_and(|due| due <= now) { self.tell() } else { None }
    }

    /// Says who is missing, unless that was said.
    fn tell(&mut self) -> Option<String> {
        let (_, missing) = self.lost.as_ref().filter(|(_, missing)| self.told.as_ref() != Some(missing))?;
        self.told = Some(missing.clone());
        let who = if missing.is_empty() { String::new() } else { format!(" ({} cannot be reached)", list(missing)) };
        Some(format!("**no quorum: lines are shown but not confirmed{who}**"))
    }
}

/// Names, one after the other.
pub(super) fn list(names: &[Name]) -> String {
    names.iter().map(Name::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn names(names: &[&str]) -> Vec<Name> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    }

    const NO_QUORUM: &str = "**no quorum: lines are shown but not confirmed (alice, bob cannot be reached)**";

    #[test]
    fn a_quorum_that_is_back_soon_is_not_mentioned() {
        let (mut quorum, now) = (Quorum::default(), Instant::now());
        assert_eq!(quorum.changed(false, &names(&["bob"]), now), None);
        assert_eq!(quorum.handle_timeout(now + Duration::from_millis(1_999)), None);
        assert_eq!(quorum.changed(true, &[], now + Duration::from_millis(1_999)), None);
        assert_eq!(quorum.poll_timeout(), None);
    }

    #[test]
    fn one_that_stays_away_is_told_once_and_so_is_its_end() {
        let (mut quorum, now) = (Quorum::default(), Instant::now());
        let missing = names(&["alice", "bob"]);
        quorum.changed(false, &missing[..1], now);
        quorum.changed(false, &missing, now + Duration::from_secs(1));
        assert_eq!(quorum.poll_timeout(), Some(now + PATIENCE));
        assert_eq!(quorum.handle_timeout(now + PATIENCE).as_deref(), Some(NO_QUORUM));
        assert_eq!(quorum.handle_timeout(now + PATIENCE * 2), None);
        assert_eq!(quorum.changed(false, &missing, now + PATIENCE), None, "that is known");
        let end = quorum.changed(true, &[], now + PATIENCE * 3);
        assert_eq!(end.as_deref(), Some("**quorum again: lines are confirmed**"));
        assert_eq!(quorum.changed(true, &[], now + PATIENCE * 3), None);
    }

    #[test]
    fn when_others_are_missing_it_is_told_at_once() {
        let (mut quorum, now) = (Quorum::default(), Instant::now());
        quorum.changed(false, &names(&["alice"]), now);
        quorum.handle_timeout(now + PATIENCE);
        assert_eq!(quorum.changed(false, &names(&["alice", "bob"]), now + PATIENCE).as_deref(), Some(NO_QUORUM));
    }
}
