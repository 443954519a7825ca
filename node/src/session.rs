//! What every front end does: join, show what happens, act on what comes in, leave.

use std::future::Future;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::{Duration, Instant};

use futures::future::{self, BoxFuture, Either, poll_fn, select};
use futures::stream::{BoxStream, Fuse, FusedStream as _, FuturesUnordered};
use futures::{FutureExt as _, StreamExt as _, select};
use node::{ByeReason, Config, Event, Events, Node};
use transport::runtime::{sleep_until, timeout};

use crate::exit::Failure;
use crate::input::Input;
use crate::logs;
use crate::output::{Output, Trouble};
use crate::signals::Signals;

/// How long leaving takes at most, whatever the others do: 2 s, less what ending a process takes.
const LEAVING: Duration = Duration::from_millis(1900);

/// How much of that goes to questions that are still open: `printf '@members\n' | node` gets its answer.
const LAST_ANSWERS: Duration = Duration::from_secs(1);

/// How long the first events, one's own arrival and who leads, are waited for before input is acted on: they come with
/// the admission, so that this bounds a fault only.
const GREETING: Duration = Duration::from_secs(1);

/// How long a member that is no longer wanted waits for an admission that may be on its way.
const JUST_ADMITTED: Duration = Duration::from_millis(100);

/// What the last lines are given to be written in any case.
const LAST_LINES: Duration = Duration::from_millis(100);

/// A way to show a member to somebody.
pub(crate) trait Face {
    /// Shows what happened.
    fn show(&mut self, event: Event);

    /// When [`Face::handle_timeout`] is to be called; calling it earlier changes nothing.
    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Shows what has become due though nothing happened.
    fn handle_timeout(&mut self, _: Instant) {}

    /// Acts on what came in. What may take long is left to `beside`.
    fn act(&mut self, input: Input, beside: &mut Beside) -> impl Future<Output = Option<Departure>>;

    /// Shows that it is over. Nothing is shown after it.
    fn bye(&mut self, why: &Departure);
}

/// Why a member leaves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Departure {
    /// It was told to, by a command.
    Asked,
    /// There is no more input.
    EndOfInput,
    /// SIGINT, SIGTERM or Ctrl-C.
    Signal,
    /// Nothing can be shown.
    Output(Trouble),
    /// It was thrown out of its group.
    Fault,
}

/// What takes long and runs beside everything else: questions to others.
#[derive(Default)]
pub(crate) struct Beside(FuturesUnordered<BoxFuture<'static, ()>>);

impl Beside {
    /// How many questions may be open at once: each holds a line of input.
    pub(crate) const MAX_OPEN: usize = 1024;

    /// Whether one more may be opened.
    pub(crate) fn has_room(&self) -> bool {
        self.0.len() < Self::MAX_OPEN
    }

    /// Runs a question, which shows its answer itself.
    pub(crate) fn open(&mut self, question: impl Future<Output = ()> + Send + 'static) {
        self.0.push(question.boxed());
    }
}

/// Joins the group, or founds one. `None`: whoever started this wants it no more.
///
/// # Errors
///
/// The member did not start.
pub(crate) async fn admit(
    config: Config,
    signals: &mut Signals,
    output: &Output,
) -> Result<Option<(Node, Events)>, Failure> {
    let mut starting = pin!(Node::start(config).fuse());
    let unwanted = select! {
        started = starting => return Ok(Some(started?)),
        () = signals.stream().select_next_some() => Departure::Signal,
        trouble = output.trouble() => Departure::Output(trouble),
    };
    // The others may have admitted it in this very moment: then it says goodbye.
    if let Some(Ok((node, _))) = timeout(JUST_ADMITTED, starting).await {
        node.leave().await;
    }
    fate_of(&unwanted).map(|()| None)
}

/// Shows an admitted member until it has left. `input` is taken only from here on.
///
/// # Errors
///
/// It left for a reason that is not anybody's wish.
pub(crate) async fn run(
    (node, events): (Node, Events),
    input: BoxStream<'static, Input>,
    mut signals: Signals,
    output: Output,
    face: &mut impl Face,
) -> Result<(), Failure> {
    let events = Box::pin(events).fuse();
    let mut session =
        Session { node, events, input: input.fuse(), output, beside: Beside::default(), alarm: Alarm::default() };
    let why = session.talk(&mut signals, face).await;
    tracing::info!(?why, "leaving");
    session.leave(&why, &mut signals, face).await;
    fate_of(&why)
}

/// Whether leaving for this reason is a failure.
fn fate_of(why: &Departure) -> Result<(), Failure> {
    match why {
        Departure::Asked | Departure::EndOfInput | Departure::Signal | Departure::Output(Trouble::Closed) => Ok(()),
        Departure::Output(trouble) => Err(Failure::Output(trouble.clone())),
        Departure::Fault => Err(Failure::Fault),
    }
}

struct Session {
    node: Node,
    events: Fuse<Pin<Box<Events>>>,
    input: Fuse<BoxStream<'static, Input>>,
    output: Output,
    beside: Beside,
    alarm: Alarm,
}

/// A timer for what a face has to show later. It rings at the time asked for at the latest: where what was due has become
/// due later, it rings once too early, which costs less than a timer for every line.
#[derive(Default)]
struct Alarm(Option<(Instant, BoxFuture<'static, ()>)>);

impl Alarm {
    /// Rings by `due`.
    fn set(&mut self, due: Option<Instant>) {
        let Some(due) = due else { return };
        if self.0.as_ref().is_none_or(|(set, _)| due < *set) {
            self.0 = Some((due, sleep_until(due).boxed()));
        }
    }

    /// Resolves when it rings.
    fn ring(&mut self) -> future::Fuse<impl Future<Output = ()> + Unpin> {
        poll_fn(|context| {
            let Some((_, sleep)) = &mut self.0 else { return Poll::Pending };
            let rung = sleep.as_mut().poll(context);
            if rung.is_ready() {
                self.0 = None;
            }
            rung
        })
        .fuse()
    }
}

impl Session {
    /// Shows and acts until there is a reason to leave.
    async fn talk(&mut self, signals: &mut Signals, face: &mut impl Face) -> Departure {
        match select(pin!(timeout(GREETING, self.greet(face))), pin!(signals.next())).await {
            Either::Left((Some(Some(why)), _)) => return why,
            Either::Left(_) => {}
            Either::Right(_) => return Departure::Signal,
        }
        loop {
            self.alarm.set(face.poll_timeout());
            let input = select! {
                () = self.alarm.ring() => {
                    face.handle_timeout(Instant::now());
                    continue;
                }
                event = self.events.next() => match happen(event, face) {
                    Some(why) => return why,
                    None => continue,
                },
                () = self.beside.0.select_next_some() => continue,
                () = signals.stream().select_next_some() => return Departure::Signal,
                trouble = self.output.trouble() => return Departure::Output(trouble),
                input = self.input.select_next_some() => input,
            };
            let acting = pin!(face.act(input, &mut self.beside));
            match select(acting, pin!(signals.next())).await {
                Either::Left((None, _)) => {}
                Either::Left((Some(why), _)) => return why,
                Either::Right(_) => return Departure::Signal,
            }
        }
    }

    /// Shows the first events, up to who leads.
    async fn greet(&mut self, face: &mut impl Face) -> Option<Departure> {
        loop {
            let event = self.events.next().await;
            let last = matches!(event, Some(Event::Leader(_)));
            let departure = happen(event, face);
            if last || departure.is_some() {
                return departure;
            }
        }
    }

    /// Leaves the group, within [`LEAVING`]; another signal ends that at once.
    async fn leave(mut self, why: &Departure, signals: &mut Signals, face: &mut impl Face) {
        let deadline = Instant::now() + LEAVING;
        let left = || deadline.saturating_duration_since(Instant::now());
        let polite = matches!(why, Departure::Asked | Departure::EndOfInput);
        let parting = async {
            if polite {
                let _ = timeout(LAST_ANSWERS, self.answer(face)).await;
            }
            let _ = timeout(left(), self.part(face)).await;
        };
        let hurry = matches!(select(pin!(parting), pin!(signals.next())).await, Either::Right(_));
        face.bye(why);
        if !matches!(why, Departure::Output(_)) {
            let limit = if hurry { LAST_LINES } else { left().max(LAST_LINES) };
            let _ = timeout(limit, self.output.written()).await;
        }
    }

    /// Waits for the answers to the questions that are open.
    async fn answer(&mut self, face: &mut impl Face) {
        while !self.beside.0.is_empty() && !self.events.is_terminated() {
            select! {
                () = self.beside.0.select_next_some() => {}
                event = self.events.next() => if let Some(event) = event { show(event, face) },
            }
        }
    }

    /// Says goodbye, and shows what happens until the last event. Ctrl-C at a prompt that is still open ends it.
    async fn part(&mut self, face: &mut impl Face) {
        let node = self.node.clone();
        let mut leaving = pin!(node.leave().fuse());
        while !self.events.is_terminated() {
            select! {
                () = leaving => {}
                () = self.beside.0.select_next_some() => {}
                event = self.events.next() => if let Some(event) = event { show(event, face) },
                input = self.input.select_next_some() => if input == Input::Interrupted { return },
            }
        }
    }
}

/// Shows an event, unless it ends the membership.
fn happen(event: Option<Event>, face: &mut impl Face) -> Option<Departure> {
    if let Some(bye @ Event::Bye(_)) = &event {
        logs::note(bye);
    }
    match event {
        Some(Event::Bye(ByeReason::Left)) => Some(Departure::Asked),
        Some(Event::Bye(ByeReason::Fault)) | None => Some(Departure::Fault),
        Some(event) => {
            take_down(event, face);
            None
        }
    }
}

/// Shows an event of one who leaves: that it leaves is shown by [`Face::bye`].
fn show(event: Event, face: &mut impl Face) {
    if matches!(event, Event::Bye(_)) {
        logs::note(&event);
    } else {
        take_down(event, face);
    }
}

/// Shows an event, and writes it to the log.
fn take_down(event: Event, face: &mut impl Face) {
    logs::note(&event);
    face.show(event);
}
