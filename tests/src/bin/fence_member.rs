//! A member whose leader answers with its fence: `fence_member GROUP NAME PORT [PORT OF A MEMBER]...`.
//!
//! A line of input is a question: `LINE: FENCE` is printed, in hexadecimal, or `LINE: no: REASON`. An empty line prints `N voters`, and
//! `takeover NAME...` takes over from these.

use std::error::Error;
use std::io::BufRead as _;

use bytes::Bytes;
use futures::future::{Either, select};
use futures::{StreamExt as _, channel::mpsc};
use node::{Address, Config, Job, Node, runtime};

/// The name of the question.
const FENCE: &str = "fence";

async fn answer(job: Job) -> Result<Bytes, String> {
    Ok(job.fence.to_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<String>().into())
}

async fn done(node: Node, line: String) -> String {
    if line.is_empty() {
        return node
            .status()
            .await
            .map_or_else(|error| error.to_string(), |status| format!("{} voters", status.voters));
    }
    if let Some(lost) = line.strip_prefix("takeover ") {
        let taken = node.takeover(lost.split(' ').map(str::to_owned).collect()).await;
        return taken.map_or_else(|error| format!("{line}: no: {error}"), |()| format!("{line}: done"));
    }
    match node.request(FENCE, line.clone().into()).await {
        Ok(fence) => format!("{line}: {}", String::from_utf8_lossy(&fence)),
        Err(error) => format!("{line}: no: {error}"),
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [group, name, port, members @ ..] = arguments.as_slice() else {
        return Err("usage: fence_member GROUP NAME PORT [PORT OF A MEMBER]...".into());
    };
    let mut config = Config::new(name.parse()?);
    config.group.clone_from(group);
    config.port = port.parse()?;
    for port in members {
        config.leaders.push(format!("localhost:{port}").parse::<Address>()?);
    }
    let (typed, mut lines) = mpsc::unbounded();
    std::thread::spawn(move || {
        let lines = std::io::stdin().lock().lines().map_while(Result::ok);
        lines.take_while(|line| typed.unbounded_send(line.clone()).is_ok()).for_each(drop);
    });
    runtime::block_on(async move {
        let (node, mut events) = Node::start(config).await?;
        node.handle_requests(FENCE, answer).await?;
        println!("ready");
        loop {
            match select(events.next(), lines.next()).await {
                Either::Left((Some(_), _)) => {}
                Either::Right((Some(line), _)) => {
                    let node = node.clone();
                    runtime::spawn(async move { println!("{}", done(node, line).await) });
                }
                Either::Left((None, _)) | Either::Right((None, _)) => return Ok(()),
            }
        }
    })
}
