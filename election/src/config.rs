//! How fast an election is, and how patient.

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// How many of the highest-ranked peers ask each other about a silent leader.
///
/// If all asked all, a hundred peers would send twenty thousand messages at the moment when one of them is in trouble.
/// Seven are enough that a majority of them says something about the leader and not about themselves, the leader's
/// successor is among them unless seven fail at once, and a round costs at most 2 * 7 * 6 messages in a group of any
/// size.
pub(crate) const ASKED_MAX: usize = 7;

/// How long a member must have been reachable without a break to add to a leader's weight.
///
/// Two leaders that meet compare how many each brings. Those who have just met them both count for neither, and two
/// seconds are longer than the meeting takes and shorter than anybody would wait before calling a group stable.
pub(crate) const WEIGHT_WINDOW: Duration = Duration::from_secs(2);

/// How near to each other two falls double the hold.
///
/// A link that flaps does so several times a minute; a machine that is rebooted twice a day must not pay for it.
pub(crate) const FLAP_WINDOW: Duration = Duration::from_secs(60);

/// The settings of an election, the same for all members of a group.
///
/// Members whose settings differ still elect safely, but the most impatient of them sets the pace of the trouble.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Config {
    /// How often a leader shows that it leads. Default 250 ms.
    ///
    /// Raising it saves n - 1 small messages a beat and delays what rests on beats: two of them are waited for when
    /// the own link to the leader has ended, and one is the longest that a newcomer may not know who leads.
    pub heartbeat: Duration,
    /// How long a reachable leader's silence is borne. Default 1 s, at least two heartbeats.
    ///
    /// Raising it delays the replacement of a leader that hangs (one that is killed is replaced at once whatever is
    /// set here), lowering it below the pauses of the slowest machine makes a round of questions of each of them. Four
    /// heartbeats forgive three lost ones. A fifth of it is the wait for any one answer.
    pub timeout: Duration,
    /// How long a higher-ranked arrival stays reachable before it asks to take over. Default 2 s.
    ///
    /// Raising it keeps a leader longer that is not the highest-ranked; lowering it lets a flapping link move the
    /// leadership to and fro.
    pub hold: Duration,
    /// What `hold` grows to at most, doubled for each fall within a minute of the one before. Default 60 s.
    ///
    /// Raising it spares the group more of a flapping peer and keeps a cured one waiting for longer.
    pub hold_max: Duration,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(250),
            timeout: Duration::from_secs(1),
            hold: Duration::from_secs(2),
            hold_max: Duration::from_secs(60),
        }
    }
}

impl Config {
    /// Says why these settings cannot work, if they cannot.
    pub fn validate(&self) -> Result<(), ConfigError> {
        if self.heartbeat.is_zero() {
            return Err(ConfigError::HeartbeatZero);
        }
        if self.timeout < self.heartbeat.saturating_mul(2) {
            return Err(ConfigError::TimeoutTooShort { timeout: self.timeout, heartbeat: self.heartbeat });
        }
        if self.hold_max < self.hold {
            return Err(ConfigError::HoldMaxTooShort { hold_max: self.hold_max, hold: self.hold });
        }
        Ok(())
    }

    /// How long an answer, or a `Coordinator` that is due, is waited for: a fifth of the timeout.
    pub fn answer_timeout(&self) -> Duration {
        self.timeout / 5
    }

    /// How long ago a leader may have been heard for the hearer's word to calm one who asks.
    ///
    /// A living leader's last beat is half a timeout old at most, that of one who fell silent a whole one. Three
    /// quarters lie between, so that of peers which heard the same last beat, some milliseconds apart, none calms
    /// another.
    pub(crate) fn fresh(&self) -> Duration {
        self.timeout * 3 / 4
    }

    /// How much silence casts doubt on a leader without proving anything.
    pub(crate) fn two_heartbeats(&self) -> Duration {
        self.heartbeat.saturating_mul(2).min(self.timeout)
    }
}

/// Why a [`Config`] cannot work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConfigError {
    /// A leader would send without end.
    HeartbeatZero,
    /// One lost heartbeat would already count as silence.
    TimeoutTooShort {
        /// The timeout that was given.
        timeout: Duration,
        /// The heartbeat that it must be twice as long as.
        heartbeat: Duration,
    },
    /// The hold would have to shrink.
    HoldMaxTooShort {
        /// The greatest hold that was given.
        hold_max: Duration,
        /// The hold that it must not be below.
        hold: Duration,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeartbeatZero => write!(f, "the heartbeat is zero"),
            Self::TimeoutTooShort { timeout, heartbeat } => {
                write!(f, "the timeout of {timeout:?} is shorter than two heartbeats of {heartbeat:?}")
            }
            Self::HoldMaxTooShort { hold_max, hold } => {
                write!(f, "the greatest hold of {hold_max:?} is shorter than the hold of {hold:?}")
            }
        }
    }
}

impl Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(Config::default().validate(), Ok(()));
        assert_eq!(Config::default().answer_timeout(), Duration::from_millis(200));
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_values() {
        let heartbeat = Config { heartbeat: Duration::ZERO, ..Config::default() };
        assert_eq!(heartbeat.validate(), Err(ConfigError::HeartbeatZero));

        let timeout = Config { timeout: Duration::from_millis(499), ..Config::default() };
        assert_eq!(
            timeout.validate().unwrap_err().to_string(),
            "the timeout of 499ms is shorter than two heartbeats of 250ms"
        );

        let hold_max = Config { hold_max: Duration::from_secs(1), ..Config::default() };
        assert_eq!(
            hold_max.validate().unwrap_err().to_string(),
            "the greatest hold of 1s is shorter than the hold of 2s"
        );
    }
}
