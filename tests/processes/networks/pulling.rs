//! Cables that are pulled: nothing arrives any more, and no connection ends.

use std::time::{Duration, Instant};

use mesh_tests::Event;

use crate::site::{NAMES, Site};

/// The default `--timeout`, the 300 ms after it in which a silent leader is replaced, and what a busy machine adds.
const REPLACED: Duration = Duration::from_millis(3_000);

#[test]
fn a_leader_whose_cable_is_pulled_is_replaced_and_is_a_member_again_with_it_back() {
    pulled(&["alice"], "bob");
}

#[test]
fn two_whose_cables_are_pulled_at_once_are_both_missed_and_both_come_back() {
    pulled(&["alice", "bob"], "carol");
}

fn pulled(away: &[&str], successor: &str) {
    let Some(mut site) = Site::of(&NAMES) else { return };
    let rest: Vec<_> = NAMES.into_iter().filter(|name| !away.contains(name)).collect();
    site.everybody_speaks();
    let began = Instant::now();
    away.iter().for_each(|name| site.network.unplug(name));
    // These are said to all five, most of whom cannot hear them.
    site.everybody_speaks();
    for name in &rest {
        let told = site.mesh.peer(name).wait("the successor", |event| leads(event, successor));
        let took = told.seen - began;
        assert!(took < REPLACED, "{name} was told of {successor} after {took:?}");
    }
    eprintln!("{successor} led after {:?}", began.elapsed());
    assert_eq!(site.mesh.agree_among(&rest).name, successor);
    for name in away {
        assert_eq!(site.mesh.agree_among(&[name]).name, *name, "alone it leads itself");
    }
    site.talk_among(&rest);
    away.iter().for_each(|name| site.talk_among(&[name]));
    away.iter().for_each(|name| site.network.plug(name));
    site.all_direct();
    let first = site.mesh.agree();
    site.everybody_talks();
    let last = site.mesh.agree();
    eprintln!("with the cables of {} back {} led, and at last {}", away.join(" and "), first.name, last.name);
    site.everything_was_shown_once();
}

fn leads(event: &Event, name: &str) -> bool {
    event.is("leader") && event["name"] == name
}
