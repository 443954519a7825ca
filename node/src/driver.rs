//! The one loop that joins a mind to the mesh, the timers and the member's owner.
//!
//! Each turn: what is due by the clock comes first, before anything queued is looked at (a process that was stopped must
//! suspect itself before it believes what others said meanwhile); then a bounded batch of whatever has come; then everything
//! that the mind wants done.

use std::collections::BTreeMap;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_channel::Receiver;
use bytes::Bytes;
use futures::channel::oneshot;
use futures::future::{BoxFuture, Either, pending, select};
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt, select_biased};
use history::{Entries, Index, MessageId, Read, Regime};
use transport::{Address, DialError, Farewell, Mesh, PeerId, runtime};

use crate::api::{
    AppendError, AskError, BacklogFull, CalcError, Delivery, HistoryError, Link, Members, MsgError, NameRefusal, Page,
    ProposeError, RequestError, Row, ServeError, StartError, Status, TakeoverError, VoteError,
};
use crate::casts::Casts;
use crate::config::Config;
use crate::disk::{Disk, Word};
use crate::event::{ByeReason, Entry, Event, Leader, Member};
use crate::gateway::{self, Errand, Gateway};
use crate::group::{Done, Group, HistoryQuery, Now, Outgoing, Output};
use crate::jobs::{Handler, Jobs};
use crate::mailbox::Outbox;
use crate::name::Name;
use crate::node::now;
use crate::proposals::{Proposal, ProposalState};

/// How many reads of links one turn takes: each may hold a thousand messages, and no timer is looked at meanwhile.
const READS: usize = 64;

/// How many commands, and how many lines, one turn takes: enough to batch, and not so many that the rest waits.
const BATCH: usize = 1024;

/// How long a goodbye may take: with a leader's handing over, well below the two seconds that leaving is allowed.
const GOODBYE: Duration = Duration::from_secs(1);

/// What the owner asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Msg { to: String, text: String, reply: oneshot::Sender<Result<Delivery, MsgError>> },
    Members(oneshot::Sender<Result<Members, RequestError>>),
    Leader(oneshot::Sender<Option<Leader>>),
    Status(oneshot::Sender<Status>),
    Append { kind: u16, bytes: Bytes, reply: oneshot::Sender<Result<Index, AppendError>> },
    History { query: HistoryQuery, reply: oneshot::Sender<Result<Page, HistoryError>> },
    Entries { from: Index, most: usize, reply: oneshot::Sender<Result<Vec<Entry>, HistoryError>> },
    Applied { index: Index, reply: oneshot::Sender<()> },
    Takeover { lost: Vec<String>, reply: oneshot::Sender<Result<(), TakeoverError>> },
    Leave(oneshot::Sender<()>),
    Calc { expression: String, reply: oneshot::Sender<Result<f64, CalcError>> },
    Request { name: String, bytes: Bytes, reply: oneshot::Sender<Result<Bytes, AskError>> },
    Serve { name: String, handler: Handler, reply: oneshot::Sender<Result<(), ServeError>> },
    Propose { text: String, reply: oneshot::Sender<Result<MessageId, ProposeError>> },
    Vote { proposal: MessageId, consent: bool, reply: oneshot::Sender<Result<ProposalState, VoteError>> },
    Proposals(oneshot::Sender<Vec<Proposal>>),
}

/// Who waits for the answer to a request.
enum Asker {
    Members(oneshot::Sender<Result<Members, RequestError>>),
    Calc(oneshot::Sender<Result<f64, CalcError>>),
    Request(oneshot::Sender<Result<Bytes, AskError>>),
    Propose(oneshot::Sender<Result<MessageId, ProposeError>>),
    Vote(oneshot::Sender<Result<ProposalState, VoteError>>),
}

/// A line that the owner says to all: it waits while links are behind, as casts do.
#[derive(Debug)]
pub(crate) struct Saying {
    pub(crate) text: String,
    pub(crate) reply: oneshot::Sender<Result<MessageId, BacklogFull>>,
}

/// What was read for another member, and the regime in which it was asked for.
type Answer = (Option<Regime<PeerId>>, (Read<PeerId>, Entries<PeerId>));

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

/// A timer that is kept while its deadline stays the same: setting one costs system calls.
struct Alarm {
    due: Option<Instant>,
    sleep: Pin<Box<dyn Future<Output = ()> + Send>>,
}

impl Alarm {
    fn new() -> Self {
        Self { due: None, sleep: Box::pin(pending()) }
    }

    fn set(&mut self, due: Option<Instant>) {
        if self.due != due {
            self.due = due;
            self.sleep = match due {
                Some(due) => Box::pin(runtime::sleep_until(due)),
                None => Box::pin(pending()),
            };
        }
    }
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
            Input::Read((regime, (read, entries))) => {
                // After a takeover it may be of a log that is no longer this one: whoever lacks it asks again.
                if regime == self.group.history().log().regime() {
                    self.group.handle_read(read, entries, now);
                }
            }
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

    fn handle_disk(&mut self, word: Word, now: Now) {
        if let Some(disk) = &mut self.disk {
            disk.note(&word);
        }
        match word {
            Word::Written(ticket) => self.group.handle_written(ticket, now),
            Word::Trouble(trouble) => {
                if let Some(reason) = &trouble {
                    tracing::warn!(reason, "the disk takes nothing: lines are not confirmed here");
                }
                self.events.push(Event::Disk { trouble });
            }
            Word::Damaged(what) => {
                tracing::error!(what, "the data directory is damaged: this member leaves");
                self.events.push(Event::Disk { trouble: Some(what) });
                self.bye = ByeReason::Fault;
                self.departed = true;
            }
        }
    }

    /// Does on the disk what nobody waits for, and tells the group whether it keeps up.
    fn tend_disk(&mut self, now: Now) {
        let Some(disk) = &mut self.disk else { return };
        while let Some(read) = disk.next_read() {
            let regime = self.group.history().log().regime();
            self.reading.push(async move { (regime, read.await) }.boxed());
        }
        if let Some(fit) = disk.tend(&self.group, now.instant) {
            self.group.handle_disk(fit, now);
            self.carry_out();
        }
    }

    fn look_up(&self, query: HistoryQuery, reply: oneshot::Sender<Result<Page, HistoryError>>) {
        // Of what a newcomer was told when it came, nothing is on its disk for a while.
        let in_memory = matches!(query, HistoryQuery::Last(_)) && self.group.is_catching_up();
        let Some(disk) = self.disk.as_ref().filter(|_| !in_memory) else {
            return self.look_up_in_memory(&query, reply);
        };
        let (memory, last) = self.group.lines_in_memory(&query);
        let answer = disk.lines(query, memory, last);
        runtime::spawn(async move { drop(reply.send(answer.await)) });
    }

    /// A search looks at every line there is: a thread of its own does, and nobody waits for it.
    fn look_up_in_memory(&self, query: &HistoryQuery, reply: oneshot::Sender<Result<Page, HistoryError>>) {
        let HistoryQuery::Search(words, last) = query else {
            return drop(reply.send(self.group.lines(query)));
        };
        let (searchable, words, last) = (self.group.searchable(), words.clone(), *last);
        let search = move || drop(reply.send(searchable.search(&words, last)));
        if let Err(error) = std::thread::Builder::new().name("search".into()).spawn(search) {
            tracing::warn!(%error, "no thread to search with");
        }
    }

    fn read_entries(&self, from: Index, most: usize, reply: oneshot::Sender<Result<Vec<Entry>, HistoryError>>) {
        let Some(disk) = &self.disk else {
            return drop(reply.send(self.group.entries(from, most).map_err(HistoryError::Gone)));
        };
        let answer = disk.own_entries(from, most, self.group.confirmed());
        runtime::spawn(async move { drop(reply.send(answer.await)) });
    }

    fn handle_command(&mut self, command: Command, now: Now) {
        match command {
            Command::Msg { to, text, reply } => match self.group.msg(&to, text, now) {
                Ok(id) => {
                    self.deliveries.insert(id, reply);
                }
                Err(error) => {
                    let _ = reply.send(Err(error));
                }
            },
            Command::Members(reply) => {
                let id = self.number(Asker::Members(reply));
                self.group.request_members(id, now);
            }
            Command::Leader(reply) => {
                let _ = reply.send(self.group.leader().cloned());
            }
            Command::Status(reply) => {
                let _ = reply.send(self.status());
            }
            Command::Append { kind, bytes, reply } => match self.group.append(kind, bytes, now) {
                Ok(id) => drop(self.appends.insert(id, reply)),
                Err(full) => drop(reply.send(Err(full.into()))),
            },
            Command::History { query, reply } => self.look_up(query, reply),
            Command::Entries { from, most, reply } => self.read_entries(from, most, reply),
            Command::Applied { index, reply } if self.group.confirmed() >= index.number() => drop(reply.send(())),
            Command::Applied { index, reply } => self.reads.entry(index).or_default().push(reply),
            Command::Takeover { lost, reply } => drop(reply.send(self.group.takeover(&lost, now))),
            Command::Calc { expression, reply } => {
                let id = self.number(Asker::Calc(reply));
                self.group.calc(id, expression, now);
            }
            Command::Request { name, bytes, reply } => {
                let id = self.number(Asker::Request(reply));
                self.group.request(id, name, bytes, now);
            }
            Command::Serve { name, handler, reply } => drop(reply.send(self.jobs.serve(name, handler))),
            Command::Propose { text, reply } => {
                let id = self.number(Asker::Propose(reply));
                self.group.propose(id, text, now);
            }
            Command::Vote { proposal, consent, reply } => {
                let id = self.number(Asker::Vote(reply));
                self.group.vote(id, proposal, consent, now);
            }
            Command::Proposals(reply) => drop(reply.send(self.group.proposals())),
            Command::Leave(reply) => {
                self.leaving.push(reply);
                self.group.leave(now);
            }
        }
    }

    /// The number of a request, by which its answer is known.
    fn number(&mut self, asker: Asker) -> u64 {
        let id = self.next_request;
        self.next_request += 1;
        self.requests.insert(id, asker);
        id
    }

    /// Tells whoever waits for it. Whoever waits no longer wants no answer.
    fn answer(&mut self, output: Output) {
        let (Output::Members(id, _)
        | Output::Calculated(id, _)
        | Output::Requested(id, _)
        | Output::Proposed(id, _)
        | Output::Voted(id, _)) = &output
        else {
            return;
        };
        match (self.requests.remove(id), output) {
            (Some(Asker::Members(reply)), Output::Members(_, answer)) => drop(reply.send(answer)),
            (Some(Asker::Calc(reply)), Output::Calculated(_, answer)) => drop(reply.send(answer)),
            (Some(Asker::Request(reply)), Output::Requested(_, answer)) => drop(reply.send(answer)),
            (Some(Asker::Propose(reply)), Output::Proposed(_, answer)) => drop(reply.send(answer)),
            (Some(Asker::Vote(reply)), Output::Voted(_, answer)) => drop(reply.send(answer)),
            _ => {}
        }
    }

    fn status(&self) -> Status {
        let members = self.group.members();
        let named = |id: PeerId| members.iter().find(|member| member.id == id).map(|member| member.name.clone());
        let links = self.mesh.links().into_iter().filter_map(|link| {
            // One that is a member nowhere yet may pass something on as well.
            let through = link.through.map(|id| named(id).unwrap_or_else(|| Name::of_stranger(id)));
            Some(Link { id: link.peer.id, name: named(link.peer.id)?, through, round_trip: link.round_trip })
        });
        let edges = self.mesh.edges();
        let linked = |one: &Member, other: &Member| edges.get(&one.id).is_some_and(|edges| edges.contains(&other.id));
        let reached = || members.iter().filter(|member| edges.contains_key(&member.id));
        let row =
            |one: &Member| Row { name: one.name.clone(), linked: reached().map(|other| linked(one, other)).collect() };
        Status {
            links: links.collect(),
            mesh: reached().map(row).collect(),
            leader: self.group.leader().cloned(),
            epoch: self.group.epoch(),
            members: members.len(),
            confirmed: self.group.confirmed(),
            unconfirmed: self.group.unconfirmed(),
            voters: self.group.voters(),
            quorum: self.group.has_quorum(),
            missing: self.group.missing_voters(),
        }
    }

    /// Does everything that the mind wants done.
    fn carry_out(&mut self) {
        if !self.group.has_partners(&self.partners) {
            self.partners = self.group.partners();
            self.casts.set_partners(self.partners.clone());
        }
        while let Some(output) = self.group.poll_output() {
            match output {
                Output::Send(to, message) => self.send(&to, &message),
                Output::Event(event) => self.tell(event),
                Output::Write(_) | Output::Read(_) | Output::Keep(_) | Output::Forget(_) => self.serve_disk(output),
                Output::Dial { peer, address, eager } => self.mesh.add_member(peer, address, eager),
                Output::Admitted(members) => self.resolve_start(Ok(members)),
                Output::Refused(reason) => self.fail(|name, _| refused(name, reason)),
                Output::NotJoined(attempts) => self.fail(|_, limit| not_joined(limit, attempts)),
                Output::Guest(id, outcome) => self.gateway.handle_admission(id, outcome, Instant::now()),
                Output::Direct(direct) => {
                    let taken = self.gateway.handle_direct(direct.guest, &direct.private);
                    self.group.handle_handed(direct.sender, direct.private.id, taken);
                }
                Output::Delivered(message, delivered) if self.gateway.handle_delivered(message, delivered) => {}
                Output::Delivered(message, delivered) => {
                    if let Some(reply) = self.deliveries.remove(&message) {
                        let _ = reply.send(Ok(Delivery { message, delivered }));
                    }
                }
                Output::Members(..)
                | Output::Calculated(..)
                | Output::Requested(..)
                | Output::Proposed(..)
                | Output::Voted(..) => self.answer(output),
                Output::Execute(task) => self.jobs.begin(task),
                Output::Depart => self.departed = true,
            }
        }
        self.outbox.push(&mut self.events);
        self.answer_reads();
    }

    fn serve_disk(&mut self, output: Output) {
        // Without a disk the mind asks for none of it.
        let Some(disk) = &mut self.disk else { return };
        match output {
            Output::Write(write) => disk.write(write),
            Output::Keep(say) => disk.keep(say, Instant::now()),
            Output::Forget(id) => disk.forget(id),
            Output::Read(read) => disk.read(read),
            _ => {}
        }
    }

    /// Runs the errands of the gateway's clients: lines only while there is room for them, as for the owner's.
    fn tend_gateway(&mut self, now: Now) {
        if self.clients.is_none() {
            return;
        }
        self.gateway.handle_timeout(now.instant);
        loop {
            let may_say = self.may_say();
            match self.gateway.next_errand(now.instant) {
                None => return,
                Some(Errand::Say(..)) if !may_say => return,
                Some(_) => {}
            }
            let Some(errand) = self.gateway.poll_errand(now.instant) else { return };
            self.run_errand(errand, now);
            self.carry_out();
        }
    }

    fn run_errand(&mut self, errand: Errand, now: Now) {
        match errand {
            Errand::Admit(id, name) => self.group.admit_guest(id, name, now),
            Errand::Drop(id) => self.group.drop_guest(id, now),
            Errand::Say(id, text) => {
                if let Err(error) = self.group.say_as(id, text, now) {
                    self.gateway.complain(id, &error.to_string());
                }
            }
            Errand::List(id) => {
                let names: Vec<_> = self.group.members().into_iter().map(|member| member.name).collect();
                self.gateway.list(id, &names, now.instant);
            }
            Errand::Direct { from, to, text } => match self.group.msg_as(from, &to, text, now) {
                Ok(id) => self.gateway.handle_sent(id, from, to),
                Err(error) => self.gateway.complain(from, &error.to_string()),
            },
        }
    }

    fn tell(&mut self, event: Event) {
        if self.clients.is_some() {
            self.gateway.handle_event(&event);
        }
        if let Event::Entry(entry) = &event
            && let Some(reply) = self.appends.remove(&entry.id)
        {
            let _ = reply.send(Ok(entry.index));
        }
        self.events.push(event);
    }

    /// Those that wait until so much is confirmed here.
    fn answer_reads(&mut self) {
        let confirmed = self.group.confirmed();
        while let Some(first) = self.reads.first_entry().filter(|first| first.key().number() <= confirmed) {
            first.remove().into_iter().for_each(|reply| _ = reply.send(()));
        }
    }

    fn send(&self, to: &[PeerId], message: &Outgoing) {
        match message.to_frame() {
            Ok(frame) => self.mesh.multicast(to, message.class(), &[frame]),
            Err(error) => tracing::error!(%error, ?message, "a message that cannot be sent"),
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
