//! A user of gateways that lives through whatever becomes of peers: it says lines all the time, and where its connection ends, or
//! nobody answers there, it goes on through another peer with the same name.

use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use mesh_tests::client::{Client, DIRECT, ERROR, Frame, Heard, JOIN, LIST, MESSAGE};
use mesh_tests::{Bell, PATIENCE};
use rand::RngExt as _;
use rand::rngs::SmallRng;
use rand::seq::{IndexedRandom as _, SliceRandom as _};

/// How long somebody may be without a peer: as long as the silence of a dead one takes to be noticed, a leader to be found, and all
/// of them to be started again.
pub(crate) const ABSENCE: Duration = Duration::from_secs(30);

/// How long a peer may take to answer: whoever hangs is not waited for, and all others can be tried within [`ABSENCE`].
const ANSWER: Duration = Duration::from_secs(3);

/// The same in a storm: somebody who does not wait for long leaves an old self behind, at a peer that may go on.
const HASTE: RangeInclusive<Duration> = Duration::from_millis(200)..=ANSWER;

/// How long a frame is waited for before anything else is looked after.
const TURN: Duration = Duration::from_millis(20);

/// How long it takes to try again.
const AGAIN: Duration = Duration::from_millis(100);

/// How often a name that is refused is asked for at one peer, before the next is tried.
const TRIES: u32 = 5;

/// What a user does about a peer that hangs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Temper {
    /// It goes elsewhere.
    Restless,
    /// It stays while its connection does, and is a member again when the peer goes on.
    Loyal,
}

/// One user, always of the same name unless it is renamed.
pub(crate) struct Guest {
    name: &'static str,
    temper: Temper,
    diary: Arc<Diary>,
    words: Sender<Frame>,
    life: Option<JoinHandle<()>>,
}

/// What it lives through.
#[derive(Default)]
struct Diary {
    stays: Mutex<Vec<Stay>>,
    bell: Bell,
    hushed: AtomicBool,
    hasty: AtomicBool,
    over: AtomicBool,
}

/// From being a member to the end of that connection.
#[derive(Clone, Default, Debug)]
pub(crate) struct Stay {
    /// Of the gateway.
    pub(crate) port: u16,
    /// What it is called.
    pub(crate) name: String,
    pub(crate) ended: bool,
    /// Its lines that the peer has taken, with when it had.
    pub(crate) said: Vec<(Instant, String)>,
    pub(crate) heard: Vec<Frame>,
    /// Who is there, when it asked last.
    pub(crate) listed: Vec<String>,
}

impl Guest {
    /// Somebody who goes to any of these gateways.
    pub(crate) fn start(name: &'static str, temper: Temper, mut gateways: Vec<u16>, mut random: SmallRng) -> Self {
        let (words, orders) = mpsc::channel();
        let diary = Arc::<Diary>::default();
        gateways.shuffle(&mut random);
        let (due, haste) = (Instant::now(), ANSWER);
        let notes = Arc::clone(&diary);
        let life = Life { name, temper, gateways, random, orders, diary: notes, lines: 0, due, haste };
        let life = thread::Builder::new().name(name.to_owned()).spawn(|| life.live());
        Self { name, temper, diary, words, life: Some(life.expect("a thread can be started")) }
    }

    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    pub(crate) fn temper(&self) -> Temper {
        self.temper
    }

    /// All its stays so far.
    pub(crate) fn stays(&self) -> Vec<Stay> {
        self.seen().clone()
    }

    /// Where it is, if it is anywhere.
    pub(crate) fn stay(&self) -> Option<Stay> {
        self.seen().last().filter(|stay| !stay.ended).cloned()
    }

    /// What it is called where it is.
    pub(crate) fn called(&self) -> String {
        self.stay().unwrap_or_else(|| panic!("{} is nowhere", self.name)).name
    }

    /// What it has seen, if it found a peer in time.
    fn seen(&self) -> MutexGuard<'_, Vec<Stay>> {
        assert!(!self.life.as_ref().is_some_and(JoinHandle::is_finished), "{} gave up", self.name);
        self.diary.stays()
    }

    /// Says something, beside what it says anyway.
    pub(crate) fn says(&self, kind: u8, text: &str) {
        self.words.send((kind, text.to_owned())).unwrap_or_else(|_| panic!("{} gave up", self.name));
    }

    /// Says nothing any more by itself.
    pub(crate) fn hush(&self) {
        self.diary.hushed.store(true, Ordering::Relaxed);
    }

    /// In a storm it is in haste.
    pub(crate) fn hurry(&self, hasty: bool) {
        self.diary.hasty.store(hasty, Ordering::Relaxed);
    }

    /// Waits until it has heard this since it is where it is.
    pub(crate) fn hears(&self, kind: u8, text: &str) {
        let heard = || self.stay().filter(|stay| stay.times_heard(kind, text) > 0);
        let stay = self.diary.bell.wait(PATIENCE, heard);
        assert!(stay.is_some(), "{} did not hear `{text}` within {PATIENCE:?}: {:?}", self.name, self.stay());
    }
}

impl Stay {
    /// What was heard of one type.
    pub(crate) fn heard_as(&self, wanted: u8) -> impl Iterator<Item = &str> + Clone {
        self.heard.iter().filter(move |(kind, _)| *kind == wanted).map(|(_, text)| text.as_str())
    }

    /// How often this was heard.
    pub(crate) fn times_heard(&self, kind: u8, text: &str) -> usize {
        self.heard_as(kind).filter(|heard| *heard == text).count()
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.diary.over.store(true, Ordering::Relaxed);
        let _ = self.life.take().map(JoinHandle::join);
    }
}

impl Diary {
    fn stays(&self) -> MutexGuard<'_, Vec<Stay>> {
        self.stays.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    /// Notes something about where it is.
    fn note(&self, what: impl FnOnce(&mut Stay)) {
        if let Some(stay) = self.stays().last_mut() {
            what(stay);
        }
        self.bell.ring();
    }
}

/// The user itself, in a thread of its own.
struct Life {
    name: &'static str,
    temper: Temper,
    /// The next to be tried comes second, the last that was tried first.
    gateways: Vec<u16>,
    random: SmallRng,
    orders: Receiver<Frame>,
    diary: Arc<Diary>,
    lines: u32,
    /// When it says something again.
    due: Instant,
    /// How long it waits for an answer while it is in haste.
    haste: Duration,
}

impl Life {
    fn live(mut self) {
        while let Some((port, mut client)) = self.arrive() {
            self.diary.stays().push(Stay { port, name: self.name.to_owned(), ..Stay::default() });
            self.stay(&mut client);
            self.diary.note(|stay| stay.ended = true);
        }
    }

    /// Tries one peer after the other, all in turn, until it is a member; none if its life is over.
    fn arrive(&mut self) -> Option<(u16, Client)> {
        let began = Instant::now();
        let mut refusals = 0;
        while !self.diary.is_over() {
            assert!(began.elapsed() < ABSENCE, "{}: no peer within {ABSENCE:?}, {refusals} refusals", self.name);
            self.gateways.rotate_left(1);
            self.haste = self.random.random_range(HASTE);
            let port = self.gateways[0];
            match self.join(port, &mut refusals) {
                Some(client) => {
                    println!("{} joined at {port} after {:?}, {refusals} refusals", self.name, began.elapsed());
                    return Some((port, client));
                }
                None => thread::sleep(AGAIN),
            }
        }
        None
    }

    /// Its old self may still be a member: then it is refused until that one's peer is known to be gone.
    fn join(&self, port: u16, refusals: &mut u32) -> Option<Client> {
        let mut client = Client::try_connect_to(port).ok()?;
        client.answer_within(self.patience(), MESSAGE)?;
        for _ in 0..TRIES {
            client.send(JOIN, self.name);
            if client.answer_within(self.patience(), JOIN)? == "\0" {
                return Some(client);
            }
            *refusals += 1;
            thread::sleep(AGAIN);
        }
        None
    }

    /// Talks and listens until the connection ends or is given up.
    fn stay(&mut self, client: &mut Client) {
        // All that is said is followed by a question: its answer shows that the peer has taken what was said, and lives.
        let mut asked = None;
        let mut line = None;
        while !self.diary.is_over() {
            match client.next_within(TURN) {
                Heard::Frame((LIST, names)) => {
                    asked = None;
                    self.diary.note(|stay| {
                        stay.listed = names.lines().map(ToOwned::to_owned).collect();
                        stay.said.extend(line.take().map(|line| (Instant::now(), line)));
                    });
                }
                Heard::Frame(frame) => {
                    if frame.0 == ERROR {
                        // It may be about the line.
                        line = None;
                    }
                    self.hear(frame);
                }
                Heard::End => return,
                Heard::Silence => {}
            }
            match asked {
                Some(at) if self.gives_up(at) => return,
                Some(_) => {}
                None if self.moves_on() => return,
                None => {
                    if let Some((kind, text)) = self.next_word() {
                        client.send(kind, &text);
                        line = Some(text).filter(|_| kind == MESSAGE);
                    } else if self.due > Instant::now() {
                        continue;
                    }
                    client.send(LIST, "");
                    asked = Some(Instant::now());
                    self.due = Instant::now() + Duration::from_millis(self.random.random_range(50..400));
                }
            }
        }
    }

    fn patience(&self) -> Duration {
        if self.diary.hasty.load(Ordering::Relaxed) { self.haste } else { ANSWER }
    }

    /// Whether it has waited for an answer for long enough.
    fn gives_up(&self, asked: Instant) -> bool {
        self.temper == Temper::Restless && asked.elapsed() > self.patience()
    }

    /// Some of those that are in haste go elsewhere without a reason: their old self leaves while the next one comes.
    fn moves_on(&mut self) -> bool {
        let hasty = self.diary.hasty.load(Ordering::Relaxed) && self.due <= Instant::now();
        hasty && self.random.random_range(0..30) == 0
    }

    fn hear(&self, frame: Frame) {
        let name = frame.1.strip_prefix("**You are now called ").and_then(|rest| rest.strip_suffix("**"));
        let name = name.filter(|_| frame.0 == MESSAGE).map(ToOwned::to_owned);
        self.diary.note(|stay| {
            stay.name = name.unwrap_or(std::mem::take(&mut stay.name));
            stay.heard.push(frame);
        });
    }

    /// What it was told to say, or, if it is time, a line that nobody has said, or a word to somebody alone.
    fn next_word(&mut self) -> Option<Frame> {
        if let Ok(word) = self.orders.try_recv() {
            return Some(word);
        }
        if self.due > Instant::now() || self.diary.hushed.load(Ordering::Relaxed) {
            return None;
        }
        self.lines += 1;
        let text = format!("{}'s word {}", self.name, self.lines);
        let listed = self.diary.stays().last().map(|stay| stay.listed.clone()).unwrap_or_default();
        match listed.choose(&mut self.random) {
            Some(to) if self.random.random_range(0..4) == 0 => Some((DIRECT, format!("{to} {text}, to {to}"))),
            _ => Some((MESSAGE, text)),
        }
    }
}
