//! Fault rules, as data: what becomes of what one place sends to another, and when.

use std::ops::Range;
use std::time::Duration;

use super::Place;

/// Whom a rule is about.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Who {
    /// Everybody.
    All,
    /// One place.
    One(Place),
    /// Any of these.
    Of(Vec<Place>),
    /// Anybody but these.
    But(Vec<Place>),
}

/// What becomes of a transmission.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// It arrives as if there were no further rule.
    Pass,
    /// It arrives so much later. Of one link and class nothing overtakes anything all the same.
    Delay(Range<Duration>),
    /// Packets are lost. What was sent waits at its sender's end, as TCP has it, and arrives if the rule ends while the link lasts.
    Drop,
    /// This share of bulk finds the queue full, and is lost for good.
    Lose(f64),
    /// So many bytes pass in a second.
    Throttle(u64),
}

/// A fault, and whom it befalls. Of several rules that fit, the first counts.
#[derive(Clone, PartialEq, Debug)]
pub struct Rule {
    /// Who sends.
    pub from: Who,
    /// Who receives.
    pub to: Who,
    /// When, counted from the moment at which the rule is given to the world.
    pub during: Range<Duration>,
    /// What becomes of it.
    pub verdict: Verdict,
}

impl Who {
    fn fits(&self, place: Place) -> bool {
        match self {
            Self::All => true,
            Self::One(one) => *one == place,
            Self::Of(places) => places.contains(&place),
            Self::But(places) => !places.contains(&place),
        }
    }
}

impl Rule {
    /// A rule for what one of `from` sends to one of `to`.
    pub fn new(from: Who, to: Who, during: Range<Duration>, verdict: Verdict) -> Self {
        Self { from, to, during, verdict }
    }

    /// Two rules that let nothing pass between two places, in either direction.
    pub fn cut(a: Place, b: Place, during: Range<Duration>) -> [Self; 2] {
        [(a, b), (b, a)].map(|(from, to)| Self::new(Who::One(from), Who::One(to), during.clone(), Verdict::Drop))
    }

    /// Two rules that let nothing pass between two sides.
    pub fn split(left: &[Place], right: &[Place], during: Range<Duration>) -> [Self; 2] {
        [(left, right), (right, left)]
            .map(|(from, to)| Self::new(Who::Of(from.to_vec()), Who::Of(to.to_vec()), during.clone(), Verdict::Drop))
    }

    pub(super) fn fits(&self, from: Place, to: Place) -> bool {
        self.from.fits(from) && self.to.fits(to)
    }
}
