//! What happens to processes, and what their owners do.

use std::time::Duration;

use node::group::Group;

use super::rules::Rule;
use super::world::{Happening, Site, World};
use super::{Place, TIMEOUT};

/// Something that is done to the world, as data.
#[derive(Clone, PartialEq, Debug)]
pub enum Act {
    /// A process starts at a place where none runs.
    Start(Start),
    /// A process ends without a word: its connections end, its address refuses.
    Crash(Whom),
    /// Its machine loses its power: nothing comes from there any longer.
    PowerOff(Whom),
    /// It crashes, and starts again so much later.
    Restart(Whom, Identity, Duration),
    /// It is stopped: its timers will be late.
    Pause(Whom),
    /// It goes on.
    Resume(Whom),
    /// The one that was stopped first goes on.
    ResumeAny,
    /// Its owner tells it to leave.
    Leave(Whom),
    /// Its wall clock is set by so many milliseconds.
    JumpClock(Whom, i64),
    /// The link of two breaks, and both ends see it.
    Break(Whom, Whom),
    /// Its owner says a line of so many bytes to everyone.
    Say(Whom, usize),
    /// Its owner says something to whoever has the name of a place.
    Msg(Whom, Place),
    /// Its owner asks for the members.
    Ask(Whom),
    /// Somebody wants to use its gateway, under one of a few names.
    AdmitGuest(Whom, u8),
    /// One of those that use its gateway is gone.
    DropGuest(Whom),
    /// One of those that use gateways says a line of so many bytes to everyone; which one follows from the number.
    SayAs(usize, usize),
    /// One of those that use gateways says something to a member alone; which one, and to whom, follows from the numbers.
    MsgAs(usize, usize),
    /// Its owner says something to one of those that use gateways; to which one follows from the number.
    MsgGuest(Whom, usize),
    /// Its disk does nothing for so long.
    HangDisk(Whom, Duration),
    /// Its owner says that whichever voters are missing are dead.
    Takeover(Whom),
    /// A fault rule, which counts from that moment.
    Rule(Rule),
    /// All rules end.
    Heal,
    /// Its owner asks the leader for the value of an expression.
    Calc(Whom),
    /// Its owner asks the leader for what a program does there.
    Request(Whom),
    /// Its owner puts a proposal to all.
    Propose(Whom),
    /// Its owner votes on an open proposal; which one, and how, follows from the number.
    Vote(Whom, usize),
}

/// A process to be started.
#[derive(Clone, PartialEq, Debug)]
pub struct Start {
    /// Where.
    pub place: Place,
    /// Whom to join through; a founder if nobody.
    pub via: Vec<Place>,
    /// The higher leads.
    pub priority: u16,
    /// Another name than that of its place.
    pub name: Option<String>,
}

/// Whom something happens to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Whom {
    /// Whoever runs at a place.
    At(Place),
    /// Whoever leads.
    Leader,
    /// One of those that run; which one follows from the number.
    Any(usize),
}

/// Whether a process that starts again is the same peer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Identity {
    /// It is the same, in a later run.
    Kept,
    /// It is another, as without a data directory.
    Lost,
}

impl Start {
    /// A process that joins through others, under the name of its place.
    pub fn joining(place: Place, via: &[Place]) -> Self {
        Self { place, via: via.to_vec(), priority: 0, name: None }
    }
}

impl World {
    /// Does something.
    pub fn perform(&mut self, act: &Act) {
        let some = |world: &Self, whom: &Whom| world.whom(*whom);
        match act {
            Act::Start(start) => self.start(start),
            Act::Rule(rule) => self.rule(rule.clone()),
            Act::Heal => self.heal(),
            Act::ResumeAny => {
                let paused = self.running().into_iter().find(|place| self.is_paused(*place));
                paused.into_iter().for_each(|place| self.resume(place));
            }
            Act::SayAs(number, bytes) => {
                self.guest(*number).and_then(|guest| self.say_as(guest, *bytes));
            }
            Act::MsgAs(number, to) => {
                self.guest(*number).and_then(|guest| {
                    let members = self.mind(guest.0)?.members();
                    let to = members.get(to % members.len().max(1))?;
                    self.msg_as(guest, to.name.as_str())
                });
            }
            Act::Break(a, b) => {
                if let (Some(a), Some(b)) = (some(self, a), some(self, b)) {
                    self.break_link(a, b);
                }
            }
            Act::Crash(whom)
            | Act::PowerOff(whom)
            | Act::Restart(whom, ..)
            | Act::Pause(whom)
            | Act::Resume(whom)
            | Act::Leave(whom)
            | Act::JumpClock(whom, _)
            | Act::Say(whom, _)
            | Act::Msg(whom, _)
            | Act::AdmitGuest(whom, _)
            | Act::DropGuest(whom)
            | Act::MsgGuest(whom, _)
            | Act::HangDisk(whom, _)
            | Act::Takeover(whom)
            | Act::Calc(whom)
            | Act::Request(whom)
            | Act::Propose(whom)
            | Act::Vote(whom, _)
            | Act::Ask(whom) => {
                if let Some(place) = some(self, whom) {
                    self.perform_at(place, act);
                }
            }
        }
    }

    fn perform_at(&mut self, place: Place, act: &Act) {
        match act {
            Act::Crash(_) => self.crash(place),
            Act::PowerOff(_) => self.power_off(place),
            Act::Restart(_, identity, after) => self.restart(place, *identity, *after),
            Act::Pause(_) => self.pause(place),
            Act::Resume(_) => self.resume(place),
            Act::Leave(_) => self.leave(place),
            Act::JumpClock(_, ms) => self.jump_clock(place, *ms),
            Act::Say(_, bytes) => drop(self.say(place, *bytes)),
            Act::Msg(_, to) => drop(self.msg(place, *to)),
            Act::Ask(_) => self.ask(place),
            Act::Calc(_) => self.calc(place),
            Act::Request(_) => self.request(place),
            Act::Propose(_) => self.propose(place),
            Act::Vote(_, number) => self.vote(place, *number),
            Act::AdmitGuest(_, name) => self.admit_guest(place, *name),
            Act::DropGuest(_) => self.drop_guest(place),
            Act::MsgGuest(_, number) => {
                let to = self.guest(*number).and_then(|guest| self.guest_name(guest));
                to.and_then(|to| self.msg_to(place, &to));
            }
            Act::HangDisk(_, time) => self.hang_disk(place, *time),
            Act::Takeover(_) => drop(self.takeover(place)),
            _ => {}
        }
    }

    /// Does something later.
    pub fn later(&mut self, after: Duration, act: Act) {
        self.at(self.now() + after, Happening::Act(act));
    }

    /// A place for one more process.
    pub fn place(&mut self) -> Place {
        let place = Place::at(self.sites.len());
        let name = format!("p{}", place.index()).parse().expect("a short word");
        self.sites.push(Site { name, powered: true, runs: 0 });
        self.peers.push(None);
        place
    }

    /// So many members of one group, the oldest first, all linked and at rest.
    ///
    /// # Panics
    ///
    /// If they do not come to rest.
    pub fn group_of(&mut self, count: usize) -> Vec<Place> {
        let places: Vec<_> = (0..count).map(|_| self.place()).collect();
        for (at, place) in places.iter().enumerate() {
            self.start(&Start::joining(*place, &places[..at.min(1)]));
            let is_member = |world: &Self| world.mind(*place).is_some_and(Group::is_member);
            self.run_until(TIMEOUT, Duration::from_millis(2), is_member);
        }
        self.settle().unwrap_or_else(|| self.fail("a group that begins does not come to rest"));
        places
    }
}
