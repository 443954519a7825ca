//! Whole members on loopback, where only the loop shows.

use futures::StreamExt;

use super::*;
use crate::node::Node;

#[test]
fn a_leader_whose_handle_is_dropped_hands_over_like_one_that_leaves() {
    runtime::block_on(async {
        let (alice, _) = Node::start(Config::new("alice".parse().unwrap())).await.unwrap();
        let mut config = Config::new("bob".parse().unwrap());
        config.leaders.push(alice.address().clone());
        let (bob, mut events) = Node::start(config).await.unwrap();
        drop(alice);
        let dropped = Instant::now();
        while let Some(event) = events.next().await {
            if let Event::Leader(Some(leader)) = event
                && leader.me
            {
                assert!(leader.reason.contains("handed over"), "{}", leader.reason);
                break;
            }
        }
        assert!(dropped.elapsed() < Duration::from_millis(350), "{:?}", dropped.elapsed());
        bob.leave().await;
    });
}
