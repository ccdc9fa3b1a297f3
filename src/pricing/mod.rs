//! What a request costs: a price table, and exact arithmetic over it.
//!
//! Prices are kept as integers (femto-dollars a token) and a request is rounded
//! once, half to even, to a nano-dollar. A model that is not in the table has
//! no price, and its requests no known cost: nothing is ever guessed.

mod model_name;
mod money;
mod table;

pub use model_name::{ModelName, normalize};
pub use money::{format_usd, parse_usd_nanos};
#[cfg(feature = "analytics")]
pub(crate) use table::Priced;
pub use table::{ModelPrice, PriceTable, Rates};
