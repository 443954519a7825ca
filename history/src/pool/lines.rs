//! The lines that are kept and shown, in the order they are shown in.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::lanes::Lanes;
use super::message::Say;
use crate::Session;

/// Iterates over the shown lines of a pool by (Lamport time, session): see [`Pool::lines`](crate::Pool::lines).
#[derive(Clone, Debug)]
pub struct Lines<'a> {
    lanes: &'a Lanes,
    /// The next line of each session: its Lamport time, the session, its distance from the oldest kept.
    heads: BinaryHeap<Reverse<(u64, Session, usize)>>,
}

impl<'a> Lines<'a> {
    pub(super) fn new(lanes: &'a Lanes) -> Self {
        let heads = lanes
            .iter()
            .filter_map(|(session, lane)| {
                let line = lane.shown_line(0)?;
                Some(Reverse((line.say.lamport, session, 0)))
            })
            .collect();
        Self { lanes, heads }
    }
}

impl<'a> Iterator for Lines<'a> {
    type Item = &'a Say;

    fn next(&mut self) -> Option<&'a Say> {
        let Reverse((_, session, at)) = self.heads.pop()?;
        let lane = self.lanes.get(session)?;
        if let Some(line) = lane.shown_line(at + 1) {
            self.heads.push(Reverse((line.say.lamport, session, at + 1)));
        }
        Some(&lane.shown_line(at)?.say)
    }
}
