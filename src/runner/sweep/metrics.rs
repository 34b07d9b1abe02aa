//! Headline numbers as a sweep remembers them of all its trials. Most have the same names, which are held once: ten thousand
//! trials of a hundred numbers each are read in a moment, and fit in memory.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{DeserializeSeed, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Lists of names that a thread remembers.
const REMEMBERED: usize = 8;

thread_local! {
    /// Lists of names that were made last.
    static KNOWN: RefCell<Vec<Arc<[String]>>> = const { RefCell::new(Vec::new()) };
}

/// Numbers by their names.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Metrics {
    /// In their order.
    names: Arc<[String]>,
    values: Box<[f64]>,
}

impl Metrics {
    /// The number of a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<f64> {
        self.names.binary_search_by(|known| known.as_str().cmp(name)).ok().map(|at| self.values[at])
    }

    /// All of them, in the order of their names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, f64)> {
        self.names.iter().map(String::as_str).zip(self.values.iter().copied())
    }
}

/// The list of these names, which others may have too.
fn shared(names: Vec<String>) -> Arc<[String]> {
    KNOWN.with_borrow_mut(|known| {
        if let Some(list) = known.iter().find(|list| ***list == *names) {
            return Arc::clone(list);
        }
        if known.len() == REMEMBERED {
            known.remove(0);
        }
        let list: Arc<[String]> = names.into();
        known.push(Arc::clone(&list));
        list
    })
}

impl From<BTreeMap<String, f64>> for Metrics {
    fn from(numbers: BTreeMap<String, f64>) -> Self {
        let (names, values): (Vec<String>, Vec<f64>) = numbers.into_iter().unzip();
        Self { names: shared(names), values: values.into() }
    }
}

impl FromIterator<(String, f64)> for Metrics {
    fn from_iter<I: IntoIterator<Item = (String, f64)>>(numbers: I) -> Self {
        numbers.into_iter().collect::<BTreeMap<String, f64>>().into()
    }
}

impl Serialize for Metrics {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

impl<'de> Deserialize<'de> for Metrics {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Numbers)
    }
}

struct Numbers;

impl<'de> Visitor<'de> for Numbers {
    type Value = Metrics;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("numbers by their names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Metrics, A::Error> {
        let mut names = Names { known: KNOWN.with_borrow(Clone::clone), ..Names::default() };
        let mut values = Vec::new();
        while map.next_key_seed(&mut names)?.is_some() {
            values.push(map.next_value()?);
        }
        Ok(names.with(values))
    }
}

/// Names that come one after another: no copy of any is made as long as a known list goes the same way.
#[derive(Default)]
struct Names {
    known: Vec<Arc<[String]>>,
    /// The list that they go along.
    like: usize,
    /// How far.
    count: usize,
    /// All of them, since no list went the same way.
    own: Option<Vec<String>>,
}

impl Names {
    fn take(&mut self, name: &str) {
        if let Some(own) = &mut self.own {
            own.push(name.to_owned());
            return;
        }
        let so_far = self.so_far();
        let goes_on = |list: &Arc<[String]>| list.get(self.count).is_some_and(|next| next == name);
        if self.known.get(self.like).is_some_and(goes_on) {
            self.count += 1;
        } else if let Some(at) = self.known.iter().position(|list| goes_on(list) && list[..self.count] == *so_far) {
            (self.like, self.count) = (at, self.count + 1);
        } else {
            self.own = Some(so_far.iter().cloned().chain([name.to_owned()]).collect());
        }
    }

    /// What they have in common with the list.
    fn so_far(&self) -> &[String] {
        self.known.get(self.like).map_or(&[], |list| &list[..self.count])
    }

    fn with(self, values: Vec<f64>) -> Metrics {
        if self.own.is_none()
            && let Some(list) = self.known.get(self.like).filter(|list| list.len() == self.count)
        {
            return Metrics { names: Arc::clone(list), values: values.into() };
        }
        let names = self
            .own
            .unwrap_or_else(|| self.known.get(self.like).map_or_else(Vec::new, |list| list[..self.count].to_vec()));
        names.into_iter().zip(values).collect()
    }
}

impl<'de> DeserializeSeed<'de> for &mut Names {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for &mut Names {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a name")
    }

    fn visit_str<E>(self, name: &str) -> Result<(), E> {
        self.take(name);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Metrics {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn numbers_are_what_was_written_whatever_was_read_before() {
        let texts = [
            r#"{"a":0.30000000000000004,"b":2.0,"c":-3e-300}"#,
            r#"{"a":1.0,"b":2.0}"#,
            r#"{"a":1.0,"a.std":0.5,"b":2.0,"c":3.0}"#,
            "{}",
            r#"{"a\"b\\":1.0,"z":2.0}"#,
            r#"{"b":2.0}"#,
        ];
        for text in texts.iter().chain(texts.iter().rev()) {
            let (metrics, expected) = (read(text), serde_json::from_str::<BTreeMap<String, f64>>(text).unwrap());
            assert_eq!(metrics, Metrics::from(expected.clone()), "{text}");
            assert_eq!(serde_json::to_string(&metrics).unwrap(), serde_json::to_string(&expected).unwrap());
            assert!(expected.iter().all(|(name, value)| metrics.get(name) == Some(*value)), "{text}");
            assert_eq!((metrics.get("aa"), metrics.iter().count()), (None, expected.len()));
        }
        assert_eq!(read(r#"{"b":2.0,"a":1.0}"#), read(r#"{"a":1.0,"b":2.0}"#), "in any order");
    }

    #[test]
    fn names_are_held_once() {
        let (first, second) = (read(r#"{"x":1.0,"y":2.0}"#), read(r#"{"x":3.0,"y":4.0}"#));
        assert!(Arc::ptr_eq(&first.names, &second.names));
        let made: Metrics = [("y".to_owned(), 5.0), ("x".to_owned(), 6.0)].into_iter().collect();
        assert!(Arc::ptr_eq(&first.names, &made.names));
    }
}
