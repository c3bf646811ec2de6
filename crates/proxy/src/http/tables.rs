//! The route tables that RDS delivered, by name; replaced while requests are being routed.
//!
//! It must not know what a route is.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwapOption;
use carrick_policy::http::RouteTable;

/// All route tables of the process. Cheap to read through a [`RouteSlot`].
#[derive(Debug, Default)]
pub struct RouteTables {
    slots: Mutex<BTreeMap<String, Arc<RouteSlot>>>,
}

/// The place of one named route table; empty until RDS delivers it, and follows every replacement.
#[derive(Debug, Default)]
pub struct RouteSlot {
    table: ArcSwapOption<RouteTable>,
}

impl RouteSlot {
    /// A slot that holds a table of its own, for connection managers with an inline route
    /// configuration.
    pub fn fixed(table: Arc<RouteTable>) -> Self {
        Self { table: ArcSwapOption::from(Some(table)) }
    }

    /// The table as it is now; a request keeps the one that it began with.
    pub fn load(&self) -> Option<Arc<RouteTable>> {
        self.table.load_full()
    }
}

impl RouteTables {
    pub fn replace(&self, name: &str, table: RouteTable) {
        self.slot(name).table.store(Some(Arc::new(table)));
    }

    /// Connections that already run keep their slot, and so see the table if it comes back.
    pub fn remove(&self, name: &str) {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(slot) = slots.get(name) {
            slot.table.store(None);
        }
        slots.retain(|_, slot| slot.table.load().is_some() || Arc::strong_count(slot) > 1);
    }

    pub fn get(&self, name: &str) -> Option<Arc<RouteTable>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner).get(name)?.load()
    }

    /// The slot of that name, made empty if there is none yet.
    pub fn slot(&self, name: &str) -> Arc<RouteSlot> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        match slots.get(name) {
            Some(slot) => slot.clone(),
            None => slots.entry(name.to_owned()).or_default().clone(),
        }
    }
}
