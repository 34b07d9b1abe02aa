//! An image in JSON: base64 alone, or with a name and a label. Read as it comes, so that nothing is kept of what is neither.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// What was given of an image.
#[derive(Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Named<'a> {
    #[serde(borrow)]
    image: Cow<'a, str>,
    name: Option<String>,
    label: Option<String>,
}

/// The same, which may be base64 alone.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Given<'a> {
    pub(super) image: Cow<'a, str>,
    pub(super) name: Option<String>,
    pub(super) label: Option<String>,
}

impl<'de: 'a, 'a> Deserialize<'de> for Given<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Named { image, name, label } = from.deserialize_any(Either)?;
        Ok(Self { image, name, label })
    }
}

struct Either;

impl<'de> Visitor<'de> for Either {
    type Value = Named<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an image in base64, alone or as `image` beside `name` and `label`")
    }

    fn visit_borrowed_str<E: serde::de::Error>(self, text: &'de str) -> Result<Named<'de>, E> {
        Ok(Named { image: Cow::Borrowed(text), ..Named::default() })
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Named<'de>, E> {
        Ok(Named { image: Cow::Owned(text.to_owned()), ..Named::default() })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Named<'de>, A::Error> {
        Named::deserialize(MapAccessDeserializer::new(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_stands_alone_or_with_its_name() {
        let read = |text: &str| {
            let given: Result<Given<'_>, _> = serde_json::from_str(text);
            given.map(|given| (given.image.into_owned(), given.name, given.label)).map_err(|error| error.to_string())
        };
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(read("\"YQ\""), Ok(("YQ".to_owned(), None, None)));
        assert_eq!(read("\"\\u0059Q\""), Ok(("YQ".to_owned(), None, None)), "an escape");
        let named = "{\"image\": \"YQ\", \"name\": \"n\", \"label\": \"l\"}";
        assert_eq!(read(named), Ok(("YQ".to_owned(), some("n"), some("l"))));
        for (wrong, words) in [
            ("[0, 0, 0]", "expected an image in base64, alone or as `image`"),
            ("{\"imge\": \"YQ\"}", "unknown field `imge`"),
            ("{\"image\": [0, 0]}", "invalid type: sequence"),
            ("{\"name\": \"n\"}", "missing field `image`"),
        ] {
            let said = read(wrong).unwrap_err();
            assert!(said.contains(words), "{said}");
        }
    }
}
