//! The last entries, of all workers together, oldest dropped first; records are made of them when
//! somebody asks.
//!
//! Each worker thread writes to a part of its own, so that no request waits for another worker. It
//! must not know what an entry says.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use carrick_policy::access_log::LogEntry;

use super::FlowRecord;

/// Keeps the last `capacity` entries.
#[derive(Debug)]
pub struct FlowRing {
    node: String,
    capacity: u64,
    /// The number of the last entry. Drawn while the drawer's part is locked, so that whoever locks
    /// all parts sees every number that was drawn.
    last: AtomicU64,
    parts: Vec<Mutex<VecDeque<Stored>>>,
}

#[derive(Debug)]
struct Stored {
    sequence: u64,
    entry: Box<LogEntry>,
}

/// Where an entry was put that is not the last word yet.
#[derive(Debug, Clone, Copy)]
pub struct Slot {
    part: usize,
    sequence: u64,
}

impl FlowRing {
    /// `node` is what records say about where they were made.
    pub fn new(capacity: u64, node: String) -> Self {
        let parts = std::thread::available_parallelism().map_or(1, Into::into);
        let parts = (0..parts).map(|_| Mutex::default()).collect();
        Self { node, capacity, last: AtomicU64::new(0), parts }
    }

    /// Writes down an entry. One of something that goes on has a duration of 0, and is replaced
    /// when that is over.
    pub fn record(&self, entry: LogEntry) -> Slot {
        let entry = Box::new(entry);
        let part = own_part() % self.parts.len();
        let mut stored = self.lock(part);
        let sequence = self.last.fetch_add(1, Ordering::AcqRel) + 1;
        while stored.front().is_some_and(|oldest| oldest.sequence + self.capacity <= sequence) {
            stored.pop_front();
        }
        stored.push_back(Stored { sequence, entry });
        Slot { part, sequence }
    }

    /// Writes down how something ended that was written down when it began. Lost if that entry was
    /// dropped.
    pub fn finish(&self, slot: Slot, entry: LogEntry) {
        let entry = Box::new(entry);
        let mut stored = self.lock(slot.part);
        // Within a part, numbers rise.
        if let Ok(index) = stored.binary_search_by_key(&slot.sequence, |stored| stored.sequence) {
            stored[index].entry = entry;
        }
    }

    /// Records later than `sequence`, oldest first.
    pub fn since(&self, sequence: u64) -> Vec<FlowRecord> {
        let parts: Vec<_> = (0..self.parts.len()).map(|part| self.lock(part)).collect();
        let oldest = self.last.load(Ordering::Acquire).saturating_sub(self.capacity);
        let stored = parts.iter().flat_map(|part| part.iter());
        let wanted = stored.filter(|stored| stored.sequence > sequence.max(oldest));
        let mut records: Vec<_> = wanted.map(|stored| self.to_record(stored)).collect();
        drop(parts);
        records.sort_unstable_by_key(|record| record.sequence);
        records
    }

    fn to_record(&self, stored: &Stored) -> FlowRecord {
        let Stored { sequence, entry } = stored;
        FlowRecord { sequence: *sequence, node: self.node.clone(), ..FlowRecord::from(&**entry) }
    }

    fn lock(&self, part: usize) -> MutexGuard<'_, VecDeque<Stored>> {
        self.parts[part].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A number for this thread; threads that follow each other have numbers that do.
fn own_part() -> usize {
    static THREADS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static OWN: usize = THREADS.fetch_add(1, Ordering::Relaxed);
    }
    OWN.with(|own| *own)
}

#[cfg(test)]
mod tests;
