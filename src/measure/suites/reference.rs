//! Work that no change of this crate makes faster or slower.

use std::hint::black_box;

/// Numbers that are mixed: as many as fit a processor's nearest cache but one.
const NUMBERS: usize = 8 << 10;

/// Does the same work so many times: arithmetic and memory, without anything of
/// this crate. How long it takes tells how fast the machine is at the moment.
#[must_use]
pub fn reference(times: u64) -> u64 {
    let mut numbers: Vec<u64> = (0..NUMBERS as u64).collect();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for _ in 0..times {
        for _ in 0..256 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let at = black_box(state as usize % NUMBERS);
            numbers[at] = numbers[at].wrapping_mul(6_364_136_223_846_793_005).wrapping_add(state);
        }
    }
    numbers.iter().fold(state, |sum, n| sum ^ n) | 1
}
