//! What the owner asks for, and its answers.

use bytes::Bytes;
use futures::channel::oneshot;
use history::{Index, MessageId};
use transport::PeerId;

use super::Driver;
use crate::api::{
    AppendError, AskError, CalcError, Delivery, HistoryError, Link, Members, MsgError, Page, ProposeError,
    RequestError, Row, ServeError, Status, TakeoverError, VoteError,
};
use crate::event::{Entry, Leader, Member};
use crate::group::{HistoryQuery, Now, Output};
use crate::jobs::Handler;
use crate::name::Name;
use crate::proposals::{Proposal, ProposalState};

/// What the owner asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Msg { to: String, text: String, reply: oneshot::Sender<Result<Delivery, MsgError>> },
    Members(oneshot::Sender<Result<Members, RequestError>>),
    Leader(oneshot::Sender<Option<Leader>>),
    Status(oneshot::Sender<Status>),
    Append { kind: u16, bytes: Bytes, reply: oneshot::Sender<Result<Index, AppendError>> },
    History { query: HistoryQuery, reply: oneshot::Sender<Result<Page, HistoryError>> },
    Entries { from: Index, most: usize, reply: oneshot::Sender<Result<Vec<Entry>, HistoryError>> },
    Applied { index: Index, reply: oneshot::Sender<()> },
    Takeover { lost: Vec<String>, reply: oneshot::Sender<Result<(), TakeoverError>> },
    Leave(oneshot::Sender<()>),
    Calc { expression: String, reply: oneshot::Sender<Result<f64, CalcError>> },
    Request { name: String, bytes: Bytes, reply: oneshot::Sender<Result<Bytes, AskError>> },
    Serve { name: String, handler: Handler, reply: oneshot::Sender<Result<(), ServeError>> },
    Propose { text: String, reply: oneshot::Sender<Result<MessageId, ProposeError>> },
    Vote { proposal: MessageId, consent: bool, reply: oneshot::Sender<Result<ProposalState, VoteError>> },
    Proposals(oneshot::Sender<Vec<Proposal>>),
}

/// Who waits for the answer to a request.
pub(super) enum Asker {
    Members(oneshot::Sender<Result<Members, RequestError>>),
    Calc(oneshot::Sender<Result<f64, CalcError>>),
    Request(oneshot::Sender<Result<Bytes, AskError>>),
    Propose(oneshot::Sender<Result<MessageId, ProposeError>>),
    Vote(oneshot::Sender<Result<ProposalState, VoteError>>),
}

impl Driver {
    pub(super) fn handle_command(&mut self, command: Command, now: Now) {
        match command {
            Command::Msg { to, text, reply } => match self.group.msg(&to, text, now) {
                Ok(id) => {
                    self.deliveries.insert(id, reply);
                }
                Err(error) => {
                    let _ = reply.send(Err(error));
                }
            },
            Command::Members(reply) => {
                let id = self.number(Asker::Members(reply));
                self.group.request_members(id, now);
            }
            Command::Leader(reply) => {
                let _ = reply.send(self.group.leader().cloned());
            }
            Command::Status(reply) => {
                let _ = reply.send(self.status());
            }
            Command::Append { kind, bytes, reply } => match self.group.append(kind, bytes, now) {
                Ok(id) => drop(self.appends.insert(id, reply)),
                Err(full) => drop(reply.send(Err(full.into()))),
            },
            Command::History { query, reply } => self.look_up(query, reply),
            Command::Entries { from, most, reply } => self.read_entries(from, most, reply),
            Command::Applied { index, reply } if self.group.confirmed() >= index.number() => drop(reply.send(())),
            Command::Applied { index, reply } => self.reads.entry(index).or_default().push(reply),
            Command::Takeover { lost, reply } => drop(reply.send(self.group.takeover(&lost, now))),
            Command::Calc { expression, reply } => {
                let id = self.number(Asker::Calc(reply));
                self.group.calc(id, expression, now);
            }
            Command::Request { name, bytes, reply } => {
                let id = self.number(Asker::Request(reply));
                self.group.request(id, name, bytes, now);
            }
            Command::Serve { name, handler, reply } => drop(reply.send(self.jobs.serve(name, handler))),
            Command::Propose { text, reply } => {
                let id = self.number(Asker::Propose(reply));
                self.group.propose(id, text, now);
            }
            Command::Vote { proposal, consent, reply } => {
                let id = self.number(Asker::Vote(reply));
                self.group.vote(id, proposal, consent, now);
            }
            Command::Proposals(reply) => drop(reply.send(self.group.proposals())),
            Command::Leave(reply) => {
                self.leaving.push(reply);
                self.group.leave(now);
            }
        }
    }

    /// The number of a request, by which its answer is known.
    fn number(&mut self, asker: Asker) -> u64 {
        let id = self.next_request;
        self.next_request += 1;
        self.requests.insert(id, asker);
        id
    }

    /// Tells whoever waits for it. Whoever waits no longer wants no answer.
    pub(super) fn answer(&mut self, output: Output) {
        let (Output::Members(id, _)
        | Output::Calculated(id, _)
        | Output::Requested(id, _)
        | Output::Proposed(id, _)
        | Output::Voted(id, _)) = &output
        else {
            return;
        };
        match (self.requests.remove(id), output) {
            (Some(Asker::Members(reply)), Output::Members(_, answer)) => drop(reply.send(answer)),
            (Some(Asker::Calc(reply)), Output::Calculated(_, answer)) => drop(reply.send(answer)),
            (Some(Asker::Request(reply)), Output::Requested(_, answer)) => drop(reply.send(answer)),
            (Some(Asker::Propose(reply)), Output::Proposed(_, answer)) => drop(reply.send(answer)),
            (Some(Asker::Vote(reply)), Output::Voted(_, answer)) => drop(reply.send(answer)),
            _ => {}
        }
    }

    fn status(&self) -> Status {
        let members = self.group.members();
        let named = |id: PeerId| members.iter().find(|member| member.id == id).map(|member| member.name.clone());
        let links = self.mesh.links().into_iter().filter_map(|link| {
            // One that is a member nowhere yet may pass something on as well.
            let through = link.through.map(|id| named(id).unwrap_or_else(|| Name::of_stranger(id)));
            Some(Link { id: link.peer.id, name: named(link.peer.id)?, through, round_trip: link.round_trip })
        });
        let edges = self.mesh.edges();
        let linked = |one: &Member, other: &Member| edges.get(&one.id).is_some_and(|edges| edges.contains(&other.id));
        let reached = || members.iter().filter(|member| edges.contains_key(&member.id));
        let row =
            |one: &Member| Row { name: one.name.clone(), linked: reached().map(|other| linked(one, other)).collect() };
        Status {
            links: links.collect(),
            mesh: reached().map(row).collect(),
            leader: self.group.leader().cloned(),
            epoch: self.group.epoch(),
            members: members.len(),
            confirmed: self.group.confirmed(),
            unconfirmed: self.group.unconfirmed(),
            voters: self.group.voters(),
            quorum: self.group.has_quorum(),
            missing: self.group.missing_voters(),
        }
    }
}
