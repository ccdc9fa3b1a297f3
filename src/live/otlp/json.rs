//! The elements of a JSON array, one after the other, for the same reason as in
//! [`wire`](super::wire).

use std::{fmt, marker::PhantomData};

use serde::{
    Deserialize, Deserializer as _,
    de::{SeqAccess, Visitor},
};
use serde_json::value::RawValue;

/// Calls `each` with every element; `null` is an empty array.
pub(super) fn each<'a, T: Deserialize<'a>>(
    array: &'a RawValue,
    each: impl FnMut(T) -> Result<(), serde_json::Error>,
) -> Result<(), serde_json::Error> {
    let mut json = serde_json::Deserializer::from_str(array.get());
    json.deserialize_any(Elements { each, of: PhantomData })
}

struct Elements<T, F> {
    each: F,
    of: PhantomData<T>,
}

impl<'a, T: Deserialize<'a>, F: FnMut(T) -> Result<(), serde_json::Error>> Visitor<'a> for Elements<T, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'a>>(mut self, mut elements: A) -> Result<(), A::Error> {
        while let Some(element) = elements.next_element()? {
            (self.each)(element).map_err(serde::de::Error::custom)?;
        }
        Ok(())
    }
}
