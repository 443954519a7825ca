//! Search: which lines are found, and what a person may type.

use super::*;

fn found(store: &Store, text: &str) -> Vec<String> {
    let lines = wait(store.search(text.into(), 20)).unwrap();
    lines.lines.into_iter().map(|(_, line)| line.text).collect()
}

#[test]
fn lines_that_have_all_the_words_are_found_in_their_order() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    let said = ["The red fox", "a RED car", "red, red; fox!", "reddish foxes", "Über Ωμέγα", "fox (red)"];
    write(&opened, lines(1, 1, &said));
    assert_eq!(found(&opened.store, "red fox"), ["The red fox", "red, red; fox!", "fox (red)"]);
    assert_eq!(found(&opened.store, "RED"), ["The red fox", "a RED car", "red, red; fox!", "fox (red)"]);
    assert_eq!(found(&opened.store, "über ωΜΈΓΑ"), ["Über Ωμέγα"]);
    assert_eq!(found(&opened.store, "nothing"), [""; 0]);
    let newest = wait(opened.store.search("red".into(), 2)).unwrap();
    assert_eq!((texts(&newest), newest.more), (vec!["red, red; fox!", "fox (red)"], true));
}

#[test]
fn only_confirmed_lines_are_found_and_those_as_soon_as_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, batch(1, vec![append(1, &["red one", "red two"]), Op::Decided(1)]));
    assert_eq!(found(&opened.store, "red"), ["red one"]);
    write(&opened, batch(2, vec![Op::Decided(2)]));
    assert_eq!(found(&opened.store, "red"), ["red one", "red two"]);
}

#[test]
fn lines_that_lost_their_place_are_not_found_there() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, lines(1, 1, &["red one", "red two"]));
    assert_eq!(found(&opened.store, "red"), ["red one", "red two"]);
    write(&opened, batch(2, vec![Op::Truncate(1), append(2, &["blue two", "red three"]), Op::Decided(3)]));
    assert_eq!(found(&opened.store, "red"), ["red one", "red three"]);
    assert_eq!(found(&opened.store, "blue"), ["blue two"]);
    write(&opened, batch(3, vec![Op::Restart(snapshot(9)), append(10, &["red ten"]), Op::Decided(10)]));
    assert_eq!(found(&opened.store, "red"), ["red ten"]);
}

#[test]
fn what_is_set_aside_is_not_found() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, batch(1, vec![append(1, &["red one", "red two", "red three"]), Op::Decided(1)]));
    let ops = vec![Op::SetAside(1), append(2, &["blue two"]), Op::Decided(2)];
    write(&opened, batch(2, ops));
    assert_eq!(found(&opened.store, "red"), ["red one"]);
    assert_eq!(found(&opened.store, "two"), ["blue two"]);
    assert_eq!(texts(&wait(opened.store.last_lines(9)).unwrap()), ["red one", "blue two"]);
    assert_eq!(texts(&wait(opened.store.lines_from(index(1), 9)).unwrap()), ["red one", "blue two"]);
}

#[test]
fn what_is_typed_is_never_an_operator() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, lines(1, 1, &["red", "red or blue", "near", "words not here", "a\"b", "x AND y"]));
    for (typed, finds) in [
        ("red OR blue", vec!["red or blue"]),
        ("red AND near", vec![]),
        ("NOT red", vec![]),
        ("not", vec!["words not here"]),
        ("NEAR(red blue, 2)", vec![]),
        ("re*", vec![]),
        ("red*", vec!["red", "red or blue"]),
        ("^red", vec!["red", "red or blue"]),
        ("said:red", vec![]),
        ("words : not", vec!["words not here"]),
        ("{said}: \"red\"", vec![]),
        ("\"red", vec!["red", "red or blue"]),
        ("a\"b\"\"", vec!["a\"b"]),
        ("'; DROP TABLE words; --", vec![]),
        ("red\0blue", vec!["red or blue"]),
        ("x + y", vec!["x AND y"]),
        ("-red", vec!["red", "red or blue"]),
    ] {
        assert_eq!(found(&opened.store, typed), finds, "{typed:?}");
    }
}

#[test]
fn what_has_no_word_or_too_many_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    let search = |text: &str| wait(opened.store.search(text.into(), 20)).unwrap_err();
    for none in ["", "  ", "\"*\"", "\0"] {
        assert_eq!(search(none), ReadError::NoWords(none.into()));
    }
    let many: Vec<String> = (0..50).map(|number| number.to_string()).collect();
    assert_eq!(search(&many.join(" ")), ReadError::TooManyWords { given: 50, max: 32 });
    assert!(search(&"*".repeat(1 << 20)).to_string().len() < 300);
}

#[test]
fn a_very_long_input_is_searched_for_as_any_other() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    let long = "x".repeat(65_535);
    write(&opened, lines(1, 1, &[&long, "y"]));
    assert_eq!(found(&opened.store, &"x".repeat(1 << 20)).len(), 1);
    assert_eq!(found(&opened.store, &"y ".repeat(1 << 20)), ["y"]);
}

#[test]
fn the_index_is_brought_up_to_date_in_steps() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    let said: Vec<String> = (0..12_345).map(|number| format!("line {number}")).collect();
    write(&opened, lines(1, 1, &said.iter().map(String::as_str).collect::<Vec<_>>()));
    for number in [0, 4_999, 5_000, 9_999, 12_344] {
        assert_eq!(found(&opened.store, &number.to_string()), [format!("line {number}")]);
    }
    let all = wait(opened.store.search("line".into(), usize::MAX)).unwrap();
    assert_eq!((all.lines.len(), all.more), (super::reader::MAX_ROWS, true));
}

#[test]
fn an_index_that_is_lost_damaged_or_of_another_history_is_made_again() {
    let directory = tempfile::tempdir().unwrap();
    let opened = Store::open(directory.path()).unwrap();
    write(&opened, lines(1, 1, &["red"]));
    assert_eq!(found(&opened.store, "red"), ["red"]);
    wait(opened.store.close());
    let path = directory.path().join("search.db");
    for contents in [vec![], vec![7; 8192], b"SQLite format 3\0 but no more".to_vec()] {
        fs::write(&path, contents).unwrap();
        let opened = Store::open(directory.path()).unwrap();
        assert_eq!(found(&opened.store, "red"), ["red"]);
        wait(opened.store.close());
    }
    let elsewhere = tempfile::tempdir().unwrap();
    fs::copy(&path, elsewhere.path().join("search.db")).unwrap();
    // Without a history.db what is there is moved aside.
    let opened = Store::open(elsewhere.path()).unwrap();
    wait(opened.store.close());
    fs::copy(&path, elsewhere.path().join("search.db")).unwrap();
    let opened = Store::open(elsewhere.path()).unwrap();
    write(&opened, lines(1, 1, &["blue"]));
    assert_eq!(found(&opened.store, "red"), [""; 0]);
    assert_eq!(found(&opened.store, "blue"), ["blue"]);
}
