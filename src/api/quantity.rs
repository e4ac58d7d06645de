//! A Kubernetes quantity as the user wrote it: `10m`, `32Mi`, `1`.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// An amount of a resource, as text. What it is worth is [`crate::facts::quantity`]'s business.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Quantity(String);

// === impl Quantity ===

impl Quantity {
    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Quantity {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Visitor)
    }
}

impl JsonSchema for Quantity {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Quantity".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "x-kubernetes-int-or-string": true,
            "minimum": 0,
            "maxLength": 32,
            "pattern": r"^[0-9]{1,12}(\.[0-9]{1,9})?([numkMGTPE]|[KMGTPE]i)?$",
        })
    }
}

// === impl Visitor ===

struct Visitor;

impl de::Visitor<'_> for Visitor {
    type Value = Quantity;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a quantity such as 10m, 32Mi or 1")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Quantity, E> {
        Ok(text.into())
    }

    fn visit_u64<E: de::Error>(self, whole: u64) -> Result<Quantity, E> {
        Ok(Quantity(whole.to_string()))
    }

    fn visit_i64<E: de::Error>(self, whole: i64) -> Result<Quantity, E> {
        Ok(Quantity(whole.to_string()))
    }
}
