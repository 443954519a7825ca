//! Every rule that is switched off is noticed. (That each checker sees a forged story is tested beside it.)

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use mesh_tests::invariants::cost;
use mesh_tests::sim::{Identity, Mutation, Place, Rule, TIMEOUT, World};
use transport::PeerId;

const SECOND: Duration = Duration::from_secs(1);

/// What an invariant says of a group of five that lives with a rule switched off.
fn noticed(mutation: impl FnOnce(&World) -> Mutation, story: impl FnOnce(&mut World)) -> String {
    let mut world = World::new(1);
    world.fail_quietly();
    world.give_disks(1.0);
    world.group_of(5);
    let mutation = mutation(&world);
    world.mutate(mutation);
    let failure = catch_unwind(AssertUnwindSafe(|| story(&mut world))).expect_err("nobody notices");
    let story = failure.downcast::<String>().expect("the story of a failure");
    story.trim_end().lines().last().unwrap_or_default().to_owned()
}

#[test]
fn one_sided_edges_are_noticed_by_i16() {
    let what = noticed(
        |world| Mutation::OneSidedEdges(world.running()[2]),
        |world| {
            let places = world.running();
            world.rules(Rule::split(&places[..1], &places[1..], Duration::ZERO..SECOND * 30));
            world.run(SECOND * 20);
        },
    );
    assert!(what.contains("reach"), "{what}");
}

#[test]
fn a_missing_check_of_the_incarnation_is_noticed_by_the_owners() {
    let what = noticed(
        |_| Mutation::SameIncarnation,
        |world| {
            let (places, before) = (world.running(), world.commotion());
            world.restart_after_power_cut(places[3], Identity::Kept, Duration::from_millis(100));
            world.run(SECOND * 12);
            world.must_settle();
            if world.commotion()[&places[1]].0 == before[&places[1]].0 {
                world.fail("nobody was told of its end");
            }
        },
    );
    assert!(what.contains("nobody was told"), "{what}");
}

#[test]
fn a_missing_self_suspicion_is_noticed() {
    let what = noticed(
        |_| Mutation::Unsuspecting,
        |world| {
            let places = world.running();
            world.pause(places[0]);
            world.run(TIMEOUT * 2);
            world.resume(places[0]);
            if world.mind(places[0]).is_some_and(|mind| mind.believes_to_lead()) {
                world.fail("who was stopped leads on");
            }
        },
    );
    assert!(what.contains("leads on"), "{what}");
}

#[test]
fn an_acknowledgement_before_the_disk_has_it_is_noticed_by_i5() {
    let what = noticed(
        |_| Mutation::NoFsync,
        |world| {
            world.run(SECOND * 20);
            let places = world.running();
            world.say(places[0], 10);
            world.run(Duration::from_millis(1));
            world.restart_after_power_cut(places[0], Identity::Kept, SECOND);
            world.run(SECOND * 12);
        },
    );
    assert!(what.contains("not on its disk"), "{what}");
}

#[test]
fn digests_that_are_not_exchanged_are_noticed_by_i8() {
    let what = noticed(
        |_| Mutation::Swallow("Digest"),
        |world| {
            let places = world.running();
            // All five vote, and the two that are left cannot confirm: what is said comes by no log.
            world.run(SECOND * 20);
            places[2..].iter().for_each(|place| world.crash(*place));
            world.rules(Rule::split(&places[..1], &places[1..2], Duration::ZERO..SECOND * 4));
            world.run(SECOND * 2);
            world.say(places[0], 10);
            world.run(SECOND * 30);
        },
    );
    assert!(what.contains("was not shown line"), "{what}");
}

#[test]
fn heartbeats_that_are_not_sent_are_noticed_by_i9() {
    let what = noticed(
        |_| Mutation::Swallow("Heartbeat"),
        |world| {
            world.run(SECOND * 10);
            world.must_settle();
        },
    );
    assert!(what.contains("no rest") || what.contains("moved"), "{what}");
}

#[test]
fn rosters_that_do_not_follow_are_noticed_by_i9() {
    let what = noticed(
        |_| Mutation::Swallow("Roster"),
        |world| {
            let places = world.running();
            world.mutate(Mutation::Swallow("Change"));
            world.crash(places[4]);
            world.must_settle();
        },
    );
    assert!(what.contains("no rest"), "{what}");
}

#[test]
fn a_claim_that_is_told_twice_is_noticed_by_i14() {
    let what = noticed(
        |_| Mutation::Double("Coordinator"),
        |world| {
            world.run(SECOND * 2);
            world.forget_counts();
            world.crash(world.running()[0]);
            world.settle();
            if let Err(what) = cost::check(&world.counters().messages, 4) {
                world.fail(&what);
            }
        },
    );
    assert!(what.contains("uncontested"), "{what}");
}

/// A group of which the second has a gateway, and that gateway a user.
fn with_guest(world: &mut World) -> (Place, PeerId) {
    let places = world.running();
    world.admit_guest_as(places[1], "dora");
    world.run(SECOND);
    world.guests()[0]
}

#[test]
fn a_guests_line_in_its_hosts_name_is_noticed_by_the_authors() {
    let what = noticed(
        |_| Mutation::HostSpeaks,
        |world| {
            let dora = with_guest(world);
            world.say_as(dora, 10);
            world.run(SECOND);
        },
    );
    assert!(what.contains("was said"), "{what}");
}

#[test]
fn a_guest_that_took_something_unbeknown_to_its_host_is_noticed_by_the_privates() {
    let what = noticed(
        |_| Mutation::Unacknowledged,
        |world| {
            with_guest(world);
            world.msg_to(world.running()[0], "dora");
            world.run(SECOND * 3);
        },
    );
    assert!(what.contains("is shown twice"), "{what}");
}

#[test]
fn answers_to_requests_that_are_not_sent_are_noticed() {
    let mut world = World::new(1);
    let places = world.group_of(5);
    world.mutate(Mutation::Swallow("Response"));
    world.ask(places[4]);
    world.run(SECOND * 6);
    assert_eq!(world.invariants().requests.answers, (0, 1));
}
