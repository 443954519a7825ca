//! The processes of one side, and what they report.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::Signal;

use super::clock::now_ns;
use super::report::Report;
use crate::bell::Bell;
use crate::ports;
use crate::process::Process;

/// How long anything may take that is not timed by what is ordered.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

/// How many members each side has.
pub(crate) const MEMBERS: u16 = 5;

/// Whose members.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Side {
    /// The mesh under test.
    Ours,
    /// Plain blocking TCP.
    Floor,
}

/// The members of one side. They are ended when this is dropped.
pub(crate) struct Fleet {
    side: Side,
    bell: Arc<Bell>,
    members: Vec<Member>,
    base_port: u16,
    phases: u32,
}

struct Member {
    process: Process,
    reports: Arc<Mutex<Vec<Report>>>,
}

impl Side {
    /// Both.
    pub(crate) const ALL: [Self; 2] = [Self::Ours, Self::Floor];

    /// What people call it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Floor => "floor",
        }
    }

    /// Its program lies beside this one.
    fn program(self) -> PathBuf {
        let name = match self {
            Self::Ours => "bench_member",
            Self::Floor => "floor_member",
        };
        let program = env::current_exe().expect("this program has a path").with_file_name(name);
        assert!(program.is_file(), "{} is missing: build it with scripts/bench", program.display());
        program
    }
}

impl Member {
    fn start(side: Side, (id, count): (u16, u16), base_port: u16, data_dir: Option<&Path>, bell: &Arc<Bell>) -> Self {
        let label = format!("{} m{id}", side.name());
        let reports = Arc::<Mutex<Vec<Report>>>::default();
        let reported = Arc::clone(&reports);
        let mut command = Command::new(side.program());
        command.args([id, count, base_port].map(|number| number.to_string()));
        command.args(data_dir);
        let process = Process::start(&label, &mut command, Arc::clone(bell), move |line| match line.parse() {
            Ok(report) => reported.lock().unwrap_or_else(PoisonError::into_inner).push(report),
            Err(error) => eprintln!("{error}"),
        });
        Self { process, reports }
    }

    /// The last thing it reported of which `wanted` makes something.
    fn last<T>(&self, wanted: impl FnMut(&Report) -> Option<T>) -> Option<T> {
        self.reports.lock().unwrap_or_else(PoisonError::into_inner).iter().rev().find_map(wanted)
    }
}

impl Fleet {
    /// Starts the members, and waits until they are linked and, where there is a leader, agree on it.
    pub(crate) fn start(side: Side) -> Self {
        Self::start_in(side, None)
    }

    /// The same, of members that keep their histories below a directory.
    pub(crate) fn start_in(side: Side, data_dir: Option<&Path>) -> Self {
        // One more, for a newcomer.
        let base_port = ports::free_row(MEMBERS + 1);
        let bell = Arc::<Bell>::default();
        let kept = |id: u16| data_dir.map(|directory| directory.join(format!("m{id}")));
        let start = |id| Member::start(side, (id, MEMBERS), base_port, kept(id).as_deref(), &bell);
        let members = (0..MEMBERS).map(start).collect();
        let fleet = Self { side, bell, members, base_port, phases: 0 };
        for id in 0..MEMBERS {
            fleet.await_report("to be linked to all", id, |report| (*report == Report::Ready).then_some(()));
        }
        if side == Side::Ours {
            fleet.wait("agreement on a leader", PATIENCE, || fleet.agreed(&fleet.others(None), 0).map(drop));
        }
        fleet
    }

    /// Starts one member more, without a directory: when, in ns of the common clock, and its number.
    pub(crate) fn join(&mut self) -> (u64, u16) {
        let (at, id) = (now_ns(), self.members.len() as u16);
        self.members.push(Member::start(self.side, (id, id + 1), self.base_port, None, &self.bell));
        self.await_report("to be linked to all", id, |report| (*report == Report::Ready).then_some(()));
        (at, id)
    }

    /// The process ids.
    pub(crate) fn pids(&self) -> Vec<i32> {
        self.members.iter().map(|member| member.process.pid()).collect()
    }

    /// The number of the next phase: no two of a fleet are alike.
    pub(crate) fn next_phase(&mut self) -> u32 {
        self.phases += 1;
        self.phases
    }

    /// Gives a member an order.
    pub(crate) fn order(&self, id: u16, order: impl std::fmt::Display) {
        self.member(id).process.write(format!("{order}\n").as_bytes());
    }

    /// Sends a signal to one of them; when, in ns of the common clock.
    pub(crate) fn signal(&self, id: u16, signal: Signal) -> u64 {
        let at = now_ns();
        let sent = self.member(id).process.signal(signal);
        assert!(sent, "{} m{id} has ended by itself", self.side.name());
        at
    }

    /// Every member but one.
    pub(crate) fn others(&self, than: Option<u16>) -> Vec<u16> {
        (0..MEMBERS).filter(|id| Some(*id) != than).collect()
    }

    /// The leader that all of `members` last reported, and when the last of them did, if none of them did before `since`.
    pub(crate) fn agreed(&self, members: &[u16], since: u64) -> Option<(u16, u64)> {
        let reports: Option<Vec<_>> = members.iter().map(|id| self.member(*id).last(leader)).collect();
        let reports = reports?;
        let (_, first) = *reports.first()?;
        let agreed = reports.iter().all(|(at, leader)| *at >= since && *leader == first);
        agreed.then_some((first, reports.iter().map(|(at, _)| *at).max()?))
    }

    /// Waits until a member reports something of which `wanted` makes something.
    pub(crate) fn await_report<T>(&self, what: &str, id: u16, wanted: impl Fn(&Report) -> Option<T>) -> T {
        self.await_long(what, PATIENCE, id, wanted)
    }

    /// The same, of something that may take longer.
    pub(crate) fn await_long<T>(
        &self,
        what: &str,
        limit: Duration,
        id: u16,
        wanted: impl Fn(&Report) -> Option<T>,
    ) -> T {
        let what = format!("m{id} {what}");
        self.wait(&what, limit, || self.member(id).last(&wanted))
    }

    /// Waits for something to be so.
    ///
    /// # Panics
    ///
    /// If it is not within `limit`. What the members wrote to stderr is printed then.
    pub(crate) fn wait<T>(&self, what: &str, limit: Duration, look: impl FnMut() -> Option<T>) -> T {
        let found = self.bell.wait(limit, look);
        found.unwrap_or_else(|| panic!("{}: waited {limit:?} for {what}", self.side.name()))
    }

    fn member(&self, id: u16) -> &Member {
        &self.members[usize::from(id)]
    }
}

fn leader(report: &Report) -> Option<(u64, u16)> {
    match report {
        Report::Leader { at, member } => Some((*at, *member)),
        _ => None,
    }
}
