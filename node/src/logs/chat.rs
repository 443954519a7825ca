//! The lines of `chat.log`: `TIME [Bob] Hi`, `TIME **Bob is joining the chat**`, and so on.

use node::{Event, Name, Timestamp, text};

/// Who arrives.
pub(super) fn who_joined(event: &Event) -> Option<Name> {
    if let Event::Joined { name, .. } = event { Some(name.clone()) } else { None }
}

/// The line that an event leaves behind, if any: all that is public, as one would see it who is none of the members. `me` is
/// the member whose log it is.
pub(super) fn line(event: &Event, me: Option<&Name>, now: Timestamp) -> Option<String> {
    let text = match event {
        Event::Message(message) if !message.earlier => format!("[{}] {}", message.from, text::escape(&message.text)),
        Event::Joined { name, .. } => format!("**{name} is joining the chat**"),
        Event::Left { name, .. } => format!("**{name} is leaving the chat**"),
        Event::Bye(_) => format!("**{} is leaving the chat**", me?),
        Event::Renamed { from, to, .. } => format!("**{from} is now called {to}**"),
        Event::Leader(Some(leader)) => format!("**{} is now the leader**", leader.name),
        _ => return None,
    };
    Some(format!("{now} {text}\n"))
}

#[cfg(test)]
mod tests {
    use node::{Leader, LeftReason, Message, MessageId, PeerId, Private};
    use uuid::Uuid;

    use super::*;

    fn id() -> MessageId {
        format!("{}:0", Uuid::nil()).parse().unwrap()
    }

    fn written(event: &Event) -> Option<String> {
        line(event, Some(&"Al".parse().unwrap()), Timestamp::from_millis(1_700_000_000_042))
    }

    fn said(text: &str, earlier: bool) -> Event {
        let (from, from_id) = ("Bob".parse().unwrap(), PeerId::new(Uuid::nil()));
        Event::Message(Message { id: id(), from, from_id, text: text.into(), sent_at: Timestamp::default(), earlier })
    }

    #[test]
    fn each_public_event_is_one_line_with_its_time() {
        let (id, name) = (PeerId::new(Uuid::nil()), "Bob".parse::<node::Name>().unwrap());
        let left = Event::Left { id, name: name.clone(), reason: LeftReason::Failed, detail: "silent".into() };
        let renamed = Event::Renamed { id, from: name.clone(), to: "Bob-2".parse().unwrap() };
        let leader = Leader { id, name, epoch: 1, me: true, reason: String::new(), since: Timestamp::default() };
        for (event, text) in [
            (said("Hi", false), "[Bob] Hi"),
            (said("a\nb\u{1b}[2J", false), "[Bob] a\\nb\\u{1b}[2J"),
            (left, "**Bob is leaving the chat**"),
            (Event::Bye(node::ByeReason::Left), "**Al is leaving the chat**"),
            (renamed, "**Bob is now called Bob-2**"),
            (Event::Leader(Some(leader)), "**Bob is now the leader**"),
        ] {
            assert_eq!(written(&event), Some(format!("2023-11-14T22:13:20.042Z {text}\n")));
        }
    }

    #[test]
    fn what_is_private_or_was_said_before_is_not_written() {
        let name: node::Name = "Bob".parse().unwrap();
        let (from, to, from_id) = (name.clone(), name, PeerId::new(Uuid::nil()));
        let private = Private { id: id(), from, from_id, to, text: "psst".into(), sent_at: Timestamp::default() };
        assert_eq!(written(&Event::Private(private)), None);
        assert_eq!(written(&said("Hi", true)), None);
        assert_eq!(written(&Event::Leader(None)), None);
    }
}
