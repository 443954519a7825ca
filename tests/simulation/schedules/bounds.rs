//! What is full: how much is taken without a quorum, and that all of it is confirmed afterwards.

use mesh_tests::sim::{Identity, World};

use super::{has_quorum, must_confirm_all, must_end_well, secs};

/// What a leader proposes at most without a quorum, as the documentation has it.
const UNDECIDED_BYTES: usize = 4 << 20;

#[test]
fn a_leader_without_a_quorum_proposes_four_mebibytes_and_no_more() {
    let mut world = World::new(1);
    world.give_disks(1.0);
    let places = world.group_of(9);
    world.run(secs(40));
    let voters: Vec<_> = places
        .iter()
        .copied()
        .filter(|place| world.mind(*place).is_some_and(|mind| mind.history().log().voters().contains(&mind.me().id)))
        .collect();
    assert_eq!(voters.len(), 7, "the others learn");
    voters[3..].iter().for_each(|place| world.restart(*place, Identity::Kept, secs(20)));
    world.run(secs(10));
    let leader = places[0];
    assert!(world.leader() == Some(leader) && !has_quorum(&world, leader));
    let mut refused = 0;
    for _ in 0..20 {
        // Five sessions of a megabyte each.
        for place in world.running() {
            refused += usize::from(world.say(place, 60_000).is_none());
        }
        world.run(secs(1) / 10);
    }
    assert!(refused > 0, "each session is full");
    let log = world.mind(leader).expect("it runs").history().log();
    assert!(log.is_full() && log.undecided_bytes() >= UNDECIDED_BYTES, "{}", log.undecided_bytes());
    assert!(log.undecided_bytes() < UNDECIDED_BYTES + 70_000, "{}", log.undecided_bytes());
    world.run(secs(15));
    must_end_well(&mut world);
    must_confirm_all(&mut world);
}
