//! Lists of resources as objects bear them, and their amounts in ledger units.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value;

use super::nullable::Reading;
use super::quantity::{Quantity, QuantityError};
use super::{Amounts, Name, Problem, no_amounts};

/// Quantities by resource name, as a manifest lists them; `null` is absent.
///
/// A quantity that cannot be read stays in the list as its error: it is reported, and counts neither as absent (a
/// limit does not take its place) nor as an amount.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResourceList(Vec<(Cow<'static, str>, ReadQuantity)>);

type ReadQuantity = Result<Quantity, QuantityError>;

/// `resources` of a container or of a Pod.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct Resources {
    pub requests: ResourceList,
    pub limits: ResourceList,
}

/// `resources` of a status: what is in effect. Its limits bill nothing.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
#[allow(missing_docs)]
pub struct InEffect {
    pub requests: ResourceList,
}

impl Resources {
    /// Reports the quantities that cannot be read; `field` is the path of the whole.
    pub fn check(&self, problems: &mut Vec<Problem>, field: impl Fn() -> String) {
        self.requests.check(problems, || field() + ".requests");
        self.limits.check(problems, || field() + ".limits");
    }
}

impl ResourceList {
    /// Whether no resource is listed.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The quantity of one resource, if it is listed and can be read.
    pub fn get(&self, resource: &str) -> Option<&Quantity> {
        self.0[self.position(resource).ok()?].1.as_ref().ok()
    }

    /// What is listed, in order of name; `None` where the quantity cannot be read.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&Quantity>)> {
        self.0.iter().map(|(resource, quantity)| (resource.as_ref(), quantity.as_ref().ok()))
    }

    /// Reports the quantities that cannot be read; `field` is the path of the list.
    pub fn check(&self, problems: &mut Vec<Problem>, field: impl Fn() -> String) {
        for (resource, quantity) in &self.0 {
            if let Err(error) = quantity {
                let list = field();
                let plain = resource.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
                let field = if plain { format!("{list}.{resource}") } else { format!("{list}[{resource}]") };
                problems.push(Problem { field, message: error.to_string() });
            }
        }
    }

    /// Where a resource stands, or where it would have to.
    fn position(&self, resource: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(listed, _)| listed.as_ref().cmp(resource))
    }

    /// The list in ledger units.
    pub fn amounts(&self) -> Amounts {
        amounts(self.iter().filter_map(|(resource, quantity)| Some((resource, quantity?))))
    }
}

/// Rounds up, each resource once, and leaves out what is zero. Expects the order of names.
pub fn amounts<'a>(quantities: impl Iterator<Item = (&'a str, &'a Quantity)>) -> Amounts {
    let rounded: Vec<(Name, i128)> = quantities
        .map(|(resource, quantity)| (resource, quantity.round_up(units_per_one(resource))))
        .filter(|(_, amount)| *amount > 0)
        .map(|(resource, amount)| (resource.into(), amount))
        .collect();
    if rounded.is_empty() { no_amounts() } else { rounded.into() }
}

/// Ledger units in one: cpu is counted in millicores, everything else (bytes, devices) in ones.
fn units_per_one(resource: &str) -> u32 {
    if resource == "cpu" { 1000 } else { 1 }
}

// === impl ResourceList ===

impl<'de> Deserialize<'de> for ResourceList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ListVisitor)
    }
}

/// Names that nearly every object lists are not allocated.
fn resource_name(text: &str) -> Cow<'static, str> {
    const COMMON: [&str; 4] = ["cpu", "memory", "ephemeral-storage", "storage"];
    match COMMON.into_iter().find(|common| *common == text) {
        Some(common) => Cow::Borrowed(common),
        None => Cow::Owned(text.to_owned()),
    }
}

/// `"2"` and `null`, or whatever else stands there: `cpu: 2` and `cpu: 0.5` are quantities too, and what is none shows
/// itself in the message.
#[derive(Deserialize)]
#[serde(untagged)]
enum Written {
    Text(#[serde(deserialize_with = "read_text")] Option<ReadQuantity>),
    Other(Value),
}

fn read_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<ReadQuantity>, D::Error> {
    Reading(Quantity::parse).deserialize(deserializer)
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = ResourceList;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map of quantities or null")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ResourceList, A::Error> {
        let mut list = ResourceList::default();
        while let Some(resource) = map.next_key_seed(Reading(resource_name))? {
            let quantity = match map.next_value()? {
                Written::Text(None) => continue,
                Written::Text(Some(quantity)) => quantity,
                Written::Other(value) => Quantity::parse(&value.to_string()),
            };
            let resource = resource.unwrap_or_default();
            match list.position(&resource) {
                Ok(position) => list.0[position].1 = quantity,
                Err(position) => list.0.insert(position, (resource, quantity)),
            }
        }
        Ok(list)
    }

    fn visit_unit<E: Error>(self) -> Result<ResourceList, E> {
        Ok(ResourceList::default())
    }

    fn visit_none<E: Error>(self) -> Result<ResourceList, E> {
        Ok(ResourceList::default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> ResourceList {
        serde_json::from_str(json).unwrap()
    }

    fn in_units(list: &ResourceList) -> Vec<(String, i128)> {
        list.amounts().iter().map(|(name, amount)| (name.to_string(), *amount)).collect()
    }

    #[test]
    fn amounts_are_in_ledger_units_by_name_without_zeros() {
        let list = read(
            r#"{"nvidia.com/gpu": "1500m", "memory": "1.5Gi", "cpu": "0.1m", "hugepages-2Mi": "4Mi",
                "ephemeral-storage": 10.5, "a.b/c": 2, "pods": "0", "x": null}"#,
        );
        let expected = [
            ("a.b/c", 2),
            ("cpu", 1),
            ("ephemeral-storage", 11),
            ("hugepages-2Mi", 4 << 20),
            ("memory", 3 << 29),
            ("nvidia.com/gpu", 2),
        ];
        assert_eq!(in_units(&list), expected.map(|(name, amount)| (name.to_owned(), amount)));
    }

    #[test]
    fn empty_lists_share_one_allocation() {
        assert!(std::sync::Arc::ptr_eq(&read("null").amounts(), &read(r#"{"cpu": 0}"#).amounts()));
    }

    #[test]
    fn what_cannot_be_read_is_reported_with_its_path() {
        let list = read(r#"{"cpu": "-1", "nvidia.com/gpu": true, "memory": "1Gi", "hugepages-2Mi": {}}"#);
        let mut problems = Vec::new();
        list.check(&mut problems, || "spec.overhead".into());
        let found: Vec<_> = problems.iter().map(|problem| (&*problem.field, &*problem.message)).collect();
        assert_eq!(
            found,
            [
                ("spec.overhead.cpu", "`-1` is negative; a quantity is 0 or more"),
                ("spec.overhead.hugepages-2Mi", "`{}` is not a quantity; expected a number such as 500m, 1.5Gi or 1e3"),
                (
                    "spec.overhead[nvidia.com/gpu]",
                    "`true` is not a quantity; expected a number such as 500m, 1.5Gi or 1e3"
                ),
            ]
        );
        assert_eq!(in_units(&list), [("memory".to_owned(), 1 << 30)]);
    }
}
