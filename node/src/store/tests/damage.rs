//! Worn disks: what is not what was written is not used, not deleted, and never taken for something else.

use std::path::PathBuf;

use proptest::prelude::*;

use super::*;

/// A closed store with entries, a snapshot and lines that wait, and its id.
fn filled(directory: &Path) -> PeerId {
    let opened = Store::open(directory).unwrap();
    let text = "a line of some length ".repeat(20);
    let texts: Vec<&str> = std::iter::once("the first").chain((1..40).map(|_| text.as_str())).collect();
    let ops = vec![
        Op::Promised(ballot(u64::from_be_bytes(*b"ballot 7"))),
        append(1, &texts),
        Op::SetAside(38),
        append(39, &["the last"]),
        Op::Snapshot(snapshot(20)),
        Op::Decided(39),
    ];
    let roster = Some(Bytes::from_static(b"roster"));
    write(&opened, Batch { pool_add: vec![waiting(1)], roster, ..batch(1, ops) });
    let id = opened.found.id;
    wait(opened.store.close());
    id
}

fn flip(path: &Path, at: usize, with: u8) {
    let mut bytes = fs::read(path).unwrap();
    let at = at % bytes.len();
    bytes[at] ^= with;
    fs::write(path, bytes).unwrap();
}

fn find(path: &Path, needle: &[u8]) -> usize {
    let bytes = fs::read(path).unwrap();
    bytes.windows(needle.len()).position(|window| window == needle).unwrap()
}

/// Where a damaged store was moved to.
fn moved(error: &OpenError) -> PathBuf {
    match error {
        OpenError::Damaged { aside: Aside::Moved(to), .. } => to.clone(),
        error => panic!("{error}"),
    }
}

#[test]
fn a_damaged_store_is_moved_aside_and_the_next_start_is_a_new_peer() {
    let directory = tempfile::tempdir().unwrap();
    let id = filled(directory.path());
    let history = directory.path().join("history.db");
    flip(&history, find(&history, b"ballot 7"), 1);
    let damaged = fs::read(&history).unwrap();

    let error = Store::open(directory.path()).unwrap_err();
    let aside = moved(&error);
    assert_eq!(fs::read(aside.join("history.db")).unwrap(), damaged);
    assert!(error.to_string().contains(aside.to_str().unwrap()), "{error}");

    let opened = Store::open(directory.path()).unwrap();
    assert_ne!(opened.found.id, id);
    assert_eq!((opened.found.durable.len(), opened.found.durable.promised), (0, None));
}

#[test]
fn a_history_that_is_cut_off_emptied_or_overwritten_is_damaged() {
    for (what, change) in [
        ("cut off", (|bytes| bytes.truncate(bytes.len() / 2)) as fn(&mut Vec<u8>)),
        ("overwritten", |bytes| bytes.fill(b'x')),
        ("tables that are not known", |bytes| {
            let at = bytes.windows(8).position(|window| window == b"promised").unwrap();
            bytes[at] = b'q';
        }),
        ("a page of zeros", |bytes| bytes[4096..8192].fill(0)),
    ] {
        let directory = tempfile::tempdir().unwrap();
        filled(directory.path());
        let history = directory.path().join("history.db");
        let mut bytes = fs::read(&history).unwrap();
        change(&mut bytes);
        fs::write(&history, bytes).unwrap();
        let error = Store::open(directory.path()).expect_err(what);
        assert!(moved(&error).join("history.db").exists(), "{what}");
    }
}

#[test]
fn a_history_that_is_lost_makes_a_new_peer() {
    for emptied in [false, true] {
        let directory = tempfile::tempdir().unwrap();
        let id = filled(directory.path());
        let history = directory.path().join("history.db");
        if emptied {
            fs::write(history, "").unwrap()
        } else {
            fs::remove_file(history).unwrap()
        }
        let opened = Store::open(directory.path()).unwrap();
        assert_ne!(opened.found.id, id);
    }
}

#[test]
fn a_history_older_than_what_was_synced_is_damaged() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path());
    let history = directory.path().join("history.db");
    let older = fs::read(&history).unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, lines(1, 40, &["later"]));
    wait(opened.store.close());
    fs::write(&history, older).unwrap();
    let error = Store::open(directory.path()).unwrap_err();
    assert!(error.to_string().contains("lost"), "{error}");
    moved(&error);
}

#[test]
fn damage_to_the_write_ahead_log_below_the_last_sync_is_found_and_a_torn_tail_is_cut() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    for place in 1..=3 {
        write(&opened, lines(place, place, &[&format!("number {place}")]));
    }
    let crashed = |change: &dyn Fn(&Path)| {
        let elsewhere = tempfile::tempdir().unwrap();
        copy(directory.path(), elsewhere.path());
        change(&elsewhere.path().join("history.db-wal"));
        Store::open(elsewhere.path()).map(|opened| opened.found.durable.len()).map_err(|error| {
            assert!(moved(&error).join("history.db-wal").exists());
            error.to_string()
        })
    };
    assert_eq!(crashed(&|_| ()), Ok(3));
    let lost = crashed(&|wal| flip(wal, find(wal, b"number 2"), 1)).unwrap_err();
    assert!(lost.contains("the last 2 commits"), "{lost}");
    // What comes after the last sync was promised to nobody.
    let torn = |wal: &Path| fs::write(wal, [fs::read(wal).unwrap(), vec![7; 5000]].concat()).unwrap();
    assert_eq!(crashed(&torn), Ok(3));
}

#[test]
fn damage_found_while_running_is_told_and_the_next_start_is_a_new_peer() {
    let directory = tempfile::tempdir().unwrap();
    let id = filled(directory.path());
    let history = directory.path().join("history.db");
    // Below the snapshot, where a start does not look, and wherever pages were before they were divided.
    let mut bytes = fs::read(&history).unwrap();
    for at in 0..bytes.len() - 5 {
        if &bytes[at..at + 5] == b"first" {
            bytes[at] = b'F';
        }
    }
    fs::write(&history, bytes).unwrap();
    let opened = Store::open(directory.path()).unwrap();
    assert_eq!(opened.found.id, id);
    let error = wait(opened.store.entries_after(0, usize::MAX, usize::MAX)).unwrap_err();
    assert!(matches!(error, ReadError::Damaged(_)), "{error}");
    assert!(matches!(next(&opened.events), Event::Damaged { .. }));
    wait(opened.store.close());
    moved(&Store::open(directory.path()).unwrap_err());
    assert_ne!(Store::open(directory.path()).unwrap().found.id, id);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// A flipped byte may be where nothing is, or be told; nothing comes back that was not written.
    #[test]
    fn no_flipped_byte_comes_back_as_something_that_was_written(at: usize, with in 1..=u8::MAX) {
        let directory = tempfile::tempdir().unwrap();
        filled(directory.path());
        let sound = contents(directory.path()).unwrap();
        flip(&directory.path().join("history.db"), at, with);
        if let Ok(found) = contents(directory.path()) {
            prop_assert_eq!(found, sound);
        }
    }
}

/// Everything that is kept, but the number of the run; or why that is refused.
fn contents(directory: &Path) -> Result<(Found, Entries<PeerId>, Lines), String> {
    let mut opened = Store::open(directory).map_err(|error| error.to_string())?;
    opened.found.incarnation = transport::Incarnation(0);
    let entries = wait(opened.store.entries_after(0, usize::MAX, usize::MAX)).map_err(|error| error.to_string());
    let lines = wait(opened.store.last_lines(usize::MAX)).map_err(|error| error.to_string());
    wait(opened.store.close());
    Ok((opened.found, entries?, lines?))
}
