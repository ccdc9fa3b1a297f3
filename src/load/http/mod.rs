//! A lean HTTP/1.1 client for the generator's own path: one request at a time on
//! a connection that stays open, no task and no copy in between, and the time at
//! which each read came back.

mod body;
mod connection;
mod endpoint;

pub(super) use self::{
    connection::{Broken, Connection, Head},
    endpoint::Endpoint,
};
