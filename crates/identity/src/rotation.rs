//! The life of a CA's successive certificates, as slots: prepared, then active, then retiring. Pure
//! transitions; the caller keeps the time, makes the certificates and writes the state down before
//! acting on it.
//!
//! The fractions of the lifetime are SPIRE's: prepare at 1/2, activate with 1/6 left.

#[cfg(test)]
mod tests;

use crate::validity::Validity;
use serde::{Deserialize, Serialize};
use std::time::SystemTime;
use thiserror::Error;

/// One CA certificate in the succession. Numbers count up from 1 and are never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Generation {
    pub number: u64,
    pub validity: Validity,
}

/// The stage that a generation has reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Slot {
    /// Made and made known to all verifiers, but not signing yet.
    Prepared(Generation),
    /// Signing.
    Active(Generation),
    /// No longer signing; what it signed is still believed.
    Retiring(Generation),
}

/// What is to be done next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Make the next certificate and call [`CaSlots::prepare`].
    Prepare,
    /// Call [`CaSlots::activate`].
    Activate { number: u64 },
    /// Nothing that it signed is valid any more: call [`CaSlots::forget`].
    Forget { number: u64 },
    /// Nothing before this time.
    Wait { until: SystemTime },
}

/// Why a transition is refused.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum SlotError {
    #[error("CA generation {0} is prepared already; activate it before preparing another")]
    AlreadyPrepared(u64),
    #[error("no CA generation is prepared; prepare one before activating")]
    NothingPrepared,
    #[error("CA generation {0} is not valid at this time; prepare another")]
    NotValidNow(u64),
    #[error("CA generation {0} is not retiring, or certificates that it signed may still be valid")]
    StillNeeded(u64),
    #[error("the stored CA slots are damaged: {0}; restore the CA's state from a backup")]
    Damaged(&'static str),
}

/// The slots of one CA: exactly one active, at most one prepared, any number retiring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored", into = "Stored")]
pub struct CaSlots {
    retiring: Vec<Generation>,
    active: Generation,
    prepared: Option<Generation>,
}

impl CaSlots {
    /// The first generation, which signs at once.
    pub fn start(validity: Validity) -> Self {
        Self { retiring: Vec::new(), active: Generation { number: 1, validity }, prepared: None }
    }

    pub fn active(&self) -> Generation {
        self.active
    }

    /// Every generation that verifiers must believe, oldest first.
    pub fn slots(&self) -> Vec<Slot> {
        let retiring = self.retiring.iter().copied().map(Slot::Retiring);
        retiring.chain([Slot::Active(self.active)]).chain(self.prepared.map(Slot::Prepared)).collect()
    }

    /// What to do at this time. After doing it, ask again.
    pub fn next_step(&self, now: SystemTime) -> Step {
        if let Some(done) =
            self.retiring.iter().find(|generation| generation.validity.remaining(now).is_zero())
        {
            return Step::Forget { number: done.number };
        }
        let due = match self.prepared {
            // A prepared generation that has expired, unused, is worth nothing.
            Some(next) if next.validity.remaining(now).is_zero() => return Step::Prepare,
            Some(next) => activate_at(self.active.validity).max(next.validity.not_before),
            None => prepare_at(self.active.validity),
        };
        if now >= due {
            return match self.prepared {
                Some(next) => Step::Activate { number: next.number },
                None => Step::Prepare,
            };
        }
        let expiries = self.retiring.iter().map(|generation| generation.validity.not_after);
        Step::Wait { until: expiries.fold(due, SystemTime::min) }
    }

    /// Takes in the next generation and returns its number. Replaces a prepared one only if that
    /// has expired.
    pub fn prepare(mut self, validity: Validity, now: SystemTime) -> Result<(Self, u64), SlotError> {
        let newest = match self.prepared {
            Some(next) if !next.validity.remaining(now).is_zero() => {
                return Err(SlotError::AlreadyPrepared(next.number));
            }
            Some(expired) => expired.number,
            None => self.active.number,
        };
        let number = newest + 1;
        self.prepared = Some(Generation { number, validity });
        Ok((self, number))
    }

    /// The prepared generation signs from now on; the active one retires.
    pub fn activate(mut self, now: SystemTime) -> Result<Self, SlotError> {
        let next = self.prepared.take().ok_or(SlotError::NothingPrepared)?;
        if next.validity.standing(now) != crate::validity::Standing::Valid {
            return Err(SlotError::NotValidNow(next.number));
        }
        self.retiring.push(std::mem::replace(&mut self.active, next));
        Ok(self)
    }

    /// Drops a retired generation. Its own expiry is the measure, as it cuts that of everything it
    /// signed.
    pub fn forget(mut self, number: u64, now: SystemTime) -> Result<Self, SlotError> {
        let over = |g: &Generation| g.number == number && g.validity.remaining(now).is_zero();
        let at = self.retiring.iter().position(over).ok_or(SlotError::StillNeeded(number))?;
        self.retiring.remove(at);
        Ok(self)
    }
}

fn prepare_at(validity: Validity) -> SystemTime {
    validity.not_before + validity.lifetime() / 2
}

fn activate_at(validity: Validity) -> SystemTime {
    validity.not_before + validity.lifetime() / 6 * 5
}

/// The state as written: a plain list, checked when it is read back.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    slots: Vec<Slot>,
}

impl From<CaSlots> for Stored {
    fn from(slots: CaSlots) -> Self {
        Self { slots: slots.slots() }
    }
}

impl TryFrom<Stored> for CaSlots {
    type Error = SlotError;

    fn try_from(stored: Stored) -> Result<Self, Self::Error> {
        let (mut retiring, mut active, mut prepared, mut last) = (Vec::new(), None, None, 0);
        for slot in stored.slots {
            let (Slot::Prepared(generation) | Slot::Active(generation) | Slot::Retiring(generation)) = slot;
            if generation.number <= last {
                return Err(SlotError::Damaged("generation numbers do not ascend"));
            }
            last = generation.number;
            match slot {
                Slot::Retiring(_) if active.is_none() => retiring.push(generation),
                Slot::Active(_) if active.is_none() => active = Some(generation),
                Slot::Prepared(_) if active.is_some() && prepared.is_none() => prepared = Some(generation),
                _ => return Err(SlotError::Damaged("a slot stands where it cannot")),
            }
        }
        match active {
            Some(active) => Ok(Self { retiring, active, prepared }),
            None => Err(SlotError::Damaged("no generation is active")),
        }
    }
}
