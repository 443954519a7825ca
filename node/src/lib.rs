//! A member of a group chat with no server, to run inside a program.
//!
//! Every member is linked to every other over TCP; the highest-ranked live one leads; kill any of them, the leader included,
//! and the conversation goes on. [`Node::start`] makes a member; the handle says, asks and leaves; the [`Events`] tell what
//! happens. The program `node` is this library with a console, or JSON, in front.
//!
//! ```
//! use futures::StreamExt;
//! use node::{Config, Event, Node, runtime};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! runtime::block_on(async {
//!     let (alice, _) = Node::start(Config::new("alice".parse()?)).await?;
//!     let mut config = Config::new("bob".parse()?);
//!     config.leaders.push(alice.address().clone());
//!     let (bob, mut events) = Node::start(config).await?;
//!     alice.say("hello, bob").await?;
//!     while let Some(event) = events.next().await {
//!         if let Event::Message(message) = event {
//!             assert_eq!((message.from.as_str(), &*message.text), ("alice", "hello, bob"));
//!             break;
//!         }
//!     }
//!     bob.leave().await;
//!     # alice.leave().await;
//!     # Ok(())
//! })
//! # }
//! ```
//!
//! # What it never does
//!
//! It never starts a thread or a process of its own beside the runtime's, never writes to a file or a terminal, and never
//! waits for a slow member: that one's queue is bounded, and it catches up when it is back.

mod api;
mod calc;
mod casts;
mod config;
mod disk;
mod driver;
mod event;
mod gateway;
pub mod group;
mod jobs;
pub mod lock;
mod mailbox;
mod name;
mod node;
mod presence;
mod proposals;
mod roster;
mod store;
pub mod text;
mod timestamp;
mod wire;

pub use api::{
    AppendError, AskError, BacklogFull, CalcError, CastError, Delivery, Ended, Fence, GuestError, GuestRefusal,
    HistoryError, Job, Line, Link, Members, MsgError, NameRefusal, Page, ProposeError, RequestError, Row, SayError,
    ServeError, StartError, Status, TakeoverError, VoteError,
};
pub use calc::ExpressionError;
pub use config::{Config, ConfigError};
pub use event::{ByeReason, Entry, Event, Leader, LeftReason, Member, Message, Private, Via};
pub use group::HistoryQuery;
pub use history::{Index, MessageId};
pub use mailbox::Events;
pub use name::{Name, NameError};
pub use node::Node;
pub use proposals::{Proposal, ProposalState};
pub use store::{Aside, OpenError};
pub use timestamp::Timestamp;
pub use transport::{Address, PeerId, runtime};
