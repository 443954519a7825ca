//! What neighbours tell each other of links.

use serde::{Deserialize, Serialize};

use crate::control::Farewell;
use crate::peer::{Incarnation, PeerId, PeerInfo};

/// A message between two neighbours, who are linked.
///
/// ```text
///  X                        N                        W
///  |-- Greeting (a new link)>|                        |
///  |-- States (if they met)->|                        |
///  |-- Changes ------------->|-- Changes, unless ---->|
///  |                         |   X or N has told W    |
///  |<- Pull (a gap) ---------|                        |
///  |-- States -------------->|                        |
///  |-- Versions (tables ---->|                        |
///  |   differ for too long)  |                        |
///  |<- States, Pull ---------|                        |
/// ```
///
/// The order of the variants is part of the protocol between peers: it changes with its version only.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub enum Message {
    /// First of all over a new link: the sender's own links as they are, under the version that it told of last. It is not passed
    /// on: the sender's change follows, and if the sender was out of reach until then, its whole state is passed on instead of that.
    Greeting(LinkState),
    /// Whole states: soon after a greeting, if the receiver was out of reach until then, of everybody whom the sender reaches and that
    /// is not linked to the receiver; and as an answer. Newer ones replace older ones, and are passed on.
    States(Vec<LinkState>),
    /// What changed since a version that the receiver should have. Passed on, if it was news; who lacks the version it starts
    /// from answers `Pull`.
    Changes(Vec<Change>),
    /// Which states the sender has of all that it reaches, because the receiver's table has differed from its own for too long.
    /// The receiver answers with `States` that are newer or missing here, and with `Pull` for those that it lacks itself.
    Versions(Vec<Version>),
    /// Asks for the whole states of these; answered by `States`.
    Pull(Vec<PeerId>),
}

/// Whom one peer is linked to.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LinkState {
    /// Which peer, in which run.
    pub peer: PeerInfo,
    /// Counts the states of that run.
    pub version: u64,
    /// To whom it has a link that proves itself, as far as it knows.
    pub neighbours: Vec<PeerId>,
    /// Why this is the last state of that run, if it is.
    pub farewell: Option<Farewell>,
}

/// What changed in one peer's links.
///
/// It makes version `to` of any version from `from` on, for it names every link that came or went since `from`.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Change {
    /// Whose links.
    pub peer: PeerId,
    /// In which run.
    pub incarnation: Incarnation,
    /// The oldest version that this applies to.
    pub from: u64,
    /// The version that it makes.
    pub to: u64,
    /// To whom there is a link, or is none any longer.
    pub links: Vec<(PeerId, bool)>,
}

/// Which state of one peer somebody has.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Version {
    /// Which peer.
    pub peer: PeerId,
    /// In which run.
    pub incarnation: Incarnation,
    /// Which of the states of that run.
    pub version: u64,
}

/// What stands before a message that does not travel over a link of its sender and its receiver.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Relay {
    /// Who sent it.
    pub from: PeerId,
    /// In which run.
    pub incarnation: Incarnation,
    /// Whom it is for.
    pub to: PeerId,
    /// Over how many more links it may go.
    pub hops: u8,
}
