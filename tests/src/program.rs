//! The program under test, built before it is run.
//!
//! Cargo builds no binary for another package's tests, and one that lies about may be stale; so the first test of each
//! test program has cargo build it, in the same profile and target directory. Cargo decides what there is to do.

use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use serde_json::Value;

/// Where the `node` of this working tree is.
///
/// # Panics
///
/// If it cannot be built; cargo's complaint stands above.
pub fn node() -> &'static Path {
    static NODE: OnceLock<PathBuf> = OnceLock::new();
    NODE.get_or_init(|| build("--bin", "node"))
}

/// Where an example of the library is.
///
/// # Panics
///
/// As [`node()`] does.
pub fn example(name: &str) -> PathBuf {
    build("--example", name)
}

/// The top of the working tree, where `scripts/` is.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in the workspace")
}

fn build(kind: &str, name: &str) -> PathBuf {
    let (target, profile) = place();
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["build", "--package", "node", kind, name, "--message-format", "json-render-diagnostics"])
        .args(["--profile", &profile])
        .arg("--target-dir")
        .arg(target)
        .arg("--manifest-path")
        .arg(root().join("Cargo.toml"))
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo can be run");
    assert!(output.status.success(), "cargo could not build the program under test");
    let messages = String::from_utf8_lossy(&output.stdout);
    let executable = messages.lines().filter_map(executable).next_back();
    executable.expect("cargo says where it put the program")
}

/// The target directory and the profile of the running test: it is `<target>/<profile's directory>/deps/<test>`.
fn place() -> (PathBuf, String) {
    let test = env::current_exe().expect("the test program has a path");
    let directory = test.ancestors().nth(2).expect("the test program lies in deps");
    let target = directory.parent().expect("a profile's directory lies in the target directory");
    let profile = match directory.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(other) => other,
    };
    (target.to_owned(), profile.to_owned())
}

fn executable(message: &str) -> Option<PathBuf> {
    let message: Value = serde_json::from_str(message).ok()?;
    message["executable"].as_str().map(PathBuf::from)
}
