//! What the loop does for the gateway's clients.

use super::Driver;
use crate::gateway::Errand;
use crate::group::Now;

impl Driver {
    /// Runs the errands of the gateway's clients: lines only while there is room for them, as for the owner's.
    pub(super) fn tend_gateway(&mut self, now: Now) {
        if self.clients.is_none() {
            return;
        }
        self.gateway.handle_timeout(now.instant);
        loop {
            let may_say = self.may_say();
            match self.gateway.next_errand(now.instant) {
                None => return,
                Some(Errand::Say(..)) if !may_say => return,
                Some(_) => {}
            }
            let Some(errand) = self.gateway.poll_errand(now.instant) else { return };
            self.run_errand(errand, now);
            self.carry_out();
        }
    }

    fn run_errand(&mut self, errand: Errand, now: Now) {
        match errand {
            Errand::Admit(id, name) => self.group.admit_guest(id, name, now),
            Errand::Drop(id) => self.group.drop_guest(id, now),
            Errand::Say(id, text) => {
                if let Err(error) = self.group.say_as(id, text, now) {
                    self.gateway.complain(id, &error.to_string());
                }
            }
            Errand::List(id) => {
                let names: Vec<_> = self.group.members().into_iter().map(|member| member.name).collect();
                self.gateway.list(id, &names, now.instant);
            }
            Errand::Direct { from, to, text } => match self.group.msg_as(from, &to, text, now) {
                Ok(id) => self.gateway.handle_sent(id, from, to),
                Err(error) => self.gateway.complain(from, &error.to_string()),
            },
        }
    }
}
