//! Running the suites, and comparing what two builds make of them.

mod compare;
mod results;
mod run;
pub mod statistics;
mod worker;

pub use self::{
    compare::{CaseChange, Comparison, Verdict},
    results::{BENCH_SCHEMA, CaseResult, Machine, Results},
    run::{Options, Pairs, run, run_against},
    worker::{Hello, REFERENCE, Worker, processors, serve},
};
