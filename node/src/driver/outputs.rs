//! Everything that the mind wants done.

use std::time::Instant;

use transport::PeerId;

use super::{Driver, not_joined, refused};
use crate::api::Delivery;
use crate::event::Event;
use crate::group::{Outgoing, Output};

impl Driver {
    /// Does everything that the mind wants done.
    pub(super) fn carry_out(&mut self) {
        if !self.group.has_partners(&self.partners) {
            self.partners = self.group.partners();
            self.casts.set_partners(self.partners.clone());
        }
        while let Some(output) = self.group.poll_output() {
            match output {
                Output::Send(to, message) => self.send(&to, &message),
                Output::Event(event) => self.tell(event),
                Output::Write(_) | Output::Read(_) | Output::Keep(_) | Output::Forget(_) => self.serve_disk(output),
                Output::Dial { peer, address, eager } => self.mesh.add_member(peer, address, eager),
                Output::Admitted(members) => self.resolve_start(Ok(members)),
                Output::Refused(reason) => self.fail(|name, _| refused(name, reason)),
                Output::NotJoined(attempts) => self.fail(|_, limit| not_joined(limit, attempts)),
                Output::Guest(id, outcome) => self.gateway.handle_admission(id, outcome, Instant::now()),
                Output::Direct(direct) => {
                    let taken = self.gateway.handle_direct(direct.guest, &direct.private);
                    self.group.handle_handed(direct.sender, direct.private.id, taken);
                }
                Output::Delivered(message, delivered) if self.gateway.handle_delivered(message, delivered) => {}
                Output::Delivered(message, delivered) => {
                    if let Some(reply) = self.deliveries.remove(&message) {
                        let _ = reply.send(Ok(Delivery { message, delivered }));
                    }
                }
                Output::Members(..)
                | Output::Calculated(..)
                | Output::Requested(..)
                | Output::Proposed(..)
                | Output::Voted(..) => self.answer(output),
                Output::Execute(task) => self.jobs.begin(task),
                Output::Depart => self.departed = true,
            }
        }
        self.outbox.push(&mut self.events);
        self.answer_reads();
    }

    fn tell(&mut self, event: Event) {
        if self.clients.is_some() {
            self.gateway.handle_event(&event);
        }
        if let Event::Entry(entry) = &event
            && let Some(reply) = self.appends.remove(&entry.id)
        {
            let _ = reply.send(Ok(entry.index));
        }
        self.events.push(event);
    }

    /// Those that wait until so much is confirmed here.
    fn answer_reads(&mut self) {
        let confirmed = self.group.confirmed();
        while let Some(first) = self.reads.first_entry().filter(|first| first.key().number() <= confirmed) {
            first.remove().into_iter().for_each(|reply| _ = reply.send(()));
        }
    }

    fn send(&self, to: &[PeerId], message: &Outgoing) {
        if let Some(refusal) = message.refusal() {
            to.iter().for_each(|peer| self.mesh.record_rejection(*peer, refusal));
        }
        match message.to_frame() {
            Ok(frame) => self.mesh.multicast(to, message.class(), &[frame]),
            Err(error) => tracing::error!(%error, ?message, "a message that cannot be sent"),
        }
    }
}
