//! Randomness that can be had again.

use std::env;

use rand::SeedableRng as _;
use rand::rngs::SmallRng;

/// What a random test run follows from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Seed(u64);

impl Seed {
    /// The value of an environment variable, to replay a run; a fresh one if it is not set.
    ///
    /// # Panics
    ///
    /// If the variable is no number.
    pub fn from_env(variable: &str) -> Self {
        match env::var(variable) {
            Ok(text) => Self(text.parse().unwrap_or_else(|_| panic!("{variable} is no seed: {text}"))),
            Err(_) => Self(rand::random()),
        }
    }

    /// The number to print, and to set the variable to.
    pub fn number(self) -> u64 {
        self.0
    }

    /// A generator that always draws the same.
    pub fn generator(self) -> SmallRng {
        SmallRng::seed_from_u64(self.0)
    }
}
