//! Pairs that cannot reach each other, while others reach both: nobody but their own transport notices.

use crate::site::{NAMES, Site};

#[test]
fn a_member_that_is_cut_off_from_the_leader_follows_it_through_another() {
    nobody_notices(&NAMES[..3], &[("alice", "carol")], |site| site.network.cut("alice", "carol"));
}

#[test]
fn two_members_that_are_cut_off_from_each_other_talk_through_another() {
    nobody_notices(&NAMES[..4], &[("bob", "carol")], |site| site.network.cut("bob", "carol"));
}

#[test]
fn a_link_that_works_from_the_leader_only_is_none() {
    nobody_notices(&NAMES[..3], &[("alice", "carol")], |site| site.network.cut_one_way("carol", "alice"));
}

#[test]
fn a_link_that_works_to_the_leader_only_is_none() {
    nobody_notices(&NAMES[..3], &[("alice", "carol")], |site| site.network.cut_one_way("alice", "carol"));
}

#[test]
fn two_sides_that_one_member_joins_stay_one_group() {
    let across = [("alice", "dave"), ("alice", "erin"), ("bob", "dave"), ("bob", "erin")];
    nobody_notices(&NAMES, &across, |site| site.network.split(&["alice", "bob"], &["dave", "erin"]));
}

#[test]
fn a_chain_with_the_leader_at_its_end_stays_one_group() {
    let apart =
        [("alice", "carol"), ("alice", "dave"), ("alice", "erin"), ("bob", "dave"), ("bob", "erin"), ("carol", "erin")];
    nobody_notices(&NAMES, &apart, |site| apart.iter().for_each(|(one, other)| site.network.cut(one, other)));
}

/// Something is cut, after which these pairs reach each other through others; then it is mended. Everybody talks all the
/// time: each line is shown once everywhere, and it is the only thing that is.
fn nobody_notices(names: &[&str], relayed: &[(&str, &str)], cut: impl Fn(&Site)) {
    let Some(mut site) = Site::of(names) else { return };
    cut(&site);
    // Some of these are sent into links that nobody knows to be dead.
    site.everybody_speaks();
    site.relayed_are(relayed);
    site.everybody_talks();
    site.nobody_noticed();
    site.network.mend();
    site.all_direct();
    site.everybody_talks();
    site.everything_was_shown_once();
    site.nobody_noticed();
}
