//! What happens on links, brought to the overlay, and what follows from that.
//!
//! The overlay's inputs are handled one at a time, each together with the telling of what it leads to: so everybody hears of
//! everything in the order in which it was decided, whichever link it came from. Frames over a link of one's own pass by.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use bytes::Bytes;
use tracing::{info, trace};

use crate::codec::PIECE_BYTES;
use crate::control::Control;
use crate::event::{Event, Unreachable};
use crate::events::Outlet;
use crate::link::{Link, lock};
use crate::mesh::Class;
use crate::overlay::{Message, Overlay, Relay, Route, Verdict};
use crate::peer::PeerId;
use crate::reader::{Heard, Reader};
use crate::registry::Shared;
use crate::{codec, relay, runtime};

/// The link over which to send to a peer, and what to put in front if it leads to another.
pub(crate) type Way = (Arc<Link>, Option<Relay>);

impl Shared {
    /// Looks something up in the overlay, or changes what nobody needs to be told.
    pub(crate) fn overlay<T>(&self, look: impl FnOnce(&mut Overlay) -> T) -> T {
        look(&mut lock(&self.overlay))
    }

    /// Whether a peer can be reached, over a link or through others.
    pub(crate) fn is_reachable(&self, peer: PeerId) -> bool {
        self.overlay(|overlay| overlay.is_reachable(peer))
    }

    /// How to send to a peer: over its link if there is one, and otherwise as the overlay knows.
    pub(crate) fn way(&self, to: PeerId) -> Option<Way> {
        if let Some(link) = self.link(to) {
            return Some((link, None));
        }
        match self.overlay(|overlay| overlay.route(to))? {
            // Its link has just ended, or is just coming up.
            Route::Direct => None,
            Route::Through(neighbour, relay) => Some((self.link(neighbour)?, Some(relay))),
        }
    }

    /// Hands something in to the overlay, and does what follows.
    pub(crate) fn reach(&self, input: impl FnOnce(&mut Overlay)) {
        self.overlay(|overlay| {
            input(overlay);
            while let Some((to, message)) = overlay.poll_transmit() {
                self.send_links(&to, message);
            }
            while let Some(event) = overlay.poll_event() {
                let lost = if let Event::Unreachable { peer, .. } = event { Some(peer) } else { None };
                self.tell(event);
                if let Some(peer) = lost.filter(|peer| self.is_vacated(*peer)) {
                    self.tell(Event::Unreachable { peer, reason: Unreachable::Gone });
                }
            }
        });
    }

    fn send_links(&self, to: &[PeerId], message: Message) {
        trace!(?to, ?message, "link states");
        let control = Control::Links(message);
        let bytes = control.to_bytes();
        let long = match &control {
            // What is too long to overtake anything travels in pieces.
            Control::Links(message) if bytes.len() > PIECE_BYTES => codec::encode(message).ok(),
            _ => None,
        };
        for link in to.iter().filter_map(|peer| self.link(*peer)) {
            match &long {
                Some(long) => link.send_links(long, Instant::now()),
                None => link.send_control(&bytes),
            }
        }
    }

    /// The life of a link.
    pub(crate) async fn run_link(self: &Arc<Self>, link: Arc<Link>, mut outlet: Outlet) -> Unreachable {
        let peer = link.peer.id;
        info!(%peer, name = link.peer.name, "linked");
        link.other().accepted();
        self.reach(|overlay| overlay.handle_link_up(&link.peer, Instant::now()));
        self.announce_when_due();
        let mut reader = Reader::new(link.clone());
        let reason = loop {
            self.heed_owner().await;
            match reader.next().await {
                Heard::Frames(frames) => {
                    if !outlet.tell_frames(peer, frames).await {
                        link.end(Unreachable::Left);
                    }
                }
                Heard::Relayed(class, frame) => self.relay(&link, class, frame, &mut outlet).await,
                Heard::Links(message) => self.reach(|overlay| overlay.handle_message(peer, message, Instant::now())),
                Heard::Hash(hash) => self.reach(|overlay| overlay.handle_hash(peer, hash, Instant::now())),
                Heard::Farewell(farewell, version) => {
                    self.reach(|overlay| overlay.handle_farewell(peer, farewell, version, Instant::now()));
                    link.end(Unreachable::Left);
                }
                Heard::Ended(reason) => break reason,
            }
        };
        info!(%peer, name = link.peer.name, %reason, "link ended");
        if self.is_leaving() {
            link.other().closed("this peer left");
        } else {
            link.other().closed(reason);
        }
        self.reach(|overlay| overlay.handle_link_down(peer, reason, Instant::now()));
        reason
    }

    /// Tells the others of links that came up, once they have been gathered: one task sees to that, while there are any.
    fn announce_when_due(self: &Arc<Self>) {
        if self.overlay(|_| self.announcing.swap(true, Ordering::SeqCst)) {
            return;
        }
        let shared = self.clone();
        runtime::spawn(async move {
            while let Some(due) = shared.overlay(|overlay| shared.gathered_at(overlay)) {
                runtime::sleep_until(due).await;
                shared.reach(|overlay| overlay.handle_timeout(Instant::now()));
            }
        });
    }

    /// When what is gathered is to be told. If nothing is, the task that asks ends; the overlay is locked meanwhile.
    fn gathered_at(&self, overlay: &Overlay) -> Option<Instant> {
        let due = overlay.gathered_at();
        self.announcing.store(due.is_some(), Ordering::SeqCst);
        due
    }

    /// A frame came that is not from the other end, or not for this one.
    async fn relay(&self, link: &Link, class: Class, frame: Bytes, outlet: &mut Outlet) {
        let Ok((header, message)) = relay::split(frame) else {
            link.end(Unreachable::Malformed);
            return;
        };
        match self.overlay(|overlay| overlay.judge(header)) {
            Verdict::Deliver(from) => {
                outlet.tell_frames(from, vec![message]).await;
            }
            Verdict::Forward(to, header) => {
                // What finds no room is lost, as over a link of one's own.
                let _ = self.link(to).map(|next| next.send_relayed(class, header, &message, Instant::now()));
            }
            Verdict::Drop => trace!(?header, "a frame that leads nowhere"),
        }
    }
}
