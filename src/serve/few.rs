//! Lists in JSON, kept no further than is needed to refuse them: a body of nothing but commas takes no more memory than its own.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::limits::IMAGES;

/// A list as far as a request's may go, and one more.
#[derive(Debug)]
pub(super) struct Few<T>(pub(super) Vec<T>);

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Few<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_seq(List(PhantomData)).map(Self)
    }
}

struct List<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Vec<T>, A::Error> {
        few(list)
    }
}

/// The first elements of a list: one more than a request may have.
pub(super) fn few<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(mut list: A) -> Result<Vec<T>, A::Error> {
    let mut found = Vec::new();
    while found.len() <= IMAGES {
        let Some(one) = list.next_element()? else { return Ok(found) };
        found.push(one);
    }
    while list.next_element::<IgnoredAny>()?.is_some() {}
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> serde_json::Result<Few<&str>> {
        serde_json::from_str(text)
    }

    #[test]
    fn of_a_long_list_no_more_is_kept_than_is_needed_to_refuse_it() {
        let list = format!("[{}\"\"]", "\"\",".repeat(100_000));
        let Few(kept) = read(&list).unwrap();
        assert_eq!(kept.len(), IMAGES + 1);
        assert!(read(&format!("{list}]")).is_err() && read("\"a\"").is_err());
        let Few(short) = read("[\"a\", \"b\"]").unwrap();
        assert_eq!(short, ["a", "b"]);
    }
}
