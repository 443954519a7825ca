//! The clients of `examples/gateway`, in a real mesh.

use std::env;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use mesh_tests::client::{Client, DIRECT};
use mesh_tests::{Bell, Outcome, PATIENCE, Peer, Process, program};

use crate::{guests_are, mesh};

/// A client of the examples, as a process.
struct Chat {
    process: Process,
    bell: Arc<Bell>,
}

impl Chat {
    /// How one is run, unless what runs it is missing.
    fn command(interpreter: &str, script: &str) -> Option<Command> {
        if Command::new(interpreter).arg("--version").output().is_err() {
            assert!(env::var("MESH_REQUIRE_TOOLS").as_deref() != Ok("1"), "{interpreter} is missing");
            eprintln!("SKIPPED: {interpreter} is missing");
            return None;
        }
        let mut command = Command::new(interpreter);
        command.arg(program::root().join("examples/gateway").join(script));
        Some(command)
    }

    fn start(interpreter: &str, script: &str, name: &str, addresses: &[String]) -> Option<Self> {
        let mut command = Self::command(interpreter, script)?;
        command.arg(name).args(addresses);
        let bell = Arc::<Bell>::default();
        let process = Process::start(name, &mut command, Arc::clone(&bell), |_| ());
        Some(Self { process, bell })
    }

    fn python(name: &str, peers: &[&Peer]) -> Option<Self> {
        let addresses: Vec<_> = peers.iter().map(|peer| format!("127.0.0.1:{}", peer.gateway())).collect();
        Self::start("python3", "chat.py", name, &addresses)
    }

    fn types(&self, line: &str) {
        self.process.write(format!("{line}\n").as_bytes());
    }

    /// Waits for the line to be shown once more than `before` times.
    fn shows_again(&self, line: &str, before: usize) {
        self.shows_more(PATIENCE, line, before);
    }

    fn shows_within(&self, limit: Duration, line: &str) {
        self.shows_more(limit, line, 0);
    }

    fn shows_more(&self, limit: Duration, line: &str, before: usize) {
        let shown = || self.process.stdout().iter().filter(|shown| *shown == line).count();
        let look = || (shown() > before).then_some(());
        let show = |_| panic!("no `{line}` in {:#?} {:#?}", self.process.stdout(), self.process.stderr());
        self.bell.wait(limit, look).ok_or(()).unwrap_or_else(show);
    }

    fn shows(&self, line: &str) {
        self.shows_again(line, 0);
    }
}

#[test]
fn a_python_client_chats_lists_and_speaks_to_one_alone() {
    let mesh = mesh(&["alice", "bob"]);
    let Some(dora) = Chat::python("dora", &[mesh.peer("bob")]) else { return };
    dora.shows("**dora is joining the chat**");
    mesh.peer("alice").say("Hi dora");
    dora.shows("[alice] Hi dora");
    dora.types("Hi alice");
    assert_eq!(mesh.peer("alice").hears("Hi alice").text("from"), "dora");
    dora.types("@members");
    dora.shows("members: alice, bob, dora");
    dora.types("@msg alice psst");
    let private = mesh.peer("alice").wait("private", |event| event.is("private"));
    assert_eq!((private.text("from"), private.text("text")), ("dora".into(), "psst".into()));
    mesh.peer("alice").ask(serde_json::json!({"do": "msg", "to": "dora", "text": "back"}));
    dora.shows("[alice -> you] back");
    dora.types("@@ at the beginning");
    mesh.peer("alice").hears("@ at the beginning");
    dora.types("@mgs alice a secret");
    dora.shows("! there is no command `@mgs`, nothing was sent (@help lists the commands)");
    dora.types("@msg nobody psst");
    dora.shows("! there is no member `nobody`");
    dora.types("@exit");
    assert_eq!(dora.process.exit_code(), 0);
    assert!(
        !mesh.peer("alice").events().iter().any(|event| event.is("message") && event.text("text").contains("secret"))
    );
    guests_are(&mesh, &[]);
}

#[test]
fn what_a_script_hands_to_a_client_is_answered_before_it_ends() {
    let mesh = mesh(&["alice", "bob"]);
    let address = format!("127.0.0.1:{}", mesh.peer("bob").gateway());
    let lines = tempfile::NamedTempFile::new().unwrap();
    fs::write(lines.path(), "Hi\n@members\nthe last line has no end").unwrap();
    let Some(mut command) = Chat::command("python3", "chat.py") else { return };
    let outcome = command.args(["dora", &address]).stdin(lines.reopen().unwrap()).output().unwrap();
    let said = String::from_utf8(outcome.stdout).unwrap();
    assert!(outcome.status.success() && said.contains("members: alice, bob, dora"), "{said}");
    for text in ["Hi", "the last line has no end"] {
        assert_eq!(mesh.peer("alice").hears(text).text("from"), "dora");
    }
}

#[test]
fn a_python_client_that_is_refused_a_taken_name_tries_another() {
    let mesh = mesh(&["alice", "bob"]);
    let Some(first) = Chat::python("alice", &[mesh.peer("bob")]) else { return };
    first.shows("**alice is refused: trying alice-2**");
    first.shows("**you are alice-2** (@help lists the commands)");
    let second = Chat::python("Alice", &[mesh.peer("alice")]).expect("there is a first one");
    second.shows("**you are Alice-3** (@help lists the commands)");
    second.types("Hi");
    first.shows("[Alice-3] Hi");
}

#[test]
fn a_python_client_leaves_a_peer_that_hangs() {
    let mesh = mesh(&["alice", "bob"]);
    let Some(dora) = Chat::python("dora", &[mesh.peer("bob"), mesh.peer("alice")]) else { return };
    dora.shows("**you are dora** (@help lists the commands)");
    mesh.peer("bob").stop();
    dora.shows_within(Duration::from_secs(40), "**the connection is lost: trying the next**");
    dora.shows_again("**you are dora** (@help lists the commands)", 1);
    guests_are(&mesh, &["dora"]);
    mesh.peer("bob").resume();
    guests_are(&mesh, &["dora"]);
}

#[test]
fn a_client_is_told_what_is_wrong_with_its_arguments() {
    for (interpreter, script, wrong) in [
        ("python3", "chat.py", &["two words", "localhost:9000"][..]),
        ("python3", "chat.py", &["", "localhost:9000"]),
        ("python3", "chat.py", &["dora", "localhost"]),
        ("python3", "chat.py", &["dora"]),
        ("bash", "chat.sh", &["dora"]),
    ] {
        let Some(mut command) = Chat::command(interpreter, script) else { return };
        let outcome = Outcome::of(script, command.args(wrong));
        assert_eq!((outcome.code, outcome.stdout.len(), outcome.stderr.len()), (2, 0, 1), "{wrong:?}: {outcome:?}");
    }
}

#[test]
fn a_python_client_survives_its_peers_death_by_going_on_elsewhere_with_the_same_name() {
    let mesh = mesh(&["alice", "bob", "carol"]);
    let peers = ["bob", "alice", "carol"].map(|name| mesh.peer(name));
    let Some(dora) = Chat::python("dora", &peers) else { return };
    dora.shows("**you are dora** (@help lists the commands)");
    guests_are(&mesh, &["dora"]);
    for (round, victim) in ["bob", "alice"].into_iter().enumerate() {
        mesh.peer(victim).kill();
        dora.shows_again("**you are dora** (@help lists the commands)", round + 1);
        guests_are(&mesh, &["dora"]);
        mesh.agree();
        let text = format!("without {victim}");
        dora.types(&text);
        mesh.all("hears dora", |peer| peer.times_heard(&text) == 1);
    }
    dora.process.close_stdin();
    assert_eq!(dora.process.exit_code(), 0);
}

#[test]
fn a_client_in_bash_chats_lists_and_leaves() {
    let mesh = mesh(&["alice", "bob"]);
    let port = mesh.peer("bob").gateway().to_string();
    let Some(dora) = Chat::start("bash", "chat.sh", "dora", &["127.0.0.1".into(), port]) else { return };
    dora.shows("**dora is joining the chat**");
    mesh.peer("alice").say("Grüße");
    dora.shows("[alice] Grüße");
    dora.types("Hi ä");
    assert_eq!(mesh.peer("alice").hears("Hi ä").text("from"), "dora");
    dora.types("@members");
    dora.shows("members: alice, bob, dora");
    let mut emil = Client::join(mesh.peer("alice"), "emil");
    guests_are(&mesh, &["dora", "emil"]);
    dora.types("@msg emil psst");
    emil.hears(DIRECT, "[dora -> you] psst");
    dora.types("@exit");
    dora.shows("**dora is leaving the chat**");
    assert_eq!(dora.process.exit_code(), 0);
    guests_are(&mesh, &["emil"]);
}
