//! Prints what groups of growing sizes take, simulated, as CSV: `cargo run --release -p mesh-tests --bin sim_scale [PEERS]...`.
//!
//! Times are simulated milliseconds: `join_ms` from the moment at which all but the founder start until all are members that follow
//! it, `rest_ms` until, further, all are linked and have one roster, `agree_ms` from the leader's end until all agree on the next.
//! `join_*` and `agree_*` are messages sent meanwhile by all together; of `join_links` all that follow from it. A thousand
//! take half an hour and 6 GiB; name sizes to have others.

use mesh_tests::sim::Scale;

const SIZES: [usize; 12] = [3, 5, 7, 10, 20, 30, 50, 70, 100, 200, 300, 1000];

fn main() {
    let asked: Vec<usize> = std::env::args().skip(1).filter_map(|peers| peers.parse().ok()).collect();
    let sizes = if asked.is_empty() { SIZES.to_vec() } else { asked };
    println!(
        "peers,agree_ms,agree_elections,agree_links,agree_rest,join_ms,rest_ms,join_elections,join_heartbeats,join_links,join_rest"
    );
    for peers in sizes {
        let scale = Scale::run(peers, 1);
        let (join, agree) = (scale.join_messages, scale.agree_messages);
        let ms = |time: std::time::Duration| time.as_millis();
        println!(
            "{peers},{},{},{},{},{},{},{},{},{},{}",
            ms(scale.agree),
            agree.elections,
            agree.links,
            agree.rest,
            ms(scale.join),
            ms(scale.rest),
            join.elections,
            join.heartbeats,
            join.links,
            join.rest
        );
    }
}
