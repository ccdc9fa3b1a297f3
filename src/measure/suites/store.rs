//! Requests into the ledger.

use super::{Case, Place, Work};
use crate::{
    Result,
    simulate::Requests,
    store::{Batch, Ledger, SqliteLedger, Witness},
};

pub(super) const CASES: [Case; 2] = [
    Case::new("new_100", "100 new requests committed", new),
    Case::new("known_100", "100 known requests committed again", known),
];

/// When the made-up requests end.
const UNTIL: i64 = 1_793_491_200_000;
const REQUESTS: u64 = 100;

fn ledger(place: &Place, name: &str) -> Result<SqliteLedger> {
    let mut ledger = SqliteLedger::open(&place.folder()?.join(name))?;
    // No commit waits for the disk: it is the program that is timed.
    ledger.prepare_for_bulk()?;
    Ok(ledger)
}

fn witnesses() -> Vec<Witness> {
    Requests::before(UNTIL, REQUESTS, 3).witnesses().collect()
}

fn new(place: &Place) -> Result<Work> {
    let mut ledger = ledger(place, "new.db")?;
    let mut batch = Batch { witnesses: witnesses(), ..Batch::default() };
    let mut made = 0_u64;
    Ok(Box::new(move |times| {
        for _ in 0..times {
            made += 1;
            for (n, witness) in batch.witnesses.iter_mut().enumerate() {
                witness.message_id = witness.message_id.as_ref().map(|_| format!("msg_{made}_{n}"));
                witness.request_id = witness.request_id.as_ref().map(|_| format!("req_{made}_{n}"));
            }
            ledger.append(&batch)?;
        }
        Ok(made)
    }))
}

fn known(place: &Place) -> Result<Work> {
    let mut ledger = ledger(place, "known.db")?;
    let batch = Batch { witnesses: witnesses(), ..Batch::default() };
    ledger.append(&batch)?;
    Ok(Box::new(move |times| {
        for _ in 0..times {
            ledger.append(&batch)?;
        }
        Ok(times)
    }))
}
