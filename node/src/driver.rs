//! The one loop that joins a mind to the mesh, the timers and the member's owner.
//!
//! Each turn: what is due by the clock comes first, before anything queued is looked at (a process that was stopped must
//! suspect itself before it believes what others said meanwhile); then a bounded batch of whatever has come; then everything
//! that the mind wants done.

mod alarm;
mod clients;
mod commands;
mod disk;
mod outputs;

use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_channel::Receiver;
use futures::channel::oneshot;
use futures::future::{BoxFuture, Either, pending, select};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, select_biased};
use history::{Entries, Index, MessageId, Read};
use transport::{Address, DialError, Farewell, Mesh, PeerId, runtime};

use self::alarm::Alarm;
use self::commands::Asker;
pub(crate) use self::commands::Command;
use crate::api::{AppendError, BacklogFull, Delivery, MsgError, NameRefusal, StartError};
use crate::casts::Casts;
use crate::config::Config;
use crate::disk::{Disk, Word};
use crate::event::{ByeReason, Event, Member};
use crate::gateway::{self, Gateway};
use crate::group::{Done, Group, Now};
use crate::jobs::Jobs;
use crate::mailbox::Outbox;
use crate::name::Name;
use crate::node::now;

/// How many reads of links one turn takes: each may hold a thousand messages, and no timer is looked at meanwhile.
const READS: usize = 64;

/// How many commands, and how many lines, one turn takes: enough to batch, and not so many that the rest waits.
const BATCH: usize = 1024;

/// How long a goodbye may take: with a leader's handing over, well below the two seconds that leaving is allowed.
const GOODBYE: Duration = Duration::from_secs(1);

/// A line that the owner says to all: it waits while links are behind, as casts do.
#[derive(Debug)]
pub(crate) struct Saying {
    pub(crate) text: String,
    pub(crate) reply: oneshot::Sender<Result<MessageId, BacklogFull>>,
}

/// What was read for another member.
type Answer = (Read<PeerId>, Entries<PeerId>);

/// What has come.
enum Input {
    Mesh(transport::Event),
    Disk(Word),
    /// What a peer lacks was read from the disk.
    Read(Answer),
    Command(Command),
    Saying(Saying),
    /// What this member did as the leader.
    Done(PeerId, u64, Done),
    Client(gateway::Input),
    /// Nothing, but something may be due or possible that was not before.
    Wake,
    /// The owner is gone.
    Abandoned,
}

/// Should the driver panic, nobody waits for it, and the others see this member end.
struct Abort {
    mesh: Mesh,
    casts: Arc<Casts>,
}

impl Drop for Abort {
    fn drop(&mut self) {
        self.casts.end();
        self.mesh.abort();
    }
}

type Started = oneshot::Sender<Result<Vec<Member>, StartError>>;

/// The driver's ends of everything that it joins to a mind.
pub(crate) struct Ends {
    pub(crate) mesh: Mesh,
    pub(crate) links: transport::Events,
    pub(crate) outbox: Outbox,
    pub(crate) commands: Receiver<Command>,
    pub(crate) lines: Receiver<Saying>,
    /// What comes from the gateway's clients, if there is one.
    pub(crate) clients: Option<Receiver<gateway::Input>>,
    pub(crate) casts: Arc<Casts>,
    pub(crate) disk: Option<Disk>,
    /// Resolves the owner's wait for the start.
    pub(crate) started: Started,
}

/// A running member's task.
pub(crate) struct Driver {
    mesh: Mesh,
    links: transport::Events,
    group: Group,
    outbox: Outbox,
    commands: Receiver<Command>,
    lines: Receiver<Saying>,
    clients: Option<Receiver<gateway::Input>>,
    gateway: Gateway,
    casts: Arc<Casts>,
    disk: Option<Disk>,
    /// What is being read from the disk for others.
    reading: FuturesUnordered<BoxFuture<'static, Answer>>,
    /// Whom casts go to.
    partners: Vec<PeerId>,
    name: Name,
    join_timeout: Duration,
    /// Taken when the start is resolved.
    started: Option<Started>,
    /// How long the mesh is left unread while the owner takes no events.
    patience: Duration,
    full_since: Option<Instant>,
    alarm: Alarm,
    events: Vec<Event>,
    deliveries: BTreeMap<MessageId, oneshot::Sender<Result<Delivery, MsgError>>>,
    requests: BTreeMap<u64, Asker>,
    jobs: Jobs,
    /// Who waits for an entry of this member to be confirmed.
    appends: BTreeMap<MessageId, oneshot::Sender<Result<Index, AppendError>>>,
    /// Who waits until so much of the history is confirmed here.
    reads: BTreeMap<Index, Vec<oneshot::Sender<()>>>,
    next_request: u64,
    leaving: Vec<oneshot::Sender<()>>,
    /// The owner is gone: nothing comes from there any longer.
    abandoned: bool,
    departed: bool,
    /// Why, as its owner is told.
    bye: ByeReason,
    /// Why it did not start; told once the port is free again.
    failure: Option<StartError>,
}

impl Driver {
    pub(crate) fn new(ends: Ends, group: Group, config: &Config) -> Self {
        let Ends { mesh, links, outbox, commands, lines, clients, casts, disk, started } = ends;
        Self {
            mesh,
            links,
            group,
            outbox,
            commands,
            lines,
            clients,
            gateway: Gateway::default(),
            casts,
            disk,
            reading: FuturesUnordered::new(),
            partners: Vec::new(),
            name: config.name.clone(),
            join_timeout: config.join_timeout,
            started: Some(started),
            patience: config.timeout / 5,
            full_since: None,
            alarm: Alarm::new(),
            events: Vec::new(),
            deliveries: BTreeMap::new(),
            requests: BTreeMap::new(),
            jobs: Jobs::default(),
            appends: BTreeMap::new(),
            reads: BTreeMap::new(),
            // No number is used again, in another run of this peer either: a leader remembers them.
            next_request: rand::random::<u64>() >> 1,
            leaving: Vec::new(),
            abandoned: false,
            departed: false,
            bye: ByeReason::Left,
            failure: None,
        }
    }

    /// Runs until the member has left.
    pub(crate) async fn run(mut self) {
        let _unless_ended = Abort { mesh: self.mesh.clone(), casts: self.casts.clone() };
        while !self.departed {
            let now = now();
            if self.group.poll_timeout().is_some_and(|due| due <= now.instant) {
                self.group.handle_timeout(now);
            }
            let busy = self.take_batch(now);
            self.carry_out();
            self.tend_gateway(now);
            self.tend_disk(now);
            if self.departed {
                break;
            }
            if busy {
                runtime::yield_now().await;
            } else {
                let input = self.wait().await;
                self.handle(input, crate::node::now());
            }
        }
        self.casts.end();
        self.gateway.close();
        self.mesh.close(Farewell::Left, GOODBYE).await;
        if let Some(failure) = self.failure.take() {
            self.resolve_start(Err(failure));
        }
        self.events.push(Event::Bye(self.bye));
        if let Some(disk) = self.disk.take() {
            disk.close().await;
        }
        self.outbox.push(&mut self.events);
        drop(self.outbox);
        for left in self.leaving {
            let _ = left.send(());
        }
    }

    /// Handles what is there already, up to a bound. Whether there was anything.
    fn take_batch(&mut self, now: Now) -> bool {
        let mut taken = 0;
        while let Some(word) = self.disk.as_mut().and_then(Disk::ready) {
            self.handle(Input::Disk(word), now);
            taken += 1;
        }
        while taken < BATCH
            && let Some((from, id, done)) = self.jobs.ready()
        {
            self.handle(Input::Done(from, id, done), now);
            taken += 1;
        }
        while taken < BATCH
            && let Ok(command) = self.commands.try_recv()
        {
            self.handle(Input::Command(command), now);
            taken += 1;
        }
        for _ in 0..READS {
            if !self.may_read(now.instant) {
                break;
            }
            let Some(event) = self.links.ready() else { break };
            self.handle(Input::Mesh(event), now);
            self.carry_out();
            taken += 1;
        }
        while taken < 2 * BATCH
            && self.may_say()
            && let Ok(line) = self.lines.try_recv()
        {
            self.handle(Input::Saying(line), now);
            taken += 1;
        }
        while taken < 2 * BATCH
            && self.gateway.is_idle()
            && let Some(Ok(input)) = self.clients.as_ref().map(Receiver::try_recv)
        {
            self.handle(Input::Client(input), now);
            self.tend_gateway(now);
            taken += 1;
        }
        self.casts.send() || taken > 0
    }

    /// Whether the mesh may be read: not while the owner's mailbox is full, unless it has been for too long.
    fn may_read(&mut self, now: Instant) -> bool {
        if !self.outbox.is_full() {
            self.full_since = None;
            return true;
        }
        let since = *self.full_since.get_or_insert(now);
        now.saturating_duration_since(since) >= self.patience
    }

    /// Whether lines are taken: not while links are behind, and with a quorum not while too many wait to be confirmed.
    /// Without one they are refused, for nobody knows how long it would take.
    fn may_say(&self) -> bool {
        !self.mesh.is_congested() && (self.group.has_room() || !self.group.has_quorum())
    }

    /// Waits for whatever comes first.
    async fn wait(&mut self) -> Input {
        let reads = self.may_read(Instant::now());
        let due = self.group.poll_timeout();
        let kept = self.disk.as_ref().and_then(Disk::poll_timeout);
        let resume = self.full_since.filter(|_| !reads).map(|since| since + self.patience);
        self.alarm.set(due.into_iter().chain(resume).chain(kept).chain(self.gateway.poll_timeout()).min());
        let may_say = self.may_say();
        let links = &mut self.links;
        let mut event = if reads { links.next().left_future() } else { pending().right_future() }.fuse();
        let mut room = pin!(if reads { Either::Left(pending()) } else { Either::Right(self.outbox.room()) }.fuse());
        let (abandoned, congested) = (self.abandoned, self.mesh.is_congested());
        let talk = async {
            if abandoned {
                pending().await
            } else if congested {
                self.mesh.uncongested().await;
                Input::Wake
            } else {
                let line = async { if may_say { self.lines.recv().await } else { pending().await } };
                let line = pin!(line);
                match select(line, pin!(self.casts.filled())).await {
                    Either::Left((line, _)) => line.map_or(Input::Abandoned, Input::Saying),
                    Either::Right(_) => Input::Wake,
                }
            }
        };
        let mut talk = pin!(talk.fuse());
        let mut command =
            pin!(if abandoned { Either::Left(pending()) } else { Either::Right(self.commands.recv()) }.fuse());
        // While a line of theirs waits for room, no more is taken of clients.
        let idle = self.gateway.is_idle();
        let mut client = pin!(
            match &self.clients {
                Some(clients) if idle => clients.recv().left_future(),
                _ => pending().right_future(),
            }
            .fuse()
        );
        let disk = self.disk.as_ref();
        let mut disk = pin!(
            async {
                match disk {
                    Some(disk) => disk.next().await,
                    None => pending().await,
                }
            }
            .fuse()
        );
        let mut done = pin!(self.jobs.next().fuse());
        let reading = &mut self.reading;
        let mut read = if reading.is_empty() { pending().left_future() } else { reading.next().right_future() }.fuse();
        let mut started = match &mut self.started {
            Some(started) if !abandoned => started.cancellation().left_future(),
            _ => pending().right_future(),
        }
        .fuse();
        select_biased! {
            () = self.alarm.sleep.as_mut().fuse() => Input::Wake,
            word = disk => Input::Disk(word),
            event = event => event.map_or(Input::Abandoned, Input::Mesh),
            command = command => command.map_or(Input::Abandoned, Input::Command),
            read = read => read.map_or(Input::Wake, Input::Read),
            (from, id, done) = done => Input::Done(from, id, done),
            talk = talk => talk,
            input = client => input.map_or(Input::Wake, Input::Client),
            () = room => Input::Wake,
            () = started => Input::Abandoned,
        }
    }

    fn handle(&mut self, input: Input, now: Now) {
        match input {
            Input::Mesh(event) => self.handle_mesh(event, now),
            Input::Disk(word) => self.handle_disk(word, now),
            Input::Read((read, entries)) => self.group.handle_read(read, entries, now),
            Input::Command(command) => self.handle_command(command, now),
            Input::Saying(Saying { text, reply }) => {
                let _ = reply.send(self.group.say(text, now));
            }
            Input::Done(from, id, done) => self.group.handle_done(from, id, done, now),
            Input::Client(input) => self.gateway.handle_input(input, now.instant),
            Input::Wake => self.alarm.due = None,
            Input::Abandoned => {
                self.abandoned = true;
                self.group.leave(now);
            }
        }
    }

    fn handle_mesh(&mut self, event: transport::Event, now: Now) {
        match event {
            transport::Event::Reachable { peer, direct } => self.group.handle_reachable(peer, direct, now),
            transport::Event::Path { peer, direct } => self.group.handle_path(peer, direct, now),
            transport::Event::Unreachable { peer, reason } => self.group.handle_unreachable(peer, reason, now),
            transport::Event::Frames { from, frames } => self.group.handle_frames(from, frames, now),
            transport::Event::IdInUse => self.depart_for_another(),
            transport::Event::SeedFailed { address, error } => self.group.handle_seed_failed(address, error, now),
        }
    }

    /// Another process runs as this peer: of the two this one goes.
    fn depart_for_another(&mut self) {
        self.departed = true;
        self.bye = ByeReason::Fault;
        self.failure = Some(StartError::IdInUse);
    }

    fn resolve_start(&mut self, outcome: Result<Vec<Member>, StartError>) {
        if let Some(started) = self.started.take() {
            let _ = started.send(outcome);
        }
    }

    fn fail(&mut self, error: impl FnOnce(Name, Duration) -> StartError) {
        self.departed = true;
        self.failure = Some(error(self.name.clone(), self.join_timeout));
    }
}

fn refused(name: Name, reason: NameRefusal) -> StartError {
    StartError::NameRefused { name, reason }
}

fn not_joined(limit: Duration, attempts: Vec<(Address, Option<DialError>)>) -> StartError {
    StartError::NotJoined { limit, attempts }
}

#[cfg(test)]
mod tests;
