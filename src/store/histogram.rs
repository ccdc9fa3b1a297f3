//! A mergeable log-bucket histogram of latencies.

use serde::{Deserialize, Serialize};

/// Bucket boundaries grow by this factor, which bounds the relative error of
/// any quantile by (γ − 1) / (γ + 1) = 3 % (the bucket layout of `DDSketch`,
/// Masson, Rim and Lee, VLDB 2019).
const GAMMA: f64 = 1.03 / 0.97;

/// Latencies in milliseconds, counted in log-spaced buckets.
///
/// Histograms add and subtract exactly, so that the sum of two rollup cells is
/// the histogram of their requests, and a corrected request leaves no trace.
/// A quantile is within 3 % of a recorded value of that rank.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram {
    /// `(bucket, count)` in ascending bucket order, no zero counts.
    buckets: Vec<(u16, i64)>,
}

fn bucket_of(millis: u64) -> u16 {
    if millis <= 1 {
        return if millis == 0 { 0 } else { 1 };
    }
    // ln(2^64) / ln(γ) < 740: always fits.
    ((millis as f64).ln() / GAMMA.ln()).ceil() as u16 + 1
}

fn value_of(bucket: u16) -> f64 {
    match bucket {
        0 => 0.0,
        1 => 1.0,
        // The point with equal relative distance to both ends of the bucket.
        _ => 2.0 * GAMMA.powi(i32::from(bucket) - 1) / (GAMMA + 1.0),
    }
}

impl Histogram {
    /// Bytes that it takes beside itself.
    pub(crate) fn heap_bytes(&self) -> usize {
        self.buckets.capacity() * size_of::<(u16, i64)>()
    }

    /// Counts one latency.
    pub fn record(&mut self, millis: u64) {
        self.add_bucket(bucket_of(millis), 1);
    }

    /// Adds all of `other`'s counts, `times` times; −1 takes them away.
    pub fn add(&mut self, other: &Self, times: i64) {
        if self.buckets.is_empty() && times == 1 {
            self.buckets.clone_from(&other.buckets);
            return;
        }
        // Both are in order: most buckets of the other are at hand, or near.
        let mut at = 0;
        for &(bucket, count) in &other.buckets {
            while self.buckets.get(at).is_some_and(|own| own.0 < bucket) {
                at += 1;
            }
            match self.buckets.get_mut(at) {
                Some(own) if own.0 == bucket => own.1 += count * times,
                _ => self.buckets.insert(at, (bucket, count * times)),
            }
        }
        self.buckets.retain(|own| own.1 != 0);
    }

    /// Adds what [`to_bytes`](Self::to_bytes) wrote, without a copy of it in
    /// between; says whether the bytes are that.
    pub(crate) fn add_bytes(&mut self, mut bytes: &[u8]) -> bool {
        let (mut at, mut bucket) = (0, 0_u16);
        while !bytes.is_empty() {
            let distance = take_varint(&mut bytes).and_then(|n| u16::try_from(n).ok());
            let next = distance.and_then(|distance| bucket.checked_add(distance));
            let (Some(next), Some(raw)) = (next, take_varint(&mut bytes)) else { return false };
            bucket = next;
            let count = ((raw >> 1) as i64) ^ -((raw & 1) as i64);
            while self.buckets.get(at).is_some_and(|own| own.0 < bucket) {
                at += 1;
            }
            match self.buckets.get_mut(at) {
                Some(own) if own.0 == bucket => own.1 += count,
                _ => self.buckets.insert(at, (bucket, count)),
            }
        }
        true
    }

    fn add_bucket(&mut self, bucket: u16, count: i64) {
        match self.buckets.binary_search_by_key(&bucket, |b| b.0) {
            Ok(at) => {
                self.buckets[at].1 += count;
                if self.buckets[at].1 == 0 {
                    self.buckets.remove(at);
                }
            }
            Err(at) if count != 0 => self.buckets.insert(at, (bucket, count)),
            Err(_) => {}
        }
    }

    /// How many latencies are in it.
    #[must_use]
    pub fn count(&self) -> i64 {
        self.buckets.iter().map(|b| b.1).sum()
    }

    /// Whether nothing is in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.buckets.is_empty()
    }

    /// The latency in milliseconds that a share `q` (0 to 1) of all are at or
    /// below; `None` if nothing was recorded. The nearest rank, within 3 %.
    #[must_use]
    pub fn quantile(&self, q: f64) -> Option<f64> {
        let count = self.count();
        if count <= 0 {
            return None;
        }
        let rank = ((q.clamp(0.0, 1.0) * count as f64).ceil() as i64).max(1);
        let mut seen = 0;
        for &(bucket, n) in &self.buckets {
            seen += n;
            if seen >= rank {
                return Some(value_of(bucket));
            }
        }
        None
    }

    /// A compact form: LEB128 pairs of bucket distance and zigzag count.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.buckets.len() * 3);
        let mut last = 0;
        for &(bucket, count) in &self.buckets {
            put_varint(&mut out, u64::from(bucket - last));
            put_varint(&mut out, ((count << 1) ^ (count >> 63)) as u64);
            last = bucket;
        }
        out
    }

    /// Reads [`to_bytes`](Self::to_bytes); `None` if the bytes are not that.
    #[must_use]
    pub fn from_bytes(mut bytes: &[u8]) -> Option<Self> {
        let mut buckets = Vec::with_capacity(bytes.len() / 2);
        let mut bucket = 0_u16;
        while !bytes.is_empty() {
            let distance = u16::try_from(take_varint(&mut bytes)?).ok()?;
            bucket = bucket.checked_add(distance)?;
            let raw = take_varint(&mut bytes)?;
            let count = ((raw >> 1) as i64) ^ -((raw & 1) as i64);
            buckets.push((bucket, count));
        }
        Some(Self { buckets })
    }
}

fn put_varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push((value as u8) | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    // Most are of one byte.
    if let [byte @ ..0x80, rest @ ..] = *bytes {
        *bytes = rest;
        return Some(u64::from(*byte));
    }
    let mut value = 0_u64;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}
