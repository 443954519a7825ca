//! Who this peer is, and directories that cannot be used.

use std::os::unix::fs::PermissionsExt as _;

use history::Durable;
use rusqlite::Connection;

use super::*;

#[test]
fn a_restarted_peer_is_the_same_peer_in_a_later_run() {
    let directory = tempfile::tempdir().unwrap();
    let mut runs = Vec::new();
    for _ in 0..3 {
        let opened = Store::open(directory.path()).unwrap();
        runs.push((opened.found.id, opened.found.incarnation.0));
        wait(opened.store.close());
    }
    let id = runs[0].0;
    assert_eq!(runs, [(id, 1), (id, 2), (id, 3)]);
    assert_eq!(id.uuid().get_version_num(), 7);
}

#[test]
fn the_run_is_counted_before_anything_else_happens() {
    let directory = tempfile::tempdir().unwrap();
    let crashed = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    copy(directory.path(), crashed.path());
    let again = Store::open(crashed.path()).unwrap();
    assert_eq!(again.found.id, opened.found.id);
    assert!(again.found.incarnation > opened.found.incarnation);
}

#[test]
fn everything_that_was_kept_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    let address = "localhost:8000".parse().unwrap();
    let kept = Say { body: Bytes::from_static(b"\0line"), ..waiting(u64::MAX) };
    let write_of_log = Write {
        ticket: 1,
        ops: vec![
            Op::Promised(ballot(7)),
            Op::Accepted(Some(ballot(6))),
            Op::Left(ballot(5)),
            append(1, &["a", "b", "c"]),
            Op::SetAside(2),
            append(3, &["d"]),
            Op::Decided(2),
        ],
    };
    let mut durable = Durable::default();
    durable.apply(&write_of_log);
    let batch = Batch {
        pool_add: vec![kept.clone(), waiting(3)],
        pool_remove: vec![message_id(3)],
        roster: Some(Bytes::from_static(b"roster")),
        addresses: Some(vec![(peer(), address)]),
        ..Batch::from(write_of_log)
    };
    write(&opened, batch.clone());
    wait(opened.store.close());

    let found = Store::open(directory.path()).unwrap().found;
    assert_eq!((found.durable, found.first), (durable, 0));
    assert_eq!((found.pool, found.roster, Some(found.addresses)), (vec![kept], batch.roster, batch.addresses));
}

#[test]
fn entries_before_the_latest_snapshot_stay_on_disk_and_out_of_memory() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, batch(1, vec![append(1, &["a", "b", "c"]), Op::Decided(1), Op::Snapshot(snapshot(2))]));
    wait(opened.store.close());
    let Opened { found, store, .. } = Store::open(directory.path()).unwrap();
    assert_eq!(found.durable.entries, [said(3, "c")]);
    assert_eq!((found.durable.base, found.durable.decided, found.first), (2, 2, 0));
    assert_eq!((&found.durable.start, &found.durable.snapshot), (&Some(snapshot(2)), &Some(snapshot(2))));
    assert_eq!(entries(&store, 0), [said(1, "a"), said(2, "b"), said(3, "c")]);
    // Nothing is before what was handed out, but all of it may go.
    store.hand_in(batch(1, vec![Op::Truncate(1)])).unwrap();
    wait(store.close());
    let found = Store::open(directory.path()).unwrap().found;
    assert_eq!((found.durable.entries, found.durable.base, found.durable.start), (vec![said(1, "a")], 0, None));
}

#[test]
fn a_new_directory_is_for_its_owner_alone() {
    let parent = tempfile::tempdir().unwrap();
    let directory = parent.path().join("alice");
    let _opened = Store::open(&directory).unwrap();
    assert_eq!(fs::metadata(&directory).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn a_missing_parent_is_named() {
    let parent = tempfile::tempdir().unwrap();
    let missing = parent.path().join("missing");
    let error = Store::open(&missing.join("alice")).unwrap_err();
    assert!(matches!(&error, OpenError::NoParent { parent, .. } if *parent == missing), "{error}");
    assert!(!missing.exists());
}

#[test]
fn a_file_is_not_a_directory() {
    let parent = tempfile::tempdir().unwrap();
    let file = parent.path().join("file");
    fs::write(&file, "mine").unwrap();
    for path in [file.clone(), file.join("below")] {
        let error = Store::open(&path).unwrap_err();
        assert!(matches!(error, OpenError::NotADirectory(_)), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
    assert_eq!(fs::read_to_string(file).unwrap(), "mine");
}

#[test]
fn a_directory_that_cannot_be_written_is_said_to_be_so() {
    // Root may write everywhere but here.
    let error = Store::open(Path::new("/sys/kernel")).unwrap_err();
    assert!(matches!(error, OpenError::NotWritable { .. }), "{error}");

    let directory = tempfile::tempdir().unwrap();
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o500)).unwrap();
    if fs::write(directory.path().join("probe"), "").is_err() {
        let error = Store::open(directory.path()).unwrap_err();
        assert!(matches!(error, OpenError::NotWritable { .. }), "{error}");
    }
}

#[test]
fn a_directory_of_a_newer_version_is_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    wait(Store::open(directory.path()).unwrap().store.close());
    let path = directory.path().join("history.db");
    Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
    let before = fs::read(&path).unwrap();
    let error = Store::open(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::Newer { found: 99, .. }), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

#[test]
fn a_database_of_another_program_is_left_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("history.db");
    Connection::open(&path).unwrap().execute_batch("CREATE TABLE urls (url)").unwrap();
    let before = fs::read(&path).unwrap();
    let error = Store::open(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::Foreign(_)), "{error}");
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// A store of each version that was ever released, as that version made it, is opened by this one.
#[test]
fn a_store_of_each_earlier_version_is_opened() {
    for version in 1..=schema::STEPS.len() {
        let directory = tempfile::tempdir().unwrap();
        let mut connection = schema::connect(&directory.path().join("history.db")).unwrap();
        assert!(schema::use_write_ahead_log(&connection).unwrap());
        let fill = |connection: &Connection| connection.execute_batch(fixture(version));
        schema::migrate(&mut connection, &schema::STEPS[..version], fill).unwrap();
        drop(connection);
        let opened = Store::open(directory.path()).unwrap();
        assert_eq!(opened.found.id.to_string(), "0197c2d5-3f00-7000-8000-000000000001", "version {version}");
        assert_eq!((opened.found.incarnation.0, opened.found.durable.len(), opened.found.durable.decided), (6, 2, 1));
        let durable = &opened.found.durable;
        assert_eq!(
            (durable.promised, durable.fork, &durable.aside),
            (Some(ballot(7)), Some(2), &vec![said(3, "aside")])
        );
        assert_eq!(durable.left, (version >= 3).then(|| ballot(5)));
        let mut start = snapshot(1);
        if version < 2 {
            start.state = Bytes::new();
        }
        assert_eq!((durable.start.as_ref(), &opened.found.pool), (Some(&start), &vec![waiting(3)]));
        assert_eq!(texts(&wait(opened.store.last_lines(9)).unwrap()), ["Hi"]);
    }
}

/// What a store of this version may have in it: never changed once that version is released.
fn fixture(version: usize) -> &'static str {
    match version {
        1 => include_str!("fixture_1.sql"),
        2 => include_str!("fixture_2.sql"),
        3 => include_str!("fixture_3.sql"),
        _ => panic!("version {version} has no fixture: add one"),
    }
}

#[test]
fn one_process_has_a_directory() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    let error = Store::open(directory.path()).unwrap_err();
    assert!(matches!(error, OpenError::Locked { by: Some(by), .. } if by == std::process::id()), "{error}");
    wait(opened.store.close());
    Store::open(directory.path()).unwrap();
}

#[test]
fn every_error_is_one_line_that_names_the_directory_and_says_what_to_do() {
    let path = || Path::new("/data/alice").to_owned();
    let io = || io::Error::from(io::ErrorKind::PermissionDenied);
    for error in [
        OpenError::NotADirectory(path()),
        OpenError::NoParent { path: path(), parent: "/data".into() },
        OpenError::NotWritable { path: path(), why: io().to_string() },
        OpenError::Locked { path: path(), by: None },
        OpenError::Damaged {
            path: path(),
            what: "entry 7".into(),
            aside: Aside::Moved("/data/alice/damaged-1".into()),
        },
        OpenError::Damaged { path: path(), what: "entry 7".into(), aside: Aside::Stuck(io()) },
        OpenError::Newer { path: path(), found: 2, known: 1 },
        OpenError::Foreign(path()),
        OpenError::Unsuitable(path()),
        OpenError::Disk { path: path(), why: io().to_string() },
    ] {
        let line = error.to_string();
        assert!(line.contains("/data/alice") && line.contains(": ") && !line.contains('\n'), "{line}");
    }
}
