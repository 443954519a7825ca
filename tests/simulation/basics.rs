//! The simulator itself, and what happens in peace.

use std::time::Duration;

use mesh_tests::sim::{Act, World};

#[test]
fn a_group_of_nine_comes_to_rest_and_hears_every_line() {
    let mut world = World::new(1);
    let places = world.group_of(9);
    for place in &places {
        world.say(*place, 10);
        world.ask(*place);
    }
    world.must_settle();
    assert_eq!(world.leader(), Some(places[0]));
    world.all_heard().unwrap();
}

#[test]
fn the_same_seed_gives_the_same_story_and_another_seed_another() {
    let story = |seed| {
        let mut world = World::new(seed);
        world.keep_trace();
        let places = world.group_of(5);
        world.perform(&Act::Crash(mesh_tests::sim::Whom::Leader));
        world.say(places[2], 10);
        world.run(Duration::from_secs(3));
        world.trace().tail(usize::MAX)
    };
    let first = story(7);
    assert!(first.lines().count() > 500, "{first}");
    assert!(first == story(7));
    assert!(first != story(8));
}
