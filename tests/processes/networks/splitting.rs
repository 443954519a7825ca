//! A group that falls in two, and is one again.

use std::thread;

use crate::site::{BETWEEN_ROUNDS, NAMES, Site};

const FEW: [&str; 2] = ["alice", "bob"];
const MANY: [&str; 3] = ["carol", "dave", "erin"];

/// So many that the side that is away is dropped, which takes five seconds of silence.
const ROUNDS_TO_BE_DROPPED: usize = 15;

#[test]
fn each_side_has_a_leader_and_after_the_heal_all_have_one_and_every_line_once() {
    split_and_heal(1);
}

#[test]
fn two_sides_that_dropped_each_other_become_one_group_all_the_same() {
    split_and_heal(ROUNDS_TO_BE_DROPPED);
}

/// Both sides talk, for so many rounds.
fn split_and_heal(rounds: usize) {
    let Some(mut site) = Site::of(&NAMES) else { return };
    site.everybody_speaks();
    site.network.split(&FEW, &MANY);
    // These are said to all five, most of whom cannot hear them.
    site.everybody_speaks();
    assert_eq!(site.mesh.agree_among(&FEW).name, "alice");
    assert_eq!(site.mesh.agree_among(&MANY).name, "carol");
    for _ in 0..rounds {
        site.talk_among(&FEW);
        site.talk_among(&MANY);
        thread::sleep(BETWEEN_ROUNDS);
    }
    site.network.mend();
    site.all_direct();
    let first = site.mesh.agree();
    site.everybody_talks();
    let last = site.mesh.agree();
    eprintln!("after the heal {} led, and at last {}", first.name, last.name);
    site.everything_was_shown_once();
}
