//! Ranges, last lines, and what a person sees.

use rusqlite::Connection;

use super::*;

#[test]
fn a_range_has_at_most_what_is_asked_for_and_begins_where_it_is_asked() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, lines(1, 1, &["a", "b", "c", "d"]));
    let read = |after, limit| wait(opened.store.entries_after(after, limit, MESSAGE_BYTES)).unwrap();
    assert_eq!(read(1, 2), [said(2, "b"), said(3, "c")]);
    assert_eq!(read(3, 10), [said(4, "d")]);
    assert_eq!(read(4, 10), []);
    assert_eq!(read(u64::MAX, 10), []);
    assert_eq!(read(0, 0), [said(1, "a")], "one in any case");
}

#[test]
fn a_range_is_bounded_in_weight_but_has_one_entry() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    let large = note(&[7; 1000]);
    write(&opened, batch(1, vec![Op::Append { after: 0, entries: vec![large.clone(); 5] }]));
    let read = |bytes| wait(opened.store.entries_after(0, MESSAGE_ENTRIES, bytes)).unwrap().len();
    assert_eq!((read(0), read(large.weight() * 3), read(large.weight() * 4 - 1)), (1, 3, 3));
}

#[test]
fn the_last_lines_come_in_their_order_and_without_other_entries() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    let entries = vec![said(1, "a"), note(b"bob"), said(3, "b"), said(4, "c"), note(b"")];
    write(&opened, batch(1, vec![Op::Append { after: 0, entries }]));
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
    let id = MessageId { number: u64::MAX, ..message_id(0) };
    let text = "a\0b\u{1b}[2J'; DROP TABLE entries; --\u{10ffff}";
    let sent_at = Timestamp::from_millis(u64::MAX);
    let entry = said_with(id, Line { from: peer(), name: "ann".parse().unwrap(), sent_at, text: text.into() });
    write(&opened, batch(1, vec![Op::Append { after: 0, entries: vec![entry.clone()] }]));
    assert_eq!(entries(&opened.store, 0), [entry]);
    let lines = wait(opened.store.last_lines(9)).unwrap().lines;
    assert_eq!((lines[0].1.id, lines[0].1.sent_at, lines[0].1.text.as_str()), (id, sent_at, text));
}

#[test]
fn reads_do_not_wait_for_a_writer_that_hangs() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, lines(1, 1, &["a"]));
    let person = Connection::open(directory.path().join("history.db")).unwrap();
    person.execute_batch("BEGIN IMMEDIATE").unwrap();
    opened.store.hand_in(lines(2, 2, &["b"])).unwrap();
    assert_eq!(entries(&opened.store, 0), [said(1, "a")]);
    assert!(opened.store.oldest_unwritten().is_some());
    assert_eq!(texts(&wait(opened.store.search("a".into(), 9)).unwrap()), ["a"]);
}

#[test]
fn a_person_can_query_what_was_said() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, batch(1, vec![append(1, &["Hi", "there"]), Op::Decided(1)]));
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
