//! What a client reads (pure): one event in, one frame out.

use bytes::Bytes;

use super::frame::{self, DIRECT, LIST, MESSAGE};
use crate::event::{Event, Private};
use crate::name::Name;
use crate::text::escape;

/// The first frame of all.
pub(crate) const COMMANDS: &str = "\
Commands, by the type of their frame:
0 join NAME: become a member of the chat
1 leave: leave the chat and end the connection
2 message TEXT: say something to everyone
3 list: who is in the chat
4 direct NAME TEXT: say something to one member alone";

/// The list of commands.
pub(crate) fn commands() -> Bytes {
    frame::text(MESSAGE, COMMANDS)
}

/// What everybody who uses the gateway is sent when this happens.
pub(crate) fn event(event: &Event) -> Option<Bytes> {
    let text = match event {
        Event::Message(message) if !message.earlier => format!("[{}] {}", message.from, escape(&message.text)),
        Event::Joined { name, .. } => format!("**{name} is joining the chat**"),
        Event::Left { name, .. } => return Some(leaving(name)),
        Event::Renamed { from, to, .. } => format!("**{from} is now called {to}**"),
        _ => return None,
    };
    Some(frame::text(MESSAGE, &text))
}

/// Somebody leaves.
pub(crate) fn leaving(name: &Name) -> Bytes {
    frame::text(MESSAGE, &format!("**{name} is leaving the chat**"))
}

/// A client is called something else: two groups met.
pub(crate) fn renamed(to: &Name) -> Bytes {
    frame::text(MESSAGE, &format!("**You are now called {to}**"))
}

/// Something said to a client alone.
pub(crate) fn direct(private: &Private) -> Bytes {
    frame::text(DIRECT, &format!("[{} -> you] {}", private.from, escape(&private.text)))
}

/// Who is there.
pub(crate) fn list(names: &[Name]) -> Bytes {
    frame::text(LIST, &names.iter().map(Name::as_str).collect::<Vec<_>>().join("\n"))
}
