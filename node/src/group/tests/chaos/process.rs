//! One process: a mind, and what its owner has been told.

use super::super::*;
use super::world::Input;

/// A mind with its links, and its owner's view of the group.
pub(super) struct Process {
    pub(super) group: Group,
    pub(super) stopped: bool,
    /// What came while it was stopped, and over which link.
    pub(super) held: Vec<(u64, Input)>,
    /// Which link to each peer it was told of.
    pub(super) up: BTreeMap<PeerId, u64>,
    pub(super) book: BTreeMap<PeerId, Address>,
    pub(super) seeds: Vec<Address>,
    pub(super) wake_at: Option<Instant>,
    pub(super) owner: Owner,
    second: Option<Instant>,
    timeouts: u32,
}

/// What the owner was told.
#[derive(Default)]
pub(super) struct Owner {
    pub(super) admitted: bool,
    /// Who is here, by what was told, oneself included.
    pub(super) here: BTreeMap<PeerId, Name>,
    pub(super) leader: Option<Leader>,
    /// How often each line was shown.
    pub(super) shown: BTreeMap<MessageId, u32>,
    /// The number of the last line of each session.
    pub(super) last: BTreeMap<Session, u64>,
    /// How many lines it was told to have missed.
    pub(super) skipped: u64,
}

impl Process {
    pub(super) fn new(settings: Settings, now: Now) -> Self {
        let seeds = settings.seeds.clone();
        Self {
            group: Group::new(settings, now),
            stopped: false,
            held: Vec::new(),
            up: BTreeMap::new(),
            book: BTreeMap::new(),
            seeds,
            wake_at: None,
            owner: Owner::default(),
            second: None,
            timeouts: 0,
        }
    }

    pub(super) fn is_member(&self) -> bool {
        self.group.is_member()
    }

    /// How often it was woken in the present second.
    pub(super) fn count_timeout(&mut self, now: Instant) -> u32 {
        if self.second.is_none_or(|second| now.saturating_duration_since(second) > Duration::from_secs(1)) {
            self.second = Some(now);
            self.timeouts = 0;
        }
        self.timeouts += 1;
        self.timeouts
    }
}

impl Owner {
    /// Hears an event, which must fit what was told before.
    pub(super) fn hear(&mut self, me: PeerId, event: Event) {
        assert!(self.admitted, "{me} is told {event:?} before it is a member");
        match event {
            Event::Joined { id, name, .. } => {
                assert!(id == me || !self.here.contains_key(&id), "{me} is told twice that {id} joined");
                self.here.insert(id, name);
            }
            Event::Left { id, name, .. } => {
                assert_eq!(self.here.remove(&id), Some(name), "{me}: {id} left, who was not here");
            }
            Event::Renamed { id, from, to } => {
                let before = self.here.insert(id, to);
                assert!(before.is_none_or(|before| before == from), "{me}: {id} was called otherwise than {from}");
            }
            Event::Leader(leader) => {
                let key = |leader: &Option<Leader>| leader.as_ref().map(|leader| (leader.id, leader.epoch));
                assert!(leader.is_none() || key(&leader) != key(&self.leader), "{me} is told twice of {leader:?}");
                self.leader = leader;
            }
            Event::Message(message) => {
                let times = self.shown.entry(message.id).or_default();
                *times += 1;
                assert_eq!(*times, 1, "{me} is shown {} twice", message.text);
                let last = self.last.insert(message.id.session, message.id.number);
                assert!(last.is_none_or(|last| last < message.id.number), "{me}: {} is out of order", message.text);
            }
            Event::Skipped { lines } => self.skipped += lines,
            _ => {}
        }
    }
}
