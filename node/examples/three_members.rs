//! Three members of one group inside one program: they chat, the leader leaves, the next one leads.
//!
//! ```sh
//! cargo run --example three_members
//! ```
//!
//! A real program runs one member, and gives it the address of any other:
//! `config.leaders.push("host:8000".parse()?)`.

use std::error::Error;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use node::{Address, Config, Event, Events, Node, runtime};

fn main() -> Result<(), Box<dyn Error>> {
    runtime::block_on(async {
        let (alice, _) = start("alice", None).await?;
        let (bob, _) = start("bob", Some(alice.address())).await?;
        let (carol, mut events) = start("carol", Some(bob.address())).await?;

        // To everyone, also to those that are away for the moment; and to one alone.
        alice.say("Who leads here?").await?;
        let told = bob.msg("carol", "It is alice: she was first.").await?;
        println!("carol's peer has acknowledged it: {}", told.delivered);

        // To whoever can be reached now, at most once, kept nowhere.
        bob.cast(Bytes::from_static(b"a reading of some sensor")).await?;

        for member in carol.members().await?.members {
            println!("{} at {}{}", member.name, member.address, if member.leader { ", leading" } else { "" });
        }

        alice.leave().await;
        let led_by_bob = |event: &Event| matches!(event, Event::Leader(Some(leader)) if leader.id == bob.id());
        show_until(&mut events, led_by_bob).await?;

        carol.leave().await;
        bob.leave().await;
        Ok(())
    })
}

async fn start(name: &str, through: Option<&Address>) -> Result<(Node, Events), Box<dyn Error>> {
    let mut config = Config::new(name.parse()?);
    config.group = "three-members".into();
    config.leaders.extend(through.cloned());
    Ok(Node::start(config).await?)
}

/// Prints what a member hears, up to an event.
async fn show_until(events: &mut Events, last: impl Fn(&Event) -> bool) -> Result<(), Box<dyn Error>> {
    loop {
        let next = runtime::timeout(Duration::from_secs(10), events.next()).await;
        let event = next.flatten().ok_or("the event did not come in 10 s")?;
        match &event {
            Event::Message(message) => println!("[{}] {}", message.from, message.text),
            Event::Private(private) => println!("[{} -> you] {}", private.from, private.text),
            Event::Cast { bytes, .. } => println!("cast: {} bytes", bytes.len()),
            Event::Leader(Some(leader)) => println!("{} leads: {}", leader.name, leader.reason),
            Event::Left { name, .. } => println!("{name} has left"),
            _ => {}
        }
        if last(&event) {
            return Ok(());
        }
    }
}
