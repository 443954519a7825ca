//! Batches: what they change, what they wait for, and a disk that does not take them.

use std::sync::atomic::Ordering;

use rusqlite::Connection;

use super::*;

#[test]
fn entries_that_are_truncated_are_replaced_in_one_step() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, batch(1, vec![append(1, &["a", "b", "c"])]));
    write(&opened, batch(2, vec![Op::Truncate(1), append(2, &["B"])]));
    assert_eq!(entries(&opened.store, 0), [said(1, "a"), said(2, "B")]);
}

#[test]
fn a_log_begins_anew_after_a_snapshot_from_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, batch(1, vec![append(1, &["a", "undecided"]), Op::Decided(1)]));
    // What was decided before is told along with what comes after.
    let ops = vec![Op::Restart(snapshot(100)), append(101, &["z"]), Op::Decided(1)];
    write(&opened, batch(2, ops));
    assert_eq!(entries(&opened.store, 0), []);
    assert_eq!(entries(&opened.store, 100), [said(101, "z")]);
    wait(opened.store.close());
    let Opened { found, store, .. } = Store::open(directory.path()).unwrap();
    assert_eq!((found.first, found.durable.base, found.durable.len(), found.durable.decided), (100, 100, 101, 100));
    assert_eq!(found.durable.start, Some(snapshot(100)));
    assert_eq!(texts(&wait(store.last_lines(9)).unwrap()), ["z"]);
}

#[test]
fn what_was_confirmed_and_leaves_the_log_stays_to_be_read_unless_it_has_a_place_again() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, batch(1, vec![append(1, &["a", "b", "c", "undecided"]), Op::Decided(3)]));
    write(&opened, batch(2, vec![Op::DropAside, Op::Truncate(1), Op::SetAside(1), append(2, &["B"]), Op::Decided(2)]));
    write(&opened, batch(3, vec![Op::Restart(snapshot(100)), append(101, &["z"]), Op::Decided(101)]));
    let read = Connection::open(directory.path().join("history.db")).unwrap();
    let former = || -> Vec<(u64, String)> {
        let mut lines = read.prepare("SELECT idx, text FROM former_lines ORDER BY idx").unwrap();
        lines
            .query_map([], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?)))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    };
    let all = [(1, "a".to_owned()), (2, "B".into()), (3, "c".into())];
    assert_eq!(former(), all);
    write(&opened, batch(4, vec![Op::DropAside, Op::Truncate(0), append(1, &["a"])]));
    assert_eq!(former()[0], all[1]);
}

#[test]
fn a_log_that_all_goes_begins_at_its_start_whatever_it_began_after() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, batch(1, vec![Op::Restart(snapshot(100)), append(101, &["z"])]));
    write(&opened, batch(2, vec![Op::DropAside, Op::Truncate(0), Op::SetAside(0), append(1, &["a"])]));
    wait(opened.store.close());
    let found = Store::open(directory.path()).unwrap().found;
    assert_eq!((found.first, found.durable.entries, found.durable.start), (0, vec![said(1, "a")], None));
}

#[test]
fn a_log_of_any_weight_is_taken_over_in_one_batch() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    let large = note(&vec![7; 500_000]);
    let entries: Entries<PeerId> = (0..100).map(|_| Arc::clone(&large)).collect();
    write(&opened, batch(1, vec![Op::Append { after: 0, entries }]));
    wait(opened.store.close());
    assert_eq!(Store::open(directory.path()).unwrap().found.durable.len(), 100);
}

#[test]
fn a_batch_that_does_not_fit_the_log_comes_back() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    let batch = lines(1, 5, &["e"]);
    let refused = opened.store.hand_in(batch.clone()).unwrap_err();
    assert_eq!((*refused.batch, refused.why), (batch, Refusal::Gap { given: 5, last: 0 }));
    write(&opened, lines(1, 1, &["a"]));
}

#[test]
fn truncating_beyond_every_place_changes_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, lines(1, 1, &["a"]));
    write(&opened, batch(2, vec![Op::Truncate(u64::MAX)]));
    assert_eq!(entries(&opened.store, 0), [said(1, "a")]);
}

#[test]
fn a_full_disk_is_told_loses_nothing_and_is_told_again_when_it_has_room() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, lines(1, 1, &["before"]));
    opened.store.max_pages.store(1, Ordering::SeqCst);
    let large = "x".repeat(50_000);
    opened.store.hand_in(lines(2, 2, &[&large])).unwrap();
    let Event::Unfit { reason } = next(&opened.events) else { panic!("nothing is wrong") };
    assert!(reason.contains("full") && reason.contains("make room"), "{reason}");
    assert!(opened.store.oldest_unwritten().is_some());
    // Small ones wait behind it, in their order; what was written can be read.
    opened.store.hand_in(lines(3, 3, &["after"])).unwrap();
    assert_eq!(entries(&opened.store, 0), [said(1, "before")]);

    opened.store.max_pages.store(u32::MAX - 1, Ordering::SeqCst);
    assert_eq!(next(&opened.events), Event::Fit);
    wait_written(&opened.events, 3);
    assert_eq!(opened.store.oldest_unwritten(), None);
    assert_eq!(entries(&opened.store, 0), [said(1, "before"), said(2, &large), said(3, "after")]);
}

#[test]
fn a_store_is_closed_although_the_disk_is_full() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, lines(1, 1, &["before"]));
    opened.store.max_pages.store(1, Ordering::SeqCst);
    opened.store.hand_in(lines(2, 2, &[&"x".repeat(50_000)])).unwrap();
    assert!(matches!(next(&opened.events), Event::Unfit { .. }));
    wait(opened.store.close());
    assert_eq!(Store::open(directory.path()).unwrap().found.durable.len(), 1);
}

#[test]
fn a_write_that_hangs_is_seen_and_ends_when_it_can() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    let person = rusqlite::Connection::open(directory.path().join("history.db")).unwrap();
    person.execute_batch("BEGIN IMMEDIATE").unwrap();
    let before = Instant::now();
    opened.store.hand_in(lines(1, 1, &["a"])).unwrap();
    assert!(opened.store.oldest_unwritten().is_some_and(|since| since >= before));
    let Event::Unfit { reason } = next(&opened.events) else { panic!("nothing is wrong") };
    assert!(reason.contains("sqlite3"), "{reason}");
    person.execute_batch("ROLLBACK").unwrap();
    assert_eq!(next(&opened.events), Event::Fit);
    wait_written(&opened.events, 1);
}

#[test]
fn what_was_handed_in_is_written_when_the_store_is_closed() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    for place in 1..=100 {
        opened.store.hand_in(lines(place, place, &["a"])).unwrap();
    }
    wait(opened.store.close());
    assert_eq!(Store::open(directory.path()).unwrap().found.durable.len(), 100);
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_str().unwrap().contains("damaged")), "{left:?}");
}
