//! The fence under which a leader does what it does outside of the group: for whoever is present it never goes back.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use mesh_tests::places::eventually;
use mesh_tests::{Bell, PATIENCE, Process, ports, unique_group};
use rustix::process::Signal;

/// How long it may take until there is a leader with a quorum whom all follow.
const SETTLED: Duration = Duration::from_secs(40);

#[test]
fn a_later_leader_has_a_greater_fence_also_where_the_one_before_comes_back() {
    let mut group = Group::new();
    group.grow(&["ann", "bob", "carol", "dora"]);
    group.all_vote();
    let first = group.agreed();
    group.kill(&["ann"]);
    let second = group.agreed();
    assert!(second > first, "{second} after {first}");
    group.all_vote();
    group.stop("bob");
    let third = group.agreed();
    assert!(third > second, "{third} after {second}");
    group.resume("bob");
    let last = group.agreed();
    assert!(last >= third, "{last} after {third}");
}

#[test]
fn a_takeover_has_a_greater_fence_than_whatever_it_left() {
    let mut group = Group::new();
    group.grow(&["ann", "bob", "carol"]);
    group.all_vote();
    let before = group.agreed();
    group.kill(&["ann", "bob"]);
    group.take_over("carol", "ann bob");
    let after = group.agreed();
    assert!(after > before, "{after} after {before}");
    group.grow(&["dora", "erin"]);
    group.all_vote();
    let later = group.agreed();
    assert!(later >= after, "{later} after {after}");
    group.kill(&["carol"]);
    let last = group.agreed();
    assert!(last > later, "{last} after {later}");
}

#[test]
fn after_a_wrong_takeover_all_are_given_greater_fences_than_either_side_was() {
    let mut group = Group::new();
    group.grow(&["ann", "bob", "carol"]);
    group.all_vote();
    let before = group.agreed();
    group.stop("ann");
    group.stop("bob");
    group.take_over("carol", "ann bob");
    let apart = group.agreed();
    assert!(apart > before, "{apart} after {before}");
    group.resume("ann");
    group.resume("bob");
    let together = group.agreed();
    assert!(together >= apart, "{together} after {apart}");
}

#[test]
fn where_two_foundations_meet_nobody_is_given_a_lesser_fence_than_before() {
    for (older, newer) in [(2, 4), (3, 2)] {
        let names = ["ann", "bob", "carol", "dora", "erin", "fay"];
        let mut group = Group::new();
        let (one, other) = names.split_at(older);
        let other = &other[..newer];
        group.grow(one);
        group.grow_apart(other);
        group.all_vote_among(one);
        group.all_vote_among(other);
        let apart = [group.agreed_among(one), group.agreed_among(other)];
        group.bridge("zoe", one[0], other[0]);
        let together = group.agreed();
        assert!(apart.iter().all(|fence| *fence <= together), "{together} after {apart:?}");
    }
}

/// Members, each with the greatest fence that it was ever given.
struct Group {
    name: String,
    bell: Arc<Bell>,
    ports: BTreeMap<String, u16>,
    members: Vec<Member>,
    questions: AtomicU32,
}

struct Member {
    name: String,
    process: Process,
    stopped: bool,
    given: RefCell<String>,
}

impl Group {
    fn new() -> Self {
        let (bell, ports, members) = (Arc::default(), BTreeMap::new(), Vec::new());
        Self { name: unique_group(), bell, ports, members, questions: AtomicU32::new(0) }
    }

    fn start(&mut self, name: &str, through: &[&str]) {
        let port = ports::free();
        let mut command = Command::new(env!("CARGO_BIN_EXE_fence_member"));
        command.args([&self.name, name, &port.to_string()]);
        command.args(through.iter().map(|through| self.ports[*through].to_string()));
        let process = Process::start(name, &mut command, Arc::clone(&self.bell), |_| ());
        process.line("ready", |line| line == "ready");
        self.ports.insert(name.to_owned(), port);
        let (stopped, given) = (false, String::new().into());
        self.members.push(Member { name: name.to_owned(), process, stopped, given });
    }

    /// They join through the first that lives; there being none, the first of them founds.
    fn grow(&mut self, names: &[&str]) {
        for name in names {
            let first = self.live().next().map(|member| member.name.clone());
            self.start(name, &first.as_deref().into_iter().collect::<Vec<_>>());
        }
    }

    /// They found a group of their own.
    fn grow_apart(&mut self, names: &[&str]) {
        self.start(names[0], &[]);
        names[1..].iter().for_each(|name| self.start(name, &names[..1]));
    }

    /// One joins through both.
    fn bridge(&mut self, name: &str, one: &str, other: &str) {
        self.start(name, &[one, other]);
    }

    fn live(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.process.is_running() && !member.stopped)
    }

    fn among(&self, names: &[&str]) -> Vec<&Member> {
        self.members.iter().filter(|member| names.contains(&member.name.as_str())).collect()
    }

    /// Stopped first: none of them sees another die.
    fn kill(&self, names: &[&str]) {
        let dead = self.among(names);
        dead.iter().for_each(|member| assert!(member.process.stop()));
        dead.iter().for_each(|member| assert!(member.process.signal(Signal::KILL)));
        dead.iter().for_each(|member| _ = member.process.exit_code());
    }

    fn stop(&mut self, name: &str) {
        let member = self.members.iter_mut().find(|member| member.name == name).expect("it was started");
        member.stopped = true;
        assert!(member.process.stop());
    }

    fn resume(&mut self, name: &str) {
        let member = self.members.iter_mut().find(|member| member.name == name).expect("it was started");
        member.stopped = false;
        assert!(member.process.signal(Signal::CONT));
    }

    /// As soon as there is no quorum and this one leads.
    fn take_over(&self, name: &str, lost: &str) {
        let member = self.among(&[name])[0];
        eventually(&format!("{name} takes over from {lost}"), || {
            self.told(member, &format!("takeover {lost}")).ends_with(": done")
        });
    }

    fn all_vote(&self) {
        self.vote(&self.live().collect::<Vec<_>>());
    }

    fn all_vote_among(&self, names: &[&str]) {
        self.vote(&self.among(names));
    }

    fn vote(&self, members: &[&Member]) {
        let voters = format!("{} voters", members.len());
        eventually(&voters, || members.iter().all(|member| self.told(member, "") == voters));
    }

    /// Writes a line and waits for the next that it prints: it prints one for each.
    fn told(&self, member: &Member, line: &str) -> String {
        let before = member.process.stdout().len();
        member.process.write(format!("{line}\n").as_bytes());
        let next = self.bell.wait(PATIENCE, || member.process.stdout().get(before).cloned());
        next.unwrap_or_else(|| panic!("{} printed nothing about `{line}`", member.name))
    }

    /// The fence that all that live are given by now: no lesser one than any of them was given before. In the first moment of a
    /// lead it may be lesser, until a follower has refused it; so may that of a leader that hung and does not know of another.
    fn agreed(&self) -> String {
        self.agreed_by(&self.live().collect::<Vec<_>>())
    }

    fn agreed_among(&self, names: &[&str]) -> String {
        self.agreed_by(&self.among(names))
    }

    fn agreed_by(&self, members: &[&Member]) -> String {
        let began = Instant::now();
        loop {
            // Twice: what the last was given may be newer than what the first was.
            let given: Vec<_> = members.iter().chain(members).map(|member| self.fence(member)).collect();
            if let Some(fence) = &given[0]
                && given.iter().all(|other| other.as_ref() == Some(fence))
                && members.iter().all(|member| *member.given.borrow() == *fence)
            {
                return fence.clone();
            }
            assert!(began.elapsed() < SETTLED, "not one fence within {SETTLED:?}: {given:#?}");
        }
    }

    /// The fence that this member is given, if there is a leader with a quorum.
    fn fence(&self, member: &Member) -> Option<String> {
        let question = format!("question {}", self.questions.fetch_add(1, Ordering::Relaxed));
        let answer = self.told(member, &question);
        let answer = answer.strip_prefix(&format!("{question}: ")).unwrap_or_else(|| panic!("{question}: {answer}"));
        if answer.starts_with("no: ") {
            return None;
        }
        let mut given = member.given.borrow_mut();
        if answer > given.as_str() {
            *given = answer.to_owned();
        }
        Some(answer.to_owned())
    }
}
