//! What must hold when the faults are over.

use super::super::*;
use super::process::Process;
use super::world::World;

/// How long a member of highest rank that fell often may be held back beyond the thirty seconds.
const LONGEST_HOLD: Duration = Duration::from_secs(65);

/// The most messages that each member of a group at rest sends to each other one in a second.
const FRAMES: u64 = 12;

pub(super) fn all(world: &mut World) {
    for part in parts(world) {
        if !is_led_by_the_highest(world, &part) {
            world.run(LONGEST_HOLD);
        }
        assert!(is_led_by_the_highest(world, &part), "the highest leads: {}", view(world, &part));
        agreed(world, &part);
        told(world, &part);
        heard(world, &part);
    }
    world.record.check_answers(&world.processes, world.now.instant);
    assert_eq!(world.record.unanswered, 0, "requests without an answer in peace");
    let newcomer = world.processes.values().any(|process| process.group.name.as_str() == "newcomer");
    assert!(!world.processes.values().any(Process::is_member) || newcomer, "a newcomer is admitted within seconds");
}

/// At rest little is said: heartbeats, digests, and versions compared.
pub(super) fn few_frames(world: &World, frames: u64, seconds: u64) {
    let peers = world.processes.len() as u64;
    assert!(frames <= FRAMES * seconds * peers * peers, "{frames} messages of {peers} peers in {seconds} s of peace");
}

/// The processes that are linked with each other, directly or not.
fn parts(world: &World) -> Vec<Vec<PeerId>> {
    let mut left: BTreeSet<PeerId> = world.processes.keys().copied().collect();
    let mut parts = Vec::new();
    while let Some(first) = left.pop_first() {
        let mut part = vec![first];
        let mut at = 0;
        while let Some(peer) = part.get(at).copied() {
            at += 1;
            let linked: Vec<_> = left.iter().copied().filter(|other| world.is_linked(peer, *other)).collect();
            linked.iter().for_each(|other| {
                left.remove(other);
            });
            part.extend(linked);
        }
        parts.push(part);
    }
    parts
}

fn processes<'a>(world: &'a World, part: &'a [PeerId]) -> impl Iterator<Item = (PeerId, &'a Process)> {
    part.iter().map(|id| (*id, &world.processes[id]))
}

fn is_led_by_the_highest(world: &World, part: &[PeerId]) -> bool {
    let ranks = processes(world, part).filter_map(|(_, process)| process.group.bully.rank());
    let highest = ranks.max().map(|rank| rank.peer);
    processes(world, part).all(|(_, process)| process.group.leader().map(|leader| leader.id) == highest)
}

fn view(world: &World, part: &[PeerId]) -> String {
    let line = |(id, process): (PeerId, &Process)| {
        let group = &process.group;
        let roster = group.roster.as_ref().map(|roster| {
            let members: Vec<_> = roster
                .by_seniority()
                .iter()
                .map(|(peer, entry)| (*peer, entry.name.clone(), entry.seniority))
                .collect();
            (roster.version, members)
        });
        let leader = group.leader().map(|leader| (leader.id, leader.epoch));
        format!("\n{id} {} {:?} leader {leader:?} roster {roster:?}", group.name, group.stage)
    };
    processes(world, part).map(line).collect()
}

/// The same roster everywhere, of exactly those that live; everybody linked with everybody.
fn agreed(world: &World, part: &[PeerId]) {
    let living: BTreeSet<_> = part.iter().copied().collect();
    let leader = world.processes[&part[0]].group.leader().map(|leader| (leader.id, leader.epoch));
    let roster = world.processes[&part[0]].group.roster.as_ref();
    for (id, process) in processes(world, part) {
        let group = &process.group;
        let all = || view(world, part);
        assert!(matches!(group.stage, Stage::Member), "{id} is no member: {}", all());
        assert_eq!(group.leader().map(|leader| (leader.id, leader.epoch)), leader, "leader at {id}: {}", all());
        assert_eq!(group.roster.as_ref(), roster, "roster at {id}: {}", all());
        let members: BTreeSet<_> = group.members().iter().map(|member| member.id).collect();
        assert_eq!(members, living, "members at {id}: {}", all());
        let others: Vec<_> = living.iter().copied().filter(|peer| *peer != id).collect();
        assert_eq!(group.partners(), others, "partners at {id}: {}", all());
        assert_eq!(group.roster.as_ref().map(|roster| roster.members().count()), Some(living.len()), "{}", all());
        let entry = group.roster.as_ref().and_then(|roster| roster.entry(id));
        assert_eq!(entry.map(|entry| &entry.name), Some(&group.name), "own name at {id}");
    }
    let names: BTreeSet<_> = roster.into_iter().flat_map(Roster::members).map(|(_, entry)| entry.name.key()).collect();
    assert_eq!(names.len(), living.len(), "two have the same name");
}

/// What the owners were told adds up to what is.
fn told(world: &World, part: &[PeerId]) {
    for (id, process) in processes(world, part) {
        let members: BTreeMap<_, _> =
            process.group.members().into_iter().map(|member| (member.id, member.name)).collect();
        assert_eq!(process.owner.here, members, "what {id} was told");
        let leader = |leader: Option<&Leader>| leader.map(|leader| (leader.id, leader.epoch));
        assert_eq!(leader(process.owner.leader.as_ref()), leader(process.group.leader()), "leader told to {id}");
    }
}

/// Every line of a survivor, or shown to one, is shown to all survivors that were members when it was said; save what
/// they were told to have missed, because nobody that they could reach for seconds had it.
fn heard(world: &World, part: &[PeerId]) {
    let mut missed: BTreeMap<PeerId, Vec<MessageId>> = BTreeMap::new();
    for said in &world.record.said {
        let shown = |id: &PeerId| world.processes[id].owner.shown.contains_key(&said.id);
        if part.contains(&said.author) || part.iter().any(shown) {
            for hearer in said.hearers.iter().filter(|id| part.contains(id) && !shown(id)) {
                missed.entry(*hearer).or_default().push(said.id);
            }
        }
    }
    for (id, lines) in missed {
        assert!(lines.len() as u64 <= world.processes[&id].owner.skipped, "{id} missed {lines:?}");
    }
}
