//! A job that only ever runs on the leader of the moment, whoever asks for it.
//!
//! ```sh
//! cargo run --example leader_job -- jobs ann 9001              # founds the group `jobs`
//! cargo run --example leader_job -- jobs bob 9002 9001         # joins through it
//! ```
//!
//! A line of input is a job; an empty one asks how many members vote on what is confirmed: of three, any may die. Every member can do
//! jobs, and only the one that leads does. It prints what it does, and under which fence; whoever asked prints the answer. Kill
//! the leader, and the next one does what is asked for from then on.

use std::io::BufRead as _;

use bytes::Bytes;
use futures::future::{Either, select};
use futures::{StreamExt as _, channel::mpsc};
use node::{Address, Config, Job, Node, runtime};

/// This program's name for its request.
const JOB: &str = "job";

/// What the leader does. Were it to change something outside of the group, as a file that others write too, it would leave its fence
/// there, and do nothing where it finds a greater one.
async fn work(name: String, job: Job) -> Result<Bytes, String> {
    let what = String::from_utf8(job.bytes.to_vec()).map_err(|error| error.to_string())?;
    let fence: String = job.fence.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    println!("doing {what} under {fence}");
    if what == "nothing" { Err("there is nothing to do".into()) } else { Ok(format!("{what}: done by {name}").into()) }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [group, name, port, leaders @ ..] = arguments.as_slice() else {
        return Err("usage: leader_job GROUP NAME PORT [PORT OF A MEMBER]...".into());
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
    let name = name.clone();
    runtime::block_on(async move {
        let (node, mut events) = Node::start(config).await?;
        node.handle_requests(JOB, move |job| work(name.clone(), job)).await?;
        println!("ready");
        loop {
            match select(events.next(), lines.next()).await {
                Either::Left((Some(_), _)) => {}
                Either::Right((Some(line), _)) if line.is_empty() => println!("{} voters", node.status().await?.voters),
                Either::Right((Some(line), _)) => {
                    let node = node.clone();
                    runtime::spawn(async move {
                        match node.request(JOB, line.clone().into()).await {
                            Ok(answer) => println!("{}", String::from_utf8_lossy(&answer)),
                            Err(error) => println!("{line}: {error}"),
                        }
                    });
                }
                Either::Left((None, _)) | Either::Right((None, _)) => break,
            }
        }
        node.leave().await;
        Ok(())
    })
}
