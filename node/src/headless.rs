//! A member with no console and no input: it runs until SIGINT or SIGTERM, and prints nothing on stdout.

use futures::{StreamExt as _, stream};
use node::Event;

use crate::exit::Failure;
use crate::input::Input;
use crate::options::Options;
use crate::output::Output;
use crate::session::{self, Beside, Departure, Face};
use crate::signals::Signals;

/// Joins, stays, leaves.
pub(crate) async fn run(options: Options, mut signals: Signals) -> Result<(), Failure> {
    let output = Output::nowhere();
    let config = options.config()?;
    let Some(member) = session::admit(config, &mut signals, &output).await? else { return Ok(()) };
    session::run(member, stream::pending().boxed(), signals, output, &mut Silent).await
}

/// Shows nothing and is asked nothing.
struct Silent;

impl Face for Silent {
    fn show(&mut self, event: Event) {
        tracing::debug!(?event, "event");
    }

    async fn act(&mut self, _: Input, _: &mut Beside) -> Option<Departure> {
        None
    }

    fn bye(&mut self, _: &Departure) {}
}
