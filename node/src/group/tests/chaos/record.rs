//! What was said and asked, and what became of it.

use super::super::*;
use super::process::Process;

/// How long an answer may take: five seconds, and the lateness of timers.
const ANSWERED: Duration = Duration::from_millis(5100);

/// A line, and who was a member when it was said.
pub(super) struct Said {
    pub(super) id: MessageId,
    pub(super) author: PeerId,
    pub(super) hearers: Vec<PeerId>,
}

/// Something that awaits its outcome.
struct Awaited {
    by: PeerId,
    since: Instant,
}

#[derive(Default)]
pub(super) struct Record {
    /// Since the beginning.
    pub(super) nanos: u128,
    pub(super) said: Vec<Said>,
    pub(super) not_joined: Vec<PeerId>,
    pub(super) refused: Vec<(Name, PeerId, NameRefusal)>,
    privates: BTreeMap<MessageId, Awaited>,
    /// How often a private message was shown, and whether its sender was told that it was.
    private_outcomes: BTreeMap<MessageId, (u32, bool)>,
    requests: BTreeMap<u64, Awaited>,
    next_request: u64,
    /// How many requests had no answer, since somebody last asked for it.
    pub(super) unanswered: u32,
}

impl Record {
    pub(super) fn said(&mut self, id: MessageId, author: PeerId, hearers: Vec<PeerId>) {
        self.said.push(Said { id, author, hearers });
    }

    pub(super) fn private(&mut self, id: MessageId, by: PeerId, since: Instant) {
        // Its outcome may be known already.
        if !self.private_outcomes.contains_key(&id) {
            self.privates.insert(id, Awaited { by, since });
        }
    }

    pub(super) fn request(&mut self, by: PeerId, since: Instant) -> u64 {
        self.next_request += 1;
        self.requests.insert(self.next_request, Awaited { by, since });
        self.next_request
    }

    pub(super) fn refused(&mut self, process: &Process, reason: &NameRefusal, _now: Now) {
        self.refused.push((process.group.name.clone(), process.group.me.id, reason.clone()));
    }

    /// Its answers are awaited by nobody.
    pub(super) fn ended(&mut self, process: &Process) {
        let id = process.group.me.id;
        self.privates.retain(|_, awaited| awaited.by != id);
        self.requests.retain(|_, awaited| awaited.by != id);
    }

    /// What a mind tells its owner.
    pub(super) fn told(&mut self, process: &mut Process, output: Output, _now: Now) {
        let me = process.group.me.id;
        match output {
            Output::Admitted(members) => {
                assert!(!process.owner.admitted, "{me} is admitted twice");
                process.owner.admitted = true;
                process.owner.here = members.into_iter().map(|member| (member.id, member.name)).collect();
            }
            Output::Event(Event::Private(private)) => {
                let (shown, _) = self.private_outcomes.entry(private.id).or_default();
                *shown += 1;
                assert_eq!(*shown, 1, "{me} is shown a private message twice");
            }
            Output::Event(event) => process.owner.hear(me, event),
            Output::Delivered(id, delivered) => {
                self.privates.remove(&id);
                let (shown, told) = self.private_outcomes.entry(id).or_default();
                assert!(!*told, "{me} is told twice of a private message");
                *told = delivered;
                assert!(!delivered || *shown == 1, "{me}: delivered, and not shown");
            }
            Output::Members(id, answer) => {
                assert!(self.requests.remove(&id).is_some(), "{me}: an answer that nobody awaits");
                self.unanswered += u32::from(answer.is_err());
            }
            _ => {}
        }
    }

    /// Everything asked of a process that runs was answered in time.
    pub(super) fn check_answers(&self, processes: &BTreeMap<PeerId, Process>, now: Instant) {
        let awaited = self.privates.values().chain(self.requests.values());
        for Awaited { by, since } in awaited {
            let runs = processes.get(by).is_some_and(|process| !process.stopped);
            let late = runs && now.saturating_duration_since(*since) > ANSWERED;
            assert!(!late, "{by} awaits an answer");
        }
    }
}
