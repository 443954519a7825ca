//! A running member, as a program holds it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use async_channel::Sender;
use bytes::Bytes;
use futures::channel::oneshot;
use history::{Index, MessageId};
use transport::{Address, Incarnation, Mesh, PeerId, PeerInfo, PlainListener, runtime};
use uuid::Uuid;

use crate::api::{
    AppendError, AskError, CalcError, CastError, Delivery, Ended, HistoryError, Job, Members, MsgError, Page,
    ProposeError, RequestError, SayError, ServeError, StartError, Status, TakeoverError, VoteError,
};
use crate::casts::Casts;
use crate::config::Config;
use crate::disk::Disk;
use crate::driver::{Command, Driver, Ends, Saying};
use crate::event::{Entry, Leader, Member};
use crate::gateway;
use crate::group::{Group, HistoryQuery, Memory, Now, Restored, Settings};
use crate::jobs::Handler;
use crate::mailbox::{Events, mailbox};
use crate::name::Name;
use crate::proposals::{Proposal, ProposalState};
use crate::text;

/// How many lines may wait to be said before `say` waits.
const LINE_QUEUE: usize = 1024;

/// How many entries are given at once.
const MOST_ENTRIES: usize = 10_000;

/// What may wait of the gateway's clients before they are read no further.
const CLIENT_QUEUE: usize = 256;

/// How many commands may wait before their callers do.
const COMMAND_QUEUE: usize = 256;

/// A running member. Clones are the same member; it leaves when it is told to, or when the last one is dropped.
#[derive(Clone, Debug)]
pub struct Node {
    about: Arc<About>,
    commands: Sender<Command>,
    saying: Sender<Saying>,
    casts: Arc<Casts>,
}

/// What does not change while it runs.
#[derive(Debug)]
struct About {
    id: PeerId,
    name: Name,
    address: Address,
    gateway: Option<SocketAddr>,
    group: String,
    admitted_with: Vec<Member>,
}

impl Node {
    /// The most bytes that can be cast at once.
    pub const MAX_CAST_BYTES: usize = text::MAX_TEXT_BYTES;

    /// The most bytes of one entry of a program's own.
    pub const MAX_ENTRY_BYTES: usize = text::MAX_TEXT_BYTES;

    /// The most bytes of a program's own request, and of its answer.
    pub const MAX_REQUEST_BYTES: usize = text::MAX_TEXT_BYTES;

    /// The most bytes of the name of a program's own request.
    pub const MAX_REQUEST_NAME_BYTES: usize = 64;

    /// How many of a program's own requests one member serves.
    pub const MAX_REQUEST_NAMES: usize = 1_024;

    /// Starts a member. Resolves when it is admitted to the group, or leads one of its own. Dropping the future abandons
    /// the attempt.
    ///
    /// The first events are [`Event::Joined`](crate::Event::Joined) for oneself, then
    /// [`Event::Leader`](crate::Event::Leader).
    ///
    /// # Errors
    ///
    /// A setting that makes no sense, a port that cannot be listened on, a name that is refused, nobody to join. Nothing
    /// of it is left running.
    pub async fn start(config: Config) -> Result<(Self, Events), StartError> {
        config.validate()?;
        let Config { name, leaders, group, .. } = config.clone();
        let address = config.gateway.map(|port| SocketAddr::from((config.bind, port)));
        let gateway = address.map(PlainListener::bind).transpose().map_err(StartError::Gateway)?;
        let (disk, kept) = match &config.data_dir {
            None => (None, None),
            Some(path) => {
                let (disk, kept) = Disk::open(path, config.timeout).await?;
                (Some(disk), Some(kept))
            }
        };
        let mut transport = mesh_config(&config);
        let mut leaders = leaders;
        let restored = kept.map(|kept| {
            (transport.id, transport.incarnation) = (kept.id, kept.incarnation);
            let remembered = kept.addresses.into_iter().filter(|address| !leaders.contains(address));
            leaders.extend(remembered.collect::<Vec<_>>());
            kept.restored
        });
        let (mesh, links) = Mesh::listen(transport).await.map_err(StartError::Listen)?;
        let mind = Group::new(settings(&config, mesh.me().clone(), leaders.clone(), restored), now());
        for address in leaders {
            mesh.add_seed(address);
        }
        let (command_sender, commands) = async_channel::bounded(COMMAND_QUEUE);
        let (saying, lines) = async_channel::bounded(LINE_QUEUE);
        let (outbox, events) = mailbox();
        let (started, start) = oneshot::channel();
        let me = mesh.me().clone();
        let casts = Arc::new(Casts::new(mesh.clone()));
        let (client_sender, clients) = async_channel::bounded(CLIENT_QUEUE);
        let clients = gateway.is_some().then_some(clients);
        let ends = Ends { mesh, links, outbox, commands, lines, clients, casts: casts.clone(), disk, started };
        runtime::spawn(Driver::new(ends, mind, &config).run());
        // Clients are answered from the first moment on, if only to be told that nobody can join yet.
        let address = gateway.as_ref().map(PlainListener::local);
        let (serving, served) = oneshot::channel::<()>();
        if let Some(listener) = gateway {
            runtime::spawn(async move {
                gateway::serve(listener, client_sender).await;
                drop(serving);
            });
        } else {
            drop(serving);
        }
        let admitted_with = match start.await.unwrap_or(Err(StartError::Interrupted)) {
            Ok(members) => members,
            Err(error) => {
                // The gateway's port is free again by then.
                let _ = served.await;
                return Err(error);
            }
        };
        // Where two groups met on the way, it may be another than the one asked for.
        let admitted_as = admitted_with.iter().find(|member| member.id == me.id).map(|member| member.name.clone());
        let name = admitted_as.unwrap_or(name);
        let about = About { id: me.id, name, address: me.address, gateway: address, group, admitted_with };
        Ok((Self { about: Arc::new(about), commands: command_sender, saying, casts }, events))
    }

    /// This member's identity.
    pub fn id(&self) -> PeerId {
        self.about.id
    }

    /// The name it was admitted under. Where two groups meet it may be renamed: see [`Event::Renamed`](crate::Event::Renamed).
    pub fn name(&self) -> &Name {
        &self.about.name
    }

    /// Where others dial it.
    pub fn address(&self) -> &Address {
        &self.about.address
    }

    /// Where it serves clients of the byte protocol, if it does.
    pub fn gateway(&self) -> Option<SocketAddr> {
        self.about.gateway
    }

    /// The group's name.
    pub fn group(&self) -> &str {
        &self.about.group
    }

    /// The members at the moment of admission, oneself included, the oldest first.
    pub fn admitted_with(&self) -> &[Member] {
        &self.about.admitted_with
    }

    /// Says something to everyone: at once to all that can be reached, and to those that cannot as soon as they can be.
    ///
    /// Resolves when it is on its way; [`Event::Confirmed`](crate::Event::Confirmed) follows when it has its place. While some member's queue is
    /// full it waits for that, for `timeout` at most; while a thousand of one's own lines, or 1 MiB, wait to be confirmed, for those.
    ///
    /// # Errors
    ///
    /// The text is empty or longer than 65,535 bytes, the member has left, or there is no quorum and that many wait already.
    /// Nobody heard any of it.
    pub async fn say(&self, text: &str) -> Result<MessageId, SayError> {
        text::check(text)?;
        let (reply, said) = oneshot::channel();
        let line = Saying { text: text.to_owned(), reply };
        self.saying.send(line).await.map_err(|_| Ended)?;
        Ok(said.await.map_err(|_| Ended)??)
    }

    /// Appends an entry of the program's own to the group's history: bytes, and a word of its own for what they are. Resolves to its
    /// place when it is confirmed, however long that takes; every member is told of it ([`Event::Entry`](crate::Event::Entry)), in the
    /// same order and once. Dropping the future leaves the entry on its way.
    ///
    /// # Errors
    ///
    /// It is too long, too many wait to be confirmed, or the member has left.
    pub async fn append(&self, kind: u16, bytes: Bytes) -> Result<Index, AppendError> {
        if bytes.len() > Self::MAX_ENTRY_BYTES {
            return Err(AppendError::TooLong(bytes.len()));
        }
        self.ask(|reply| Command::Append { kind, bytes, reply }).await?
    }

    /// Lines of the history.
    ///
    /// # Errors
    ///
    /// What is searched for has no word, the disk does not give it, or the member has left.
    pub async fn history(&self, query: HistoryQuery) -> Result<Page, HistoryError> {
        self.ask(|reply| Command::History { query, reply }).await?
    }

    /// Programs' own entries from a place on, in order: at most `most`, and 10,000.
    ///
    /// # Errors
    ///
    /// What stands there is no longer in memory, the disk does not give it, or the member has left.
    pub async fn entries(&self, from: Index, most: usize) -> Result<Vec<Entry>, HistoryError> {
        let most = most.min(MOST_ENTRIES);
        self.ask(|reply| Command::Entries { from, most, reply }).await?
    }

    /// Waits until the history is confirmed here up to a place: what is read after that is at least as new. The place is
    /// whatever another member said, or [`append`](Self::append) resolved to.
    ///
    /// # Errors
    ///
    /// The member has left.
    pub async fn applied(&self, index: Index) -> Result<(), Ended> {
        self.ask(|reply| Command::Applied { index, reply }).await
    }

    /// Goes on without voters that cannot be reached, in the name of a person who knows that they are dead: exactly those
    /// must be named. If they live, whatever they confirm meanwhile loses its place when they are back.
    ///
    /// # Errors
    ///
    /// There is a quorum, somebody else leads, or others are missing than those named.
    pub async fn takeover(&self, lost: Vec<String>) -> Result<(), TakeoverError> {
        self.ask(|reply| Command::Takeover { lost, reply }).await?
    }

    /// Says something to one member alone. Resolves when its peer has acknowledged it, or when it is known or likely
    /// (after 5 s) not to have got it.
    ///
    /// # Errors
    ///
    /// There is no such member, the text is empty or too long, or this member has left.
    pub async fn msg(&self, to: &str, text: &str) -> Result<Delivery, MsgError> {
        text::check(text)?;
        let (to, text) = (to.to_owned(), text.to_owned());
        self.ask(|reply| Command::Msg { to, text, reply }).await?
    }

    /// Sends bytes to every member that can be reached, at most once, kept nowhere: for programs that want speed and no
    /// history. In order among the casts of one member; a line that is said may overtake them.
    ///
    /// While some member's queue is full it waits for that, for `timeout` at most: then that member's link is taken down.
    ///
    /// # Errors
    ///
    /// More than [`Node::MAX_CAST_BYTES`], or the member has left.
    pub async fn cast(&self, bytes: Bytes) -> Result<(), CastError> {
        if bytes.len() > Self::MAX_CAST_BYTES {
            return Err(CastError::TooLong(bytes.len()));
        }
        Ok(self.casts.push(&bytes).await?)
    }

    /// The members, from the leader.
    ///
    /// # Errors
    ///
    /// No leader answered within 5 s, or this member has left.
    pub async fn members(&self) -> Result<Members, RequestError> {
        self.ask(Command::Members).await?
    }

    /// The value of an arithmetic expression, from the leader.
    ///
    /// # Errors
    ///
    /// It is no expression or has no finite value, no leader answered within 5 s, or this member has left.
    pub async fn calc(&self, expression: &str) -> Result<f64, CalcError> {
        let expression = expression.to_owned();
        self.ask(|reply| Command::Calc { expression, reply }).await.map_err(RequestError::from)?
    }

    /// Serves a program's own requests of a name while this member leads with a quorum; every member that may lead should. `handler` makes of
    /// each [`Job`] an answer of [`Node::MAX_REQUEST_BYTES`] at most, or the text of an error, within a minute. It is dropped unfinished
    /// when this member leaves.
    ///
    /// A job is done once as long as its leader lives. If that dies the next leader may do it again, and one that was stopped may still
    /// be at it meanwhile: what must not happen twice outside of the group is to be guarded by [`Job::fence`].
    ///
    /// # Errors
    ///
    /// The name is empty or longer than [`Node::MAX_REQUEST_NAME_BYTES`], too many are served, or the member has left.
    pub async fn handle_requests<A>(
        &self,
        name: &str,
        handler: impl Fn(Job) -> A + Send + Sync + 'static,
    ) -> Result<(), ServeError>
    where
        A: Future<Output = Result<Bytes, String>> + Send + 'static,
    {
        if !is_request_name(name) {
            return Err(ServeError::Name(name.len()));
        }
        let (name, handler) = (name.to_owned(), Handler::new(handler));
        self.ask(|reply| Command::Serve { name, handler, reply }).await?
    }

    /// Has the leader do what its program does under this name: see [`handle_requests`](Self::handle_requests). A leader that dies is
    /// replaced by the next; the caller gets one answer.
    ///
    /// # Errors
    ///
    /// The leader does not know it, cannot do it or failed; no leader answered within 5 s, when it may have been done or be done yet; or
    /// this member has left.
    pub async fn request(&self, name: &str, bytes: Bytes) -> Result<Bytes, AskError> {
        if !is_request_name(name) {
            return Err(AskError::Name(name.len()));
        }
        if bytes.len() > Self::MAX_REQUEST_BYTES {
            return Err(AskError::TooLong(bytes.len()));
        }
        let name = name.to_owned();
        self.ask(|reply| Command::Request { name, bytes, reply }).await.map_err(RequestError::from)?
    }

    /// Puts a proposal to all members. Resolves to its id when it is confirmed; [`Event::Proposal`](crate::Event::Proposal) tells at every
    /// member how it stands.
    ///
    /// # Errors
    ///
    /// The text is empty or too long, too much is open or waits, there was no quorum for 5 s (it is put to all when there is one), or
    /// this member has left.
    pub async fn propose(&self, text: &str) -> Result<MessageId, ProposeError> {
        if text.is_empty() {
            return Err(ProposeError::Empty);
        }
        text::check(text)?;
        let text = text.to_owned();
        self.ask(|reply| Command::Propose { text, reply }).await?
    }

    /// Consents to a proposal, or rejects it. Resolves when that is confirmed, to how the proposal stands then. Of one that is decided
    /// nothing is changed.
    ///
    /// # Errors
    ///
    /// There is no such proposal, this member has no vote on it, there was no quorum for 5 s (the vote counts if there is one while the
    /// proposal is open), or this member has left.
    pub async fn vote(&self, proposal: MessageId, consent: bool) -> Result<ProposalState, VoteError> {
        self.ask(|reply| Command::Vote { proposal, consent, reply }).await?
    }

    /// The proposals that are open, and the last hundred that were decided, by their numbers.
    ///
    /// # Errors
    ///
    /// This member has left.
    pub async fn proposals(&self) -> Result<Vec<Proposal>, Ended> {
        self.ask(Command::Proposals).await
    }

    /// Who leads, as far as this peer knows.
    ///
    /// # Errors
    ///
    /// This member has left.
    pub async fn leader(&self) -> Result<Option<Leader>, Ended> {
        self.ask(Command::Leader).await
    }

    /// This peer as it stands.
    ///
    /// # Errors
    ///
    /// This member has left.
    pub async fn status(&self) -> Result<Status, Ended> {
        self.ask(Command::Status).await
    }

    /// Leaves the group, in 2 s at most. A leader hands over first. The stream of events ends with
    /// [`Event::Bye`](crate::Event::Bye).
    pub async fn leave(&self) {
        // Ended already: that is what was wanted.
        let _ = self.ask(Command::Leave).await;
    }

    async fn ask<T>(&self, command: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, Ended> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(command(reply)).await.map_err(|_| Ended)?;
        answer.await.map_err(|_| Ended)
    }
}

fn is_request_name(name: &str) -> bool {
    (1..=Node::MAX_REQUEST_NAME_BYTES).contains(&name.len())
}

fn settings(config: &Config, me: PeerInfo, seeds: Vec<Address>, disk: Option<Restored>) -> Settings {
    Settings {
        me,
        name: config.name.clone(),
        seeds,
        join_timeout: config.join_timeout,
        heartbeat: config.heartbeat,
        timeout: config.timeout,
        sessions: [Uuid::now_v7(), Uuid::now_v7()],
        seed: rand::random(),
        memory: Memory::default(),
        disk,
    }
}

fn mesh_config(config: &Config) -> transport::Config {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    transport::Config {
        listen: (config.bind, config.port).into(),
        advertise: config.advertise.clone(),
        group: config.group.clone(),
        incarnation: Incarnation(u64::try_from(since_1970.as_micros()).unwrap_or(u64::MAX)),
        priority: config.priority,
        heartbeat: config.heartbeat,
        timeout: config.timeout,
        ..transport::Config::new(config.name.as_str())
    }
}

/// The time, on both clocks.
pub(crate) fn now() -> Now {
    Now { instant: std::time::Instant::now(), wall: SystemTime::now().into() }
}
