//! Ranges, last lines, and what a person sees.

use rusqlite::Connection;

use super::*;

#[test]
fn a_range_has_at_most_what_is_asked_for() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, lines(1, 1, &["a", "b", "c", "d"]));
    let read = |from, limit| wait(opened.store.entries(index(from), limit)).unwrap();
    assert_eq!(read(2, 2), [said(2, "b"), said(3, "c")]);
    assert_eq!(read(4, 10), [said(4, "d")]);
    assert_eq!(read(5, 10), []);
    assert_eq!(read(u64::MAX, 10), []);
    assert_eq!(read(1, 0), []);
}

#[test]
fn an_answer_is_bounded_in_bytes_but_has_one_row() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    let large = vec![7; super::reader::MAX_ANSWER_BYTES + 1];
    let append = vec![other(1, "app", &large), other(2, "app", &large)];
    write(&opened, Batch { ticket: 1, append: append.clone(), ..Batch::default() });
    assert_eq!(wait(opened.store.entries(index(1), 10)).unwrap().len(), 1);
    assert_eq!(entries(&opened.store, 1), append);
}

#[test]
fn the_last_lines_come_in_their_order_and_without_other_entries() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    let append = vec![said(1, "a"), other(2, "join", b"bob"), said(3, "b"), said(4, "c"), other(5, "config", b"")];
    write(&opened, Batch { ticket: 1, append, ..Batch::default() });
    let last = wait(opened.store.last_lines(2)).unwrap();
    assert_eq!((texts(&last), last.more), (vec!["b", "c"], true));
    let last = wait(opened.store.last_lines(3)).unwrap();
    assert_eq!((texts(&last), last.more), (vec!["a", "b", "c"], false));
    let from = wait(opened.store.lines_from(index(2), 1)).unwrap();
    assert_eq!((texts(&from), from.more), (vec!["b"], true));
    let from = wait(opened.store.lines_from(index(4), 1)).unwrap();
    assert_eq!((texts(&from), from.more), (vec!["c"], false));
}

#[test]
fn any_text_and_any_number_comes_back_as_it_was() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    let mut row = said(1, "a\0b\u{1b}[2J'; DROP TABLE entries; --\u{10ffff}");
    let line = row.line.as_mut().unwrap();
    line.id.number = u64::MAX;
    line.sent_at = Timestamp::from_millis(u64::MAX);
    write(&opened, Batch { ticket: 1, append: vec![row.clone()], ..Batch::default() });
    assert_eq!(entries(&opened.store, 1), [row]);
}

#[test]
fn reads_do_not_wait_for_a_writer_that_hangs() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, lines(1, 1, &["a"]));
    let person = Connection::open(directory.path().join("history.db")).unwrap();
    person.execute_batch("BEGIN IMMEDIATE").unwrap();
    opened.store.hand_in(lines(2, 2, &["b"])).unwrap();
    assert_eq!(entries(&opened.store, 1), [said(1, "a")]);
    assert!(opened.store.oldest_unwritten().is_some());
    assert_eq!(texts(&wait(opened.store.search("a".into(), 9)).unwrap()), ["a"]);
}

#[test]
fn a_person_can_query_what_was_said() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, Batch { decided: Some(index(1)), ..lines(1, 1, &["Hi", "there"]) });
    let person = schema::connect_to_read(&directory.path().join("history.db")).unwrap();
    let sql = "SELECT idx || '|' || sent_at || '|' || from_name || '|' || text || '|' || confirmed || '|' || message || '|' || from_id FROM lines";
    let mut statement = person.prepare(sql).unwrap();
    let rows: Vec<String> = statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(
        rows,
        [
            "1|2026-01-31T12:00:00.043Z|ann|Hi|1|00000000-0000-0000-0000-000000000007:1|00000000-0000-0000-0000-000000000009",
            "2|2026-01-31T12:00:00.044Z|ann|there|0|00000000-0000-0000-0000-000000000007:2|00000000-0000-0000-0000-000000000009",
        ]
    );
}
