//! A counter that every member has, and that stays right whoever is killed.
//!
//! ```sh
//! cargo run --example counter -- votes ann 9001              # founds the group `votes`
//! cargo run --example counter -- votes bob 9002 9001         # joins through it
//! ```
//!
//! A line of input is a number to add; an empty one asks how many members vote on what is confirmed: of three, any may die.
//! Each change is an entry of the group's history: it is confirmed once, in one order, by a quorum; so all members that have
//! read as far have the same value. A member that joins later reads it all again.

use std::io::BufRead as _;

use bytes::Bytes;
use futures::future::{Either, select};
use futures::{StreamExt as _, channel::mpsc};
use node::{Address, Config, Event, Index, Node, runtime};

/// This program's word for its entries; others of the same group may have others.
const ADD: u16 = 1;

/// What the history amounts to, up to a place.
#[derive(Default)]
struct Counter {
    value: i64,
    /// The last place that is in it.
    read: u64,
}

impl Counter {
    /// Reads on from where it is.
    async fn read_on(&mut self, node: &Node) -> Result<(), Box<dyn std::error::Error>> {
        while let Some(next) = Index::new(self.read + 1) {
            let entries = node.entries(next, 1_000).await?;
            let Some(last) = entries.last() else { break };
            self.read = last.index.number();
            for entry in entries.iter().filter(|entry| entry.kind == ADD) {
                if let Ok(bytes) = <[u8; 8]>::try_from(&*entry.bytes) {
                    self.value += i64::from_be_bytes(bytes);
                }
            }
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [group, name, port, leaders @ ..] = arguments.as_slice() else {
        return Err("usage: counter GROUP NAME PORT [PORT OF A MEMBER]...".into());
    };
    let mut config = Config::new(name.parse()?);
    config.group.clone_from(group);
    config.port = port.parse()?;
    for port in leaders {
        config.leaders.push(format!("localhost:{port}").parse::<Address>()?);
    }
    let (typed, mut lines) = mpsc::unbounded();
    std::thread::spawn(move || {
        let lines = std::io::stdin().lock().lines().map_while(Result::ok);
        lines.take_while(|line| typed.unbounded_send(line.clone()).is_ok()).for_each(drop);
    });
    runtime::block_on(async move {
        let (node, mut events) = Node::start(config).await?;
        let mut counter = Counter::default();
        loop {
            match select(events.next(), lines.next()).await {
                Either::Left((Some(Event::Entry(_) | Event::Lagged { .. }), _)) => {
                    let before = counter.read;
                    counter.read_on(&node).await?;
                    if before < counter.read {
                        println!("{} (#{})", counter.value, counter.read);
                    }
                }
                // A takeover was wrong: what was read from there on has lost its place.
                Either::Left((Some(Event::Unconfirmed { .. }), _)) => {
                    counter = Counter::default();
                    counter.read_on(&node).await?;
                }
                Either::Left((Some(_), _)) => {}
                Either::Right((Some(line), _)) if line.trim().is_empty() => {
                    println!("{} voters", node.status().await?.voters);
                }
                Either::Right((Some(line), _)) => match line.trim().parse::<i64>() {
                    Ok(number) => {
                        let node = node.clone();
                        // Resolves when it is confirmed: until then others may be changing the counter too.
                        runtime::spawn(async move {
                            if let Err(error) = node.append(ADD, Bytes::copy_from_slice(&number.to_be_bytes())).await {
                                eprintln!("not added: {error}");
                            }
                        });
                    }
                    Err(error) => eprintln!("not a number: {error}"),
                },
                Either::Left((None, _)) | Either::Right((None, _)) => break,
            }
        }
        node.leave().await;
        Ok(())
    })
}
