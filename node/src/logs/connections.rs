//! The lines of `connections.log`: `TIME IP PORT KIND NAME OUTCOME` and, after a colon, why.
//!
//! They come through `tracing`, from the crates that have the sockets: see [`transport::CONNECTIONS`].

use std::fmt;

use node::text;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::LOGS;

/// Writes what becomes of connections, if there is a log.
pub(crate) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>() -> impl Layer<S> {
    Connections.with_filter(Targets::new().with_target(transport::CONNECTIONS, Level::INFO))
}

struct Connections;

impl<S: Subscriber> Layer<S> for Connections {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if let Some(logs) = LOGS.get() {
            let mut told = Told::default();
            event.record(&mut told);
            logs.connections.write(|now| Some(format!("{now} {told}\n")));
        }
    }
}

/// What was told of a connection.
#[derive(Default)]
struct Told {
    ip: String,
    port: String,
    kind: String,
    name: String,
    outcome: String,
    reason: String,
}

impl Told {
    fn set(&mut self, field: &Field, value: String) {
        match field.name() {
            "ip" => self.ip = value,
            "port" => self.port = value,
            "kind" => self.kind = value,
            "name" => self.name = value,
            "outcome" => self.outcome = value,
            "reason" => self.reason = value,
            _ => {}
        }
    }
}

impl Visit for Told {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.set(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.set(field, format!("{value:?}"));
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ip, port, kind, name, outcome, reason } = self;
        // A stranger may call itself anything: its name must stay one word.
        let name = text::escape(name).replace(char::is_whitespace, "_");
        let name = if name.is_empty() { "-" } else { &*name };
        write!(f, "{ip} {port} {kind} {name} {outcome}")?;
        if reason.is_empty() { Ok(()) } else { write!(f, ": {}", text::escape(reason)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(name: &str, outcome: &str, reason: &str) -> String {
        let (name, outcome, reason) = (name.into(), outcome.into(), reason.into());
        Told { ip: "::1".into(), port: "40312".into(), kind: "peer".into(), name, outcome, reason }.to_string()
    }

    #[test]
    fn a_connection_is_one_line_whatever_the_other_end_calls_itself() {
        assert_eq!(told("Bob", "accepted", ""), "::1 40312 peer Bob accepted");
        assert_eq!(told("Bob", "closed", "it left"), "::1 40312 peer Bob closed: it left");
        assert_eq!(told("", "rejected", "no hello"), "::1 40312 peer - rejected: no hello");
        assert_eq!(told("a b\nc", "rejected", "x\ny"), "::1 40312 peer a_b\\nc rejected: x\\ny");
    }
}
