//! One state, shown live to many.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Case, Work};
use crate::{
    Error, Result,
    live::{Client, Hub, HubConfig},
};

pub(super) const CASES: [Case; 2] = [
    Case::new("change_10", "a change of a state of 4 KB, taken in by 10 clients", |_| shown(10)),
    Case::new("change_100", "a change of a state of 4 KB, taken in by 100 clients", |_| shown(100)),
];

/// A state in which a little changes each time.
fn state(n: u64) -> Value {
    let rows: Vec<Value> = (0..100).map(|row| json!({ "project": format!("p{row}"), "cost": row * 7 })).collect();
    json!({ "n": n, "note": null, "rows": rows })
}

fn shown(clients: usize) -> Result<Work> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .map_err(|e| Error::io("cannot start the runtime", e))?;
    // Nobody waits for the next time that a state may be sent.
    let hub = Hub::new(HubConfig { update_interval: Duration::ZERO, ..HubConfig::default() });
    let mut clients: Vec<Client> = (0..clients).map(|_| hub.subscribe(None)).collect();
    let mut n = 0;
    Ok(Box::new(move |times| {
        runtime.block_on(async {
            let mut frames = 0;
            for _ in 0..times {
                // Of the same length each time.
                n = (n + 1) % 10;
                hub.publish(&state(n)).map_err(|e| Error::Invalid(format!("the state is no JSON: {e}")))?;
                for client in &mut clients {
                    frames += u64::from(client.next().await.is_some_and(|frame| !frame.data().is_empty()));
                }
            }
            Ok(frames)
        })
    }))
}
