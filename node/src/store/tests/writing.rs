//! Batches: what they change, what they wait for, and a disk that does not take them.

use std::sync::atomic::Ordering;

use super::*;

#[test]
fn entries_that_are_truncated_are_replaced_in_one_step() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, Batch { decided: None, ..lines(1, 1, &["a", "b", "c"]) });
    write(&opened, Batch { truncate: Some(index(2)), decided: None, ..lines(2, 2, &["B"]) });
    assert_eq!(entries(&opened.store, 1), [said(1, "a"), said(2, "B")]);
}

#[test]
fn a_log_goes_on_behind_a_snapshot_from_elsewhere() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, Batch { decided: Some(index(1)), ..lines(1, 1, &["a", "undecided"]) });
    let snapshot = Some(Snapshot { index: index(100), state: Bytes::from_static(b"s") });
    write(&opened, Batch { snapshot, append: vec![said(101, "z")], ticket: 2, ..Batch::default() });
    wait(opened.store.close());
    let opened = Store::open(directory.path()).unwrap();
    let Found { last, decided, base, .. } = opened.found;
    assert_eq!((last, decided, base), (101, 100, 100));
    assert_eq!(texts(&wait(opened.store.last_lines(9)).unwrap()), ["a", "z"]);
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
    write(&opened, Batch { ticket: 2, truncate: Some(index(u64::MAX)), ..Batch::default() });
    assert_eq!(entries(&opened.store, 1), [said(1, "a")]);
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
    assert_eq!(entries(&opened.store, 1), [said(1, "before")]);

    opened.store.max_pages.store(u32::MAX - 1, Ordering::SeqCst);
    assert_eq!(next(&opened.events), Event::Fit);
    wait_written(&opened.events, 3);
    assert_eq!(opened.store.oldest_unwritten(), None);
    assert_eq!(entries(&opened.store, 1), [said(1, "before"), said(2, &large), said(3, "after")]);
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
    assert_eq!(Store::open(directory.path()).unwrap().found.last, 1);
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
    assert_eq!(Store::open(directory.path()).unwrap().found.last, 100);
    let left: Vec<_> = fs::read_dir(directory.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| !name.to_str().unwrap().contains("damaged")), "{left:?}");
}
