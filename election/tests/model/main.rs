//! The election, model-checked.
mod group;
mod links;
mod peer;
mod properties;
mod relative;
mod start;
mod wire;
mod world;

use std::time::Instant;

use group::{Bounds, Group};
use start::Start;
use stateright::{Checker, Model};

pub(crate) type Id = u8;
pub(crate) const PEERS_MAX: usize = 4;

#[test]
fn probe() {
    let v: Vec<u64> = std::env::var("B").unwrap().split(',').map(|x| x.parse().unwrap()).collect();
    for start in [Start::Settled, Start::Outranked, Start::Apart, Start::Leaderless] {
        let b = Bounds { peers: v[0] as u8, epochs: v[1], moments: v[2] as u8, faults: v[3] as u8 };
        let t = Instant::now();
        let c = Group::new(start, b).checker().threads(2).spawn_dfs().join();
        println!(
            "{start:?} {b:?}: {} states, {} generated, depth {}, {:?}",
            c.unique_state_count(),
            c.state_count(),
            c.max_depth(),
            t.elapsed()
        );
        let d = c.discoveries();
        for p in properties::all() {
            let hit = d.contains_key(p.name);
            println!("   {hit} {}", p.name);
        }
        for name in properties::ALWAYS {
            if let Some(p) = d.get(name) {
                println!("{name}: {:#?}", p.clone().into_actions());
            }
        }
    }
}
