//! Any bytes as a segment, an index file, a batch or a record of the log: no panic, no memory beyond
//! what they fill.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| store::go_through(bytes));
