//! What goes wrong with which share of the requests.

use std::str::FromStr;

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It is refused with this HTTP status.
    Status(u16),
    /// The connection breaks in the middle of the answer.
    Cut,
    /// An `error` event ends the answer in the middle.
    ErrorEvent,
}

/// Faults, each with the share of the requests that have it. Read from a text
/// such as `overloaded=0.01,500=0.02,cut=0.005,error-event=0.005`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaultMix {
    shares: Vec<(Fault, f64)>,
}

impl FaultMix {
    /// The fault of a request that drew this number between 0 and 1, if it has one.
    pub(super) fn of(&self, drawn: f64) -> Option<Fault> {
        let mut below = 0.0;
        self.shares.iter().find_map(|&(fault, share)| {
            below += share;
            (drawn < below).then_some(fault)
        })
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.shares.is_empty()
    }
}

fn fault(name: &str) -> Result<Fault, String> {
    match name {
        "cut" => Ok(Fault::Cut),
        "error-event" => Ok(Fault::ErrorEvent),
        "overloaded" => Ok(Fault::Status(529)),
        "rate-limit" => Ok(Fault::Status(429)),
        _ => match name.parse() {
            Ok(status) if (400..600).contains(&status) => Ok(Fault::Status(status)),
            _ => Err(format!(
                "`{name}` is no fault: use overloaded, rate-limit, a status of 400 to 599, cut or error-event"
            )),
        },
    }
}

impl FromStr for FaultMix {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut shares = Vec::new();
        for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
            let (name, share) = part
                .split_once('=')
                .ok_or_else(|| format!("`{part}` is not FAULT=SHARE, such as overloaded=0.01"))?;
            let share: f64 = share.parse().map_err(|_| format!("`{share}` is no share of 0 to 1"))?;
            if !(0.0..=1.0).contains(&share) {
                return Err(format!("{share} is no share of 0 to 1"));
            }
            shares.push((fault(name)?, share));
        }
        let sum: f64 = shares.iter().map(|(_, share)| share).sum();
        if sum > 1.0 + 1e-9 {
            return Err(format!("the shares are {sum} together, more than all requests"));
        }
        Ok(Self { shares })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_has_its_share() {
        let mix: FaultMix = "overloaded=0.1, 500=0.2,cut=0.3,error-event=0.1".parse().unwrap();
        let of = |drawn| mix.of(drawn);
        assert_eq!((of(0.0), of(0.09)), (Some(Fault::Status(529)), Some(Fault::Status(529))));
        assert_eq!((of(0.11), of(0.31)), (Some(Fault::Status(500)), Some(Fault::Cut)));
        assert_eq!((of(0.65), of(0.71)), (Some(Fault::ErrorEvent), None));
    }

    #[test]
    fn nonsense_is_refused() {
        for (text, says) in [
            ("overloaded", "not FAULT=SHARE"),
            ("flood=0.1", "no fault"),
            ("200=0.1", "no fault"),
            ("cut=2", "no share"),
            ("cut=0.6,500=0.6", "more than all"),
        ] {
            let error = text.parse::<FaultMix>().unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }
}
