//! `null` means absent, wherever it stands: in a field, as an element of a list, as a value of a map.
//!
//! The API server itself sends `containers: null` in bookmarks, and Go reads `null` as the zero value.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use super::{Labels, Name, no_labels};

/// For `#[serde(deserialize_with)]`: `null` is the default.
pub fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The same for a list whose elements may be `null` too.
pub fn list<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<Vec<T>, D::Error> {
    let elements: Vec<Option<T>> = or_default(deserializer)?;
    Ok(elements.into_iter().map(Option::unwrap_or_default).collect())
}

/// The same for labels: a label without a value is an empty one.
pub fn labels<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Labels, D::Error> {
    let found = deserializer.deserialize_any(Texts(|_| true))?;
    Ok(if found.is_empty() { no_labels() } else { Arc::new(found.into_iter().collect()) })
}

/// Annotations, but only the operator's own: others can be as long as their object.
pub fn own_annotations<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<Name, Name>, D::Error> {
    Ok(deserializer.deserialize_any(Texts(|key| key.starts_with("opex.dev/")))?.into_iter().collect())
}

/// Reads a text into something shorter: `null` is nothing, without an intermediate copy.
pub struct Reading<F>(pub F);

impl<'de, T, F: FnOnce(&str) -> T> DeserializeSeed<'de> for Reading<F> {
    type Value = Option<T>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Option<T>, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<T, F: FnOnce(&str) -> T> Visitor<'_> for Reading<F> {
    type Value = Option<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or null")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<T>, E> {
        Ok(Some((self.0)(text)))
    }

    fn visit_unit<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }

    fn visit_none<E: Error>(self) -> Result<Option<T>, E> {
        Ok(None)
    }
}

/// Reads a map of texts, of which those with a wanted key are kept.
struct Texts(fn(&str) -> bool);

impl<'de> Visitor<'de> for Texts {
    type Value = Vec<(Name, Name)>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of texts or null")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = Vec::new();
        let wanted = |key: &str| (self.0)(key).then(|| Name::from(key));
        while let Some(key) = map.next_key_seed(Reading(wanted))? {
            match key.flatten() {
                Some(key) => {
                    let value = map.next_value_seed(Reading(|text: &str| Name::from(text)))?;
                    found.push((key, value.unwrap_or_default()));
                }
                None => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        Ok(found)
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }
}
