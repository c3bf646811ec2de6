//! Consistent hashing: which host a hash belongs to, such that few hashes move when hosts come and
//! go.
//!
//! The tables are built as Envoy builds them, so that both choose the same host for the same hash
//! (Envoy docs, "Ring hash", "Maglev"). It must not know what is hashed.

use crate::xxhash::xxh64;

/// The hosts of a priority, arranged for look-up by hash. Hosts are given by index.
#[derive(Debug, Clone)]
pub enum Table {
    /// Points on a ring in ascending order; a hash belongs to the next point.
    Ring(Vec<(u64, u32)>),
    /// A slot for each remainder.
    Maglev(Vec<u32>),
}

/// A host as the tables see it: what it is called, and its weight.
pub type Member = (String, u64);

impl Table {
    /// `least` and `most` bound the number of points; weights get whole shares of it where that is
    /// possible.
    pub fn ring(members: &[Member], least: u64, most: u64) -> Self {
        let total: u64 = members.iter().map(|(_, weight)| weight).sum();
        let smallest = members.iter().map(|(_, weight)| *weight).min().unwrap_or(1);
        let share = |weight: u64| weight as f64 / total.max(1) as f64;
        // The lightest host gets a whole number of points.
        let scale = ((share(smallest) * least as f64).ceil() / share(smallest)).min(most as f64);
        let mut points = Vec::with_capacity(scale.ceil() as usize);
        let (mut placed, mut due) = (0.0, 0.0);
        for (index, (name, weight)) in (0..).zip(members) {
            due += scale * share(*weight);
            let mut n = 0;
            while placed < due {
                points.push((xxh64(format!("{name}_{n}").as_bytes(), 0), index));
                placed += 1.0;
                n += 1;
            }
        }
        points.sort_by_key(|(hash, _)| *hash);
        Self::Ring(points)
    }

    /// `size` is a prime.
    pub fn maglev(members: &[Member], size: u64) -> Self {
        struct Entry {
            index: u32,
            offset: u64,
            skip: u64,
            weight: f64,
            /// Its weight times the turn must reach this before it is served.
            target: f64,
            next: u64,
        }
        let heaviest = members.iter().map(|(_, weight)| *weight).max().unwrap_or(1) as f64;
        let mut sorted: Vec<_> = (0..).zip(members).collect();
        sorted.sort_by(|(_, (a, _)), (_, (b, _))| a.cmp(b));
        let mut entries: Vec<_> = sorted
            .into_iter()
            .map(|(index, (name, weight)): (u32, &Member)| Entry {
                index,
                offset: xxh64(name.as_bytes(), 0) % size,
                skip: xxh64(name.as_bytes(), 1) % (size - 1) + 1,
                weight: *weight as f64,
                target: 0.0,
                next: 0,
            })
            .collect();
        const FREE: u32 = u32::MAX;
        let mut slots = vec![FREE; size as usize];
        let mut free = if entries.is_empty() { 0 } else { size };
        let mut turn = 1.0;
        while free > 0 {
            for entry in &mut entries {
                if free == 0 {
                    break;
                }
                if turn * entry.weight < entry.target {
                    continue;
                }
                entry.target += heaviest;
                loop {
                    // Offset and skip are below the size, which is bounded: no overflow.
                    let slot = ((entry.offset + entry.skip * entry.next) % size) as usize;
                    entry.next += 1;
                    if slots[slot] == FREE {
                        slots[slot] = entry.index;
                        break;
                    }
                }
                free -= 1;
            }
            turn += 1.0;
        }
        slots.retain(|slot| *slot != FREE);
        Self::Maglev(slots)
    }

    /// The host for a hash; `attempt` above 0 asks for another one, as likely as not.
    pub fn find(&self, hash: u64, attempt: u32) -> Option<usize> {
        match self {
            Self::Ring(points) => {
                let at = points.partition_point(|(point, _)| *point < hash) + attempt as usize;
                points.get(at % points.len().max(1)).map(|(_, index)| *index as usize)
            }
            Self::Maglev(slots) => {
                let hash = if attempt > 0 { hash ^ (u64::MAX - u64::from(attempt) + 1) } else { hash };
                let at = hash % (slots.len().max(1) as u64);
                slots.get(at as usize).map(|index| *index as usize)
            }
        }
    }
}

#[cfg(test)]
mod tests;
