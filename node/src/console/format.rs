//! What a person reads: one event or answer in, lines out.

use std::fmt::Write as _;
use std::time::Duration;

use std::net::SocketAddr;

use node::text::escape;
use node::{Event, Leader, Member, Members, PeerId, Row, Status, Timestamp};

use super::command::COMMANDS;
use super::quorum::list;
use super::ticks::count;

/// What an event is to a person.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Shown {
    /// A part of the conversation.
    Said(String),
    /// A part of it is missing.
    Complaint(String),
}

/// The line for an event, as `me` sees it; `None`: there is none.
pub(super) fn event(event: &Event, me: PeerId) -> Option<Shown> {
    let line = match event {
        Event::Joined { name, .. } => format!("**{name} is joining the chat**"),
        Event::Left { name, .. } => format!("**{name} is leaving the chat**"),
        Event::Renamed { from, to, .. } => format!("**{from} is now called {to}**"),
        Event::Leader(Some(leader)) if leader.me => "**You are now the leader**".into(),
        Event::Leader(Some(leader)) => format!("**{} is now the leader**", leader.name),
        Event::Message(message) if message.from_id == me && !message.earlier => return None,
        Event::Message(message) => format!("[{}] {}", message.from, escape(&message.text)),
        Event::Private(private) => format!("[{} -> you] {}", private.from, escape(&private.text)),
        Event::Skipped { lines } => {
            let lost = format!("{lines} lines are lost: you were away for longer than anybody keeps them");
            return Some(Shown::Complaint(lost));
        }
        Event::Lagged { events } => {
            let lost = format!("{events} lines are lost: they came faster than they could be shown");
            return Some(Shown::Complaint(lost));
        }
        Event::Disk { trouble: None } => "**the disk works again: lines are kept**".into(),
        Event::Disk { trouble: Some(trouble) } => {
            let unkept = format!("the disk takes nothing, lines are not kept: {}", escape(trouble));
            return Some(Shown::Complaint(unkept));
        }
        Event::Alarm(detail) => {
            let alarm = format!("the history is not as it must be, somebody should look: {}", escape(detail));
            return Some(Shown::Complaint(alarm));
        }
        // How these are told depends on what was before: see the conversation.
        Event::Proposal(_) | Event::Confirmed { .. } | Event::Unconfirmed { .. } | Event::Quorum { .. } => return None,
        Event::Leader(None) | Event::Entry(_) | Event::Cast { .. } | Event::Bye(_) => return None,
    };
    Some(Shown::Said(line))
}

/// The answer to `@members`.
pub(super) fn members(list: &Members, me: PeerId, now: Timestamp) -> String {
    let heads = ["name", "id", "address", "via", "priority", "leads", "member for", ""].map(String::from);
    let row = |member: &Member| {
        let leads = if member.leader { "leads" } else { "" };
        let this = if member.id == me { "(you)" } else { "" };
        [
            member.name.to_string(),
            member.id.to_string(),
            escape(member.address.as_str()).into_owned(),
            member.via.as_str().into(),
            member.priority.to_string(),
            leads.into(),
            span(between(member.joined_at, now)),
            this.into(),
        ]
    };
    let rows: Vec<[String; 8]> = [heads].into_iter().chain(list.members.iter().map(row)).collect();
    table(&rows)
}

/// The answer to `@leader`.
pub(super) fn leader(leader: Option<&Leader>, now: Timestamp) -> String {
    let Some(Leader { name, epoch, me, reason, since, .. }) = leader else {
        return "nobody leads at the moment: a leader is being elected".into();
    };
    let who = if *me { "You lead".to_owned() } else { format!("{name} leads") };
    let long = span(between(*since, now));
    format!("{who} since {since} ({long}), in epoch {epoch}: {}", escape(reason))
}

/// The answer to `@status`.
pub(super) fn status(status: &Status, gateway: Option<SocketAddr>) -> String {
    let leader = match &status.leader {
        Some(leader) if leader.me => "you".to_owned(),
        Some(leader) => leader.name.to_string(),
        None => "nobody at the moment".to_owned(),
    };
    let mut rows = vec![
        ["leader".to_owned(), leader],
        ["epoch".to_owned(), status.epoch.to_string()],
        ["members".to_owned(), format!("{}, you included", status.members)],
    ];
    let confirmed = if status.confirmed == 0 { "nothing yet".into() } else { format!("up to #{}", status.confirmed) };
    rows.push(["confirmed".to_owned(), confirmed]);
    rows.push(["waiting".to_owned(), count(status.unconfirmed as u64)]);
    rows.push(["voters".to_owned(), status.voters.to_string()]);
    rows.push(["quorum".to_owned(), quorum(status)]);
    rows.extend(gateway.map(|address| ["gateway".to_owned(), address.to_string()]));
    let direct = status.links.iter().filter(|link| link.through.is_none()).count();
    rows.push(["links".to_owned(), format!("{direct} of {}", status.links.len())]);
    for link in &status.links {
        let way = link.through.as_ref().map(|through| format!("relayed through {through}"));
        rows.push([format!("  {}", link.name), way.unwrap_or_else(|| round_trip(link.round_trip))]);
    }
    let rows = table(&rows);
    if status.mesh.len() < 2 {
        return rows;
    }
    let matrix: Vec<_> = status.mesh.iter().enumerate().map(matrix_row).collect();
    format!("{rows}\nwho is linked to whom\n{}", table(&matrix))
}

/// Whether lines can be confirmed, and who is missing.
fn quorum(status: &Status) -> String {
    let missing =
        if status.missing.is_empty() { String::new() } else { format!("{} cannot be reached", list(&status.missing)) };
    match (status.quorum, missing.is_empty()) {
        (true, true) => "yes".into(),
        (true, false) => format!("yes, though {missing}"),
        (false, true) => "no".into(),
        (false, false) => format!("no: {missing}"),
    }
}

/// One member's row of the matrix of links: `x` to whom it is linked, `-` to whom it is not, `.` itself.
fn matrix_row((own, row): (usize, &Row)) -> [String; 2] {
    let mark = |(column, linked): (usize, &bool)| match (column == own, linked) {
        (true, _) => ".",
        (false, true) => "x",
        (false, false) => "-",
    };
    let marks: Vec<_> = row.linked.iter().enumerate().map(mark).collect();
    [format!("  {}", row.name), marks.join(" ")]
}

/// The answer to `@help`.
pub(super) fn help() -> String {
    let text = ["any text".to_owned(), "says it to everyone; a text that begins with @ is typed with @@".to_owned()];
    let commands = COMMANDS.iter().map(|command| [command.usage.to_owned(), command.does.to_owned()]);
    let table = table(&[text].into_iter().chain(commands).collect::<Vec<_>>());
    format!("{table}\n{TICKS}")
}

/// What a person should know of confirmation.
const TICKS: &str = "\
A line is shown at once, and confirmed when it has its place, the same for everybody, for good: usually within a second.
Nothing is said of that unless a line waits for longer. @history shows each line's place, as #812, or · while it waits.";

/// Rows with their columns aligned, two spaces between them. There is no newline at the end.
fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let mut widths = [0; COLUMNS];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut shown = String::new();
    for row in rows {
        let mut line = String::new();
        for (width, cell) in widths.iter().zip(row) {
            let _ = write!(line, "{cell:<width$}  ");
        }
        shown.push_str(line.trim_end());
        shown.push('\n');
    }
    shown.pop();
    shown
}

/// From one moment to another, of clocks that may disagree.
fn between(from: Timestamp, to: Timestamp) -> Duration {
    Duration::from_millis(to.as_millis().saturating_sub(from.as_millis()))
}

/// A length of time, in the two greatest units that it has.
fn span(length: Duration) -> String {
    let seconds = length.as_secs();
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, _) => format!("{minutes} min {} s", seconds % 60),
        (0, _, _) => format!("{hours} h {minutes} min"),
        _ => format!("{days} d {hours} h"),
    }
}

fn round_trip(trip: Option<Duration>) -> String {
    trip.map_or("not measured yet".into(), |trip| format!("{:.3} ms", trip.as_secs_f64() * 1000.0))
}

#[cfg(test)]
#[path = "format_tests.rs"]
mod tests;
