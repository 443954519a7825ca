//! Random walks through spaces that are too large to be gone through: each from a seed, which is printed if it fails.

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use stateright::Model;

use crate::meeting::{Action, Meeting, World};

/// How often each kind of step is taken, beside the others.
fn weight(action: Action) -> u32 {
    match action {
        Action::Deliver(..) | Action::Written(_) => 12,
        Action::Wait | Action::Say(_) | Action::Yield(_) => 6,
        Action::Parts(_) | Action::Elect(_) | Action::Restart(_) | Action::TakeOver(_) => 3,
        Action::Sleep | Action::Crash(_) | Action::Hold(..) | Action::Release(..) | Action::Lose(..) => 2,
    }
}

/// First the kind of the step, then which of that kind.
fn choose(rng: &mut SmallRng, actions: &[Action]) -> Action {
    let mut kinds: Vec<(Vec<Action>, u32)> = Vec::new();
    for action in actions {
        let same = |of: &&mut (Vec<Action>, u32)| std::mem::discriminant(&of.0[0]) == std::mem::discriminant(action);
        match kinds.iter_mut().find(same) {
            Some((of, _)) => of.push(*action),
            None => kinds.push((vec![*action], weight(*action))),
        }
    }
    let mut at = rng.random_range(0..kinds.iter().map(|(_, weight)| weight).sum());
    for (of, weight) in kinds {
        if at < weight {
            return of[rng.random_range(0..of.len())];
        }
        at -= weight;
    }
    actions[0]
}

/// What a walk came to.
pub(crate) struct Walk {
    pub(crate) steps: Vec<Action>,
    pub(crate) last: World,
    pub(crate) broken: Option<&'static str>,
}

/// Takes so many steps from `start`, looks at each, and lets all heal then.
pub(crate) fn walk(space: &Meeting, start: &World, seed: u64, most: usize) -> Walk {
    let mut rng = SmallRng::seed_from_u64(seed);
    let (mut world, mut steps) = (start.clone(), Vec::new());
    while steps.len() < most {
        let mut actions = Vec::new();
        space.actions(&world, &mut actions);
        if actions.is_empty() {
            break;
        }
        let action = choose(&mut rng, &actions);
        steps.push(action);
        world = space.next_state(&world, action).unwrap_or(world);
        let broken = world.facts.broken.or((!space.is_diskless && !world.goes_on()).then_some(crate::GOES_ON));
        if broken.is_some() {
            return Walk { steps, last: world, broken };
        }
    }
    let broken = world.heal(space);
    Walk { steps, last: world, broken }
}

/// The same steps again, as far as each is possible.
fn again(space: &Meeting, start: &World, steps: &[Action]) -> Option<&'static str> {
    let mut world = start.clone();
    for step in steps {
        let mut actions = Vec::new();
        space.actions(&world, &mut actions);
        if !actions.contains(step) {
            continue;
        }
        world = space.next_state(&world, *step).unwrap_or(world);
        let broken = world.facts.broken.or((!space.is_diskless && !world.goes_on()).then_some(crate::GOES_ON));
        if broken.is_some() {
            return broken;
        }
    }
    world.heal(space)
}

/// As few of the steps as still break the same.
pub(crate) fn reduce(space: &Meeting, start: &World, steps: &[Action], broken: &'static str) -> Vec<Action> {
    let mut steps = steps.to_vec();
    let mut size = steps.len() / 2;
    while size > 0 {
        let mut at = 0;
        while at < steps.len() {
            let less: Vec<Action> =
                steps.iter().enumerate().filter(|(n, _)| *n < at || at + size <= *n).map(|(_, step)| *step).collect();
            if again(space, start, &less) == Some(broken) {
                steps = less;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    steps
}
