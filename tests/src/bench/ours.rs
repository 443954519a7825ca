//! A member of the mesh under test: the library `node`, and nothing between it and the measurements.

use std::thread;
use std::time::Duration;

use bytes::Bytes;
use futures::channel::oneshot;
use futures::{FutureExt as _, StreamExt as _, TryStreamExt as _, stream};
use node::{Address, Config, Event, Events, Index, Node, PeerId, runtime};

use super::clock::now_ns;
use super::contract::{Go, Header, Kind, Place, member_of};
use super::orders::{self, Sender};
use super::report::Report;
use super::tally::Tally;

/// How many lines are on their way to being said at once: `say` resolves when its line is, and a program that is in a
/// hurry does not wait for one before it says the next.
const SAYS_AT_ONCE: usize = 64;

/// How often it looks whether it is linked to all.
const LOOK: Duration = Duration::from_millis(10);

/// Many members that start at once on a small machine need longer than the default.
const JOIN_TIMEOUT: Duration = Duration::from_secs(60);

/// Runs a member until stdin ends.
///
/// # Errors
///
/// It cannot start or join.
pub fn run(place: Place) -> Result<(), String> {
    let others = usize::from(place.count) - 1;
    let config = config(place)?;
    let (node, events) = runtime::block_on(Node::start(config)).map_err(|error| error.to_string())?;
    let me = node.id();
    // Beside the member and not on a thread of its own: what comes is then not handed from one thread to another.
    let (ended, end) = oneshot::channel::<()>();
    runtime::spawn(receive(events, me).map(|()| drop(ended)));
    while runtime::block_on(node.status()).is_ok_and(|status| status.links.len() < others) {
        thread::sleep(LOOK);
    }
    println!("{}", Report::Ready);
    orders::serve(&mut Voice { node: node.clone() });
    runtime::block_on(node.leave());
    // Dropped, not sent: the task has come to its end.
    let _ = runtime::block_on(end);
    Ok(())
}

fn config(place: Place) -> Result<Config, String> {
    let name = place.name().parse().map_err(|error| format!("{}: {error}", place.name()))?;
    let mut config = Config::new(name);
    config.port = place.port();
    config.group = format!("bench-{}", place.base_port);
    config.join_timeout = JOIN_TIMEOUT;
    config.data_dir.clone_from(&place.data_dir);
    if place.id > 0 {
        let first: Address = format!("127.0.0.1:{}", place.base_port).parse().map_err(|error| format!("{error}"))?;
        config.leaders.push(first);
    }
    Ok(config)
}

async fn receive(mut events: Events, me: PeerId) {
    let mut tally = Tally::default();
    while let Some(event) = events.next().await {
        handle(event, me, &mut tally);
        while let Some(event) = events.ready() {
            handle(event, me, &mut tally);
        }
    }
}

#[inline]
fn handle(event: Event, me: PeerId, tally: &mut Tally) {
    let header = match &event {
        Event::Cast { bytes, .. } => Header::of_bytes(bytes),
        Event::Message(message) if message.from_id != me => Header::of_text(&message.text),
        Event::Leader(Some(leader)) => {
            let at = now_ns();
            if let Some(member) = member_of(leader.name.as_str()) {
                println!("{}", Report::Leader { at, member });
            }
            None
        }
        // Why a phase is never over, for whoever reads what a member wrote when it hangs.
        Event::Lagged { events } => complain(&format!("{events} events are lost"), tally),
        Event::Left { name, detail, .. } => complain(&format!("{} is gone: {detail}", name.as_str()), tally),
        _ => None,
    };
    if let Some(report) = header.and_then(|header| tally.note(header)) {
        println!("{report}");
    }
}

fn complain(trouble: &str, tally: &Tally) -> Option<Header> {
    let missing: Vec<_> = tally.missing().map(|(phase, missing)| format!("{missing} of phase {phase}")).collect();
    if !missing.is_empty() {
        eprintln!("{trouble}; still missing: {}", missing.join(", "));
    }
    None
}

/// The sending end of a member.
struct Voice {
    node: Node,
}

impl Sender for Voice {
    fn flood(&mut self, go: &Go) {
        match go.kind {
            Kind::Append => return self.append(go),
            Kind::Applied => return self.await_applied(go),
            _ => {}
        }
        let sent = if go.kind.is_said() {
            let text = text(go, 0);
            let lines = stream::iter(0..go.n).map(|_| self.node.say(&text)).buffered(SAYS_AT_ONCE);
            runtime::block_on(lines.all(async |said| said.is_ok()))
        } else {
            // All messages of a flood are the same bytes: clones of one buffer.
            let message = message(go, 0);
            runtime::block_on(async {
                for _ in 0..go.n {
                    if self.node.cast(message.clone()).await.is_err() {
                        return false;
                    }
                }
                true
            })
        };
        if !sent {
            eprintln!("phase {} was not sent to its end", go.phase);
        }
    }

    fn send(&mut self, go: &Go) {
        let error = if go.kind.is_said() {
            let text = text(go, now_ns());
            runtime::block_on(self.node.say(&text)).err().map(|error| error.to_string())
        } else {
            let message = message(go, now_ns());
            runtime::block_on(self.node.cast(message)).err().map(|error| error.to_string())
        };
        if let Some(error) = error {
            eprintln!("phase {}: {error}", go.phase);
        }
    }
}

impl Voice {
    /// Appends entries, so many in flight at once, and reports how long each took to be confirmed.
    fn append(&self, go: &Go) {
        let entry = Bytes::from(vec![b'x'; go.size]);
        let one = async |_| {
            let began = now_ns();
            let appended = self.node.append(0, entry.clone()).await;
            appended.map(|_| now_ns() - began).map_err(|error| error.to_string())
        };
        let window = usize::try_from(go.rate).unwrap_or(usize::MAX);
        let taken: Result<Vec<u64>, String> =
            runtime::block_on(stream::iter(0..go.n).map(one).buffered(window).try_collect());
        match taken {
            Ok(mut taken) => {
                taken.sort_unstable();
                let at = |share: f64| taken[((taken.len() - 1) as f64 * share) as usize];
                let (least, p50, p99, most) = (at(0.0), at(0.5), at(0.99), at(1.0));
                println!("{}", Report::Latency { phase: go.phase, at: now_ns(), least, p50, p99, most });
            }
            Err(error) => eprintln!("phase {}: {error}", go.phase),
        }
    }

    fn await_applied(&self, go: &Go) {
        let Some(index) = Index::new(go.n.into()) else { return };
        match runtime::block_on(self.node.applied(index)) {
            Ok(()) => println!("{}", Report::Done { phase: go.phase, at: now_ns() }),
            Err(error) => eprintln!("phase {}: {error}", go.phase),
        }
    }
}

fn message(go: &Go, sent_ns: u64) -> Bytes {
    let mut message = vec![0; go.size.max(Header::BYTES)];
    message[..Header::BYTES].copy_from_slice(&go.header(sent_ns).to_bytes());
    message.into()
}

fn text(go: &Go, sent_ns: u64) -> String {
    let mut text = go.header(sent_ns).to_text();
    text.extend(std::iter::repeat_n('x', go.size.saturating_sub(Header::DIGITS)));
    text
}
