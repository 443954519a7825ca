//! How a log begins: blank, founded, or from a disk.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use super::limits::TAKEOVER;
use super::{
    Acceptor, Chain, Config, Disk, Durable, Entry, Log, LogConfig, LogEvent, Members, Op, Peer, Role, Standings,
};
use crate::{Applied, Index};

impl<P: Peer> Log<P> {
    /// The log of a newcomer: empty, of no regime, until somebody tells it more.
    pub fn new(me: P, config: LogConfig, now: Instant) -> Self {
        Self {
            me,
            config,
            now,
            started: now,
            members: Members::new(now),
            standings: Standings::new(),
            histories_changed: false,
            look_at: None,
            told: None,
            best: None,
            stands: true,
            handed_over: None,
            leader: None,
            followed: None,
            seen: None,
            chain: Chain::new(),
            acceptor: Acceptor::new(),
            applied: Applied::default(),
            role: Role::Following,
            stopped: false,
            retry_at: None,
            disk: Disk::new(),
            asked: None,
            fetching: None,
            giving_way: None,
            gathering: None,
            snapshot: None,
            due: None,
            unsnapshot_bytes: 0,
            quorum: None,
            voters_changed: true,
            review_at: None,
            leaving: None,
            leads_since: None,
            proposed: None,
            ack: None,
            reads: VecDeque::new(),
            leaps: 0,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// The log of a group's founder: it begins with a configuration of the founder alone, decided by being founded.
    pub fn found(me: P, config: LogConfig, now: Instant) -> Self {
        let mut log = Self::new(me, config, now);
        log.begin(now);
        log
    }

    /// Makes a newcomer's log that of a founder: see [`found`](Self::found). Nothing may be in it yet.
    pub fn begin(&mut self, now: Instant) {
        if self.is_blank() {
            self.step(now, Self::begin_here);
        }
    }

    pub(super) fn is_blank(&self) -> bool {
        self.chain.decided() == 0 && self.acceptor.len() == 0
    }

    pub(super) fn begin_here(&mut self) {
        let first = Config { voters: vec![self.me], tie_breaker: self.me, fork: None };
        self.append(vec![Arc::new(Entry::Config(first))]);
        self.disk.write(Op::Decided(1));
        self.decide_to(1);
    }

    /// When a leader that finds no log anywhere begins one. Whoever had it died before anybody learnt it: if that one comes
    /// back, two groups have met.
    pub(super) fn begins_at(&self) -> Option<Instant> {
        let may_begin = self.is_blank() && !self.standings.any_elsewhere(None);
        self.leads_since.filter(|_| may_begin).map(|since| since + TAKEOVER)
    }

    /// The log of a member that comes back with what was on its disk. Decided entries are told again from the start.
    pub fn restore(me: P, config: LogConfig, durable: Durable<P>, now: Instant) -> Self {
        let mut log = Self::new(me, config, now);
        let Durable { promised, accepted, left, decided, base, entries, fork, aside, start, .. } = durable;
        if let Some(start) = start {
            log.chain = Chain::from_snapshot(&start);
            log.applied = start.applied.clone();
            let state = start.state.clone();
            log.events.extend(Index::new(start.index).map(|index| LogEvent::Skipped { index, state }));
            log.snapshot = Some(*start);
        }
        log.acceptor.promised = promised;
        log.acceptor.accepted = accepted;
        log.acceptor.left = left;
        log.acceptor.fork = base;
        log.seen = promised;
        for entry in entries {
            log.acceptor.push(entry);
        }
        match fork {
            None => log.decide_to(decided),
            Some(fork) => {
                log.decide_to(log.acceptor.len());
                log.acceptor.aligned = false;
                log.acceptor.fork = fork;
                for entry in aside {
                    log.acceptor.push(entry);
                }
            }
        }
        log.review_snapshot();
        log
    }
}
