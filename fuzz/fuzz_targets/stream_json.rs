//! Whatever line comes: the parser says what a plain `serde_json` parser says.

#![no_main]

#[path = "../src/reference.rs"]
mod reference;

libfuzzer_sys::fuzz_target!(|line: &[u8]| {
    reference::check(line);
});
