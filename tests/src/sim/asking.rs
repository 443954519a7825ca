//! What the owners of processes ask of the leader, propose, and vote on.

use std::time::Duration;

use node::ProposalState;
use node::group::{Done, Task};

use super::Place;
use super::peer::Input;
use super::world::World;

/// How long a leader takes for a request of a program.
const WORK: std::ops::Range<Duration> = Duration::ZERO..Duration::from_millis(400);

impl World {
    /// Asks the leader for the value of an expression.
    pub fn calc(&mut self, place: Place) {
        let Some(id) = self.begin_request(place) else { return };
        self.command(place, |group, now| group.calc(id, "2*(3+4)".into(), now));
        self.carry_out(place);
    }

    /// Asks the leader for what a program does there.
    pub fn request(&mut self, place: Place) {
        let Some(id) = self.begin_request(place) else { return };
        self.command(place, |group, now| group.request(id, "job".into(), b"x"[..].into(), now));
        self.carry_out(place);
    }

    /// Puts a proposal to all.
    pub fn propose(&mut self, place: Place) {
        let Some(id) = self.begin_request(place) else { return };
        self.invariants.spread.note_proposed(self.clock.now);
        self.command(place, |group, now| group.propose(id, format!("proposal {id}"), now));
        self.carry_out(place);
    }

    /// Votes on one of the open proposals: which one, and how, follows from the number.
    pub fn vote(&mut self, place: Place, number: usize) {
        let Some(group) = self.peer(place).map(|peer| &peer.group) else { return };
        let me = group.me().id;
        let mut open = group.proposals();
        open.retain(|proposal| proposal.state == ProposalState::Open);
        let Some(proposal) = (!open.is_empty()).then(|| open[number % open.len()].id) else { return };
        let Some(id) = self.begin_request(place) else { return };
        let consent = !number.is_multiple_of(8);
        self.invariants.proposals.note_vote(proposal, me, consent);
        self.invariants.spread.note_proposed(self.clock.now);
        self.command(place, |group, now| group.vote(id, proposal, consent, now));
        self.carry_out(place);
    }

    fn begin_request(&mut self, place: Place) -> Option<u64> {
        let run = self.speaker(place)?;
        self.next_request += 1;
        self.invariants.requests.note_asked(self.next_request, run, self.clock.now);
        Some(self.next_request)
    }

    /// As the leader does a request of a program: it takes a moment.
    pub(super) fn execute(&mut self, place: Place, task: &Task) {
        let answer = Done::Answer(task.bytes.clone());
        let takes = self.between(WORK);
        self.input_later(place, takes, Input::Done(task.from, task.id, answer));
    }
}
