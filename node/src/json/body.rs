//! What stands in a line: the fields of each event and of each answer, as the interface names them.

use node::{Delivery, Event, Leader, Link, Member, Members, Message, MessageId, Name, Node, Private, Row, Status};
use serde::Serialize;

use super::history;
use super::line::{Shown, error, line};
use super::proposals;

/// The line for an event. `epoch` is the greatest that was seen; `None`: the event is not for this interface.
pub(crate) fn event(event: &Event, epoch: u64) -> Option<String> {
    Some(match event {
        Event::Joined { id, name, address, via } => {
            line("joined", Joined { id: Shown(id), name: Shown(name), address: Shown(address), via: via.as_str() })
        }
        Event::Left { id, name, reason, detail } => {
            line("left", Left { id: Shown(id), name: Shown(name), reason: reason.as_str(), detail })
        }
        Event::Renamed { id, from, to } => line("renamed", Renamed { id: Shown(id), from: Shown(from), to: Shown(to) }),
        Event::Leader(leader) => line("leader", LeaderEvent::new(leader.as_ref(), epoch)),
        Event::Message(message) => line("message", MessageEvent::new(message)),
        Event::Private(private) => line("private", PrivateEvent::new(private)),
        Event::Confirmed { id, index } => history::confirmed(id, *index),
        Event::Unconfirmed { id, was } => history::unconfirmed(id, *was),
        Event::Quorum { held, missing } => history::quorum(*held, missing),
        Event::Entry(entry) => history::entry(entry),
        Event::Disk { trouble } => history::disk(trouble.as_deref()),
        Event::Proposal(proposal) => proposals::event(proposal),
        Event::Skipped { .. } | Event::Lagged { .. } | Event::Alarm(_) | Event::Cast { .. } | Event::Bye(_) => {
            return None;
        }
    })
}

/// The line for an event that somebody should look at.
pub(crate) fn complaint(event: &Event) -> Option<String> {
    Some(match event {
        Event::Skipped { lines } => {
            let message =
                format!("{lines} messages are lost to this member: it was away for longer than they are kept");
            error(&None, "skipped", &message)
        }
        Event::Lagged { events } => {
            error(&None, "lagged", &format!("{events} events came faster than they were taken, and are lost"))
        }
        Event::Alarm(detail) => error(&None, "history_diverged", detail),
        Event::Disk { trouble: Some(trouble) } => error(&None, "disk_failed", trouble),
        _ => return None,
    })
}

/// The first line of all.
pub(crate) fn ready(node: &Node) -> String {
    let (id, name) = (node.id(), node.name());
    line(
        "ready",
        Ready {
            id: Shown(&id),
            name: Shown(&name),
            address: Shown(node.address()),
            group: node.group(),
            gateway: node.gateway().map(|address| address.to_string()),
            version: env!("CARGO_PKG_VERSION"),
            members: node.admitted_with().iter().map(MemberBody::new).collect(),
        },
    )
}

/// The last line of all.
pub(crate) fn bye(reason: &'static str) -> String {
    line("bye", Bye { reason })
}

/// The answer to `say`.
pub(crate) fn said(message: &MessageId) -> impl Serialize {
    Said { message: Shown(message) }
}

/// The answer to `msg`.
pub(crate) fn delivered(delivery: &Delivery) -> impl Serialize {
    Delivered { message: Shown(&delivery.message), delivered: delivery.delivered }
}

/// The answer to `members`.
pub(crate) fn members(members: &Members) -> impl Serialize {
    MembersBody {
        epoch: members.epoch,
        leader: Shown(&members.leader),
        members: members.members.iter().map(MemberBody::new).collect(),
    }
}

/// The answer to `leader`: nothing but nulls while there is none.
pub(crate) fn leader(leader: Option<&Leader>) -> impl Serialize {
    LeaderBody {
        id: leader.map(|leader| Shown(&leader.id)),
        name: leader.map(|leader| Shown(&leader.name)),
        epoch: leader.map(|leader| leader.epoch),
        since: leader.map(|leader| Shown(&leader.since)),
        reason: leader.map(|leader| leader.reason.as_str()),
    }
}

/// The answer to `takeover`: that it has begun.
pub(crate) fn taken_over() -> impl Serialize {
    TakenOver {}
}

/// The answer to `status`.
pub(crate) fn status(status: &Status) -> impl Serialize {
    StatusBody {
        links: status.links.iter().map(LinkBody::new).collect(),
        leader: status.leader.as_ref().map(|leader| Shown(&leader.id)),
        epoch: status.epoch,
        members: status.members,
        confirmed: status.confirmed,
        unconfirmed: status.unconfirmed,
        voters: status.voters,
        quorum: status.quorum,
        missing: history::names(&status.missing),
        mesh: status.mesh.iter().map(RowBody::new).collect(),
    }
}

#[derive(Serialize)]
struct Joined<'a> {
    id: Shown<'a>,
    name: Shown<'a>,
    address: Shown<'a>,
    via: &'a str,
}

#[derive(Serialize)]
struct Left<'a> {
    id: Shown<'a>,
    name: Shown<'a>,
    reason: &'a str,
    detail: &'a str,
}

#[derive(Serialize)]
struct Renamed<'a> {
    id: Shown<'a>,
    from: Shown<'a>,
    to: Shown<'a>,
}

#[derive(Serialize)]
struct LeaderEvent<'a> {
    id: Option<Shown<'a>>,
    name: Option<Shown<'a>>,
    epoch: u64,
    me: bool,
    reason: Option<&'a str>,
    since: Option<Shown<'a>>,
}

impl<'a> LeaderEvent<'a> {
    fn new(leader: Option<&'a Leader>, epoch: u64) -> Self {
        Self {
            id: leader.map(|leader| Shown(&leader.id)),
            name: leader.map(|leader| Shown(&leader.name)),
            epoch: leader.map_or(epoch, |leader| leader.epoch),
            me: leader.is_some_and(|leader| leader.me),
            reason: leader.map(|leader| leader.reason.as_str()),
            since: leader.map(|leader| Shown(&leader.since)),
        }
    }
}

#[derive(Serialize)]
struct MessageEvent<'a> {
    id: Shown<'a>,
    from: Shown<'a>,
    from_id: Shown<'a>,
    text: &'a str,
    sent_at: Shown<'a>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    earlier: bool,
}

impl<'a> MessageEvent<'a> {
    fn new(Message { id, from, from_id, text, sent_at, earlier }: &'a Message) -> Self {
        Self {
            id: Shown(id),
            from: Shown(from),
            from_id: Shown(from_id),
            text,
            sent_at: Shown(sent_at),
            earlier: *earlier,
        }
    }
}

#[derive(Serialize)]
struct PrivateEvent<'a> {
    id: Shown<'a>,
    from: Shown<'a>,
    from_id: Shown<'a>,
    to: Shown<'a>,
    text: &'a str,
    sent_at: Shown<'a>,
}

impl<'a> PrivateEvent<'a> {
    fn new(Private { id, from, from_id, to, text, sent_at }: &'a Private) -> Self {
        Self { id: Shown(id), from: Shown(from), from_id: Shown(from_id), to: Shown(to), text, sent_at: Shown(sent_at) }
    }
}

#[derive(Serialize)]
struct Ready<'a> {
    id: Shown<'a>,
    name: Shown<'a>,
    address: Shown<'a>,
    group: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway: Option<String>,
    version: &'a str,
    members: Vec<MemberBody<'a>>,
}

#[derive(Serialize)]
struct Bye {
    reason: &'static str,
}

#[derive(Serialize)]
struct Said<'a> {
    message: Shown<'a>,
}

#[derive(Serialize)]
struct Delivered<'a> {
    message: Shown<'a>,
    delivered: bool,
}

#[derive(Serialize)]
struct TakenOver {}

#[derive(Serialize)]
struct MembersBody<'a> {
    epoch: u64,
    leader: Shown<'a>,
    members: Vec<MemberBody<'a>>,
}

#[derive(Serialize)]
struct MemberBody<'a> {
    id: Shown<'a>,
    name: Shown<'a>,
    address: Shown<'a>,
    priority: u16,
    leader: bool,
    joined_at: Shown<'a>,
    via: &'a str,
}

impl<'a> MemberBody<'a> {
    fn new(member: &'a Member) -> Self {
        Self {
            id: Shown(&member.id),
            name: Shown(&member.name),
            address: Shown(&member.address),
            priority: member.priority,
            leader: member.leader,
            joined_at: Shown(&member.joined_at),
            via: member.via.as_str(),
        }
    }
}

#[derive(Serialize)]
struct LeaderBody<'a> {
    id: Option<Shown<'a>>,
    name: Option<Shown<'a>>,
    epoch: Option<u64>,
    since: Option<Shown<'a>>,
    reason: Option<&'a str>,
}

#[derive(Serialize)]
struct StatusBody<'a> {
    links: Vec<LinkBody<'a>>,
    leader: Option<Shown<'a>>,
    epoch: u64,
    members: usize,
    confirmed: u64,
    unconfirmed: usize,
    voters: usize,
    quorum: bool,
    missing: Vec<&'a str>,
    mesh: Vec<RowBody<'a>>,
}

#[derive(Serialize)]
struct RowBody<'a> {
    name: Shown<'a>,
    linked: &'a [bool],
}

impl<'a> RowBody<'a> {
    fn new(Row { name, linked }: &'a Row) -> Self {
        Self { name: Shown(name), linked }
    }
}

#[derive(Serialize)]
struct LinkBody<'a> {
    id: Shown<'a>,
    name: Shown<'a>,
    state: &'static str,
    through: Option<&'a str>,
    rtt_us: Option<u64>,
}

impl<'a> LinkBody<'a> {
    fn new(link: &'a Link) -> Self {
        Self {
            id: Shown(&link.id),
            name: Shown(&link.name),
            state: if link.through.is_some() { "relayed" } else { "direct" },
            through: link.through.as_ref().map(Name::as_str),
            rtt_us: link.round_trip.map(|trip| u64::try_from(trip.as_micros()).unwrap_or(u64::MAX)),
        }
    }
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
