//! Schemas of types that are not ours, because Kubernetes' own are looser than what we can use; and the last touch to
//! all schemas.

use iso_currency::{Currency, IntoEnumIterator};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};

use super::amount::Amount;

/// An instant with its offset. The API server's own `date-time` lets pass what no other reader takes (offset +99:99).
pub(super) const INSTANT: &str =
    r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";

/// A civil date: a year, a month and a day that can be.
pub(super) const DATE: &str = r"^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$";

/// A label selector, with the operators and shapes that it can have.
pub(super) fn selector(_: &mut SchemaGenerator) -> Schema {
    let value = json_schema!({
        "type": "string",
        "maxLength": 63,
        "pattern": "^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$",
    });
    json_schema!({
        "type": "object",
        "x-kubernetes-map-type": "atomic",
        "properties": {
            "matchLabels": {
                "description": "Labels that must all be there, with these values.",
                "type": "object",
                "maxProperties": 32,
                "additionalProperties": &value,
            },
            "matchExpressions": {
                "description": "Requirements that must all hold.",
                "type": "array",
                "maxItems": 32,
                "x-kubernetes-list-type": "atomic",
                "items": {
                    "type": "object",
                    "required": ["key", "operator"],
                    "properties": {
                        "key": {
                            "description": "The label's key.",
                            "type": "string",
                            "minLength": 1,
                            "maxLength": 317,
                        },
                        "operator": {
                            "description": "In and NotIn compare the label's value with values; Exists and DoesNotExist ask whether there is such a label. NotIn holds where there is none.",
                            "type": "string",
                            "enum": ["In", "NotIn", "Exists", "DoesNotExist"],
                        },
                        "values": {
                            "description": "Values for In and NotIn; none for Exists and DoesNotExist.",
                            "type": "array",
                            "maxItems": 64,
                            "x-kubernetes-list-type": "atomic",
                            "items": &value,
                        },
                    },
                    "x-kubernetes-validations": [
                        {
                            "rule": "!(self.operator in ['In', 'NotIn']) || (has(self.values) && size(self.values) > 0)",
                            "message": "In and NotIn need at least one entry in values",
                            "fieldPath": ".values",
                        },
                        {
                            "rule": "!(self.operator in ['Exists', 'DoesNotExist']) || !has(self.values) || size(self.values) == 0",
                            "message": "Exists and DoesNotExist take no values: leave them out, or use In or NotIn",
                            "fieldPath": ".values",
                        },
                    ],
                },
            },
        },
    })
}

/// ISO 4217 codes of money that has a minor unit to round to: not metals, not test codes.
pub(super) fn currency(_: &mut SchemaGenerator) -> Schema {
    let mut codes: Vec<&str> =
        Currency::iter().filter(|currency| currency.exponent().is_some()).map(|currency| currency.code()).collect();
    codes.sort_unstable();
    json_schema!({"type": "string", "enum": codes})
}

/// A percentage: a number from 0 to 100, with at most four decimals.
pub(super) fn percent(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "minimum": 0,
        "maximum": 100,
        "maxLength": 8,
        "pattern": r"^(100(\.0{1,4})?|[1-9]?[0-9](\.[0-9]{1,4})?)$",
    })
}

/// An exchange rate: above 0, and so bounded that every amount can be shown in the other currency.
pub(super) fn exchange_rate(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "x-kubernetes-int-or-string": true,
        "minimum": 1,
        "maximum": 9_999_999_999_i64,
        "maxLength": 23,
        "pattern": r"^([1-9][0-9]{0,9}(\.[0-9]{1,12})?|0\.[0-9]{0,11}[1-9]0*)$",
    })
}

/// Graduated prices by resource. They are written out, because whether an end is a whole number of ledger units depends
/// on the resource: two decimals of a GiB-hour are whole byte-seconds, five of other hours whole units.
pub(super) fn tiers(generator: &mut SchemaGenerator) -> Schema {
    let price = Amount::json_schema(generator);
    let tier = json_schema!({
        "type": "object",
        "description": "One of graduated prices.",
        "required": ["price"],
        "properties": {
            "upTo": {
                "description": "Up to how many unit-hours of a budget and period it reaches, counted from 0: a number with at most five decimals, of GiB-hours with at most two. The last tier has none.",
                "x-kubernetes-int-or-string": true,
                "minimum": 1,
                "maximum": 9_999_999_999_i64,
                "maxLength": 16,
                "pattern": r"^(0|[1-9][0-9]{0,9})(\.[0-9]{1,5})?$",
            },
            "price": described(price, "The price per hour of one unit within it."),
        },
    });
    json_schema!({
        "type": "object",
        "maxProperties": 64,
        "additionalProperties": {
            "type": "array",
            "minItems": 1,
            "maxItems": 16,
            "x-kubernetes-list-type": "atomic",
            "items": tier,
            "x-kubernetes-validations": [
                {
                    "rule": "!has(self[size(self) - 1].upTo) && self.filter(tier, has(tier.upTo)).size() == size(self) - 1",
                    "message": "every tier but the last has an upTo, and the last has none",
                },
                {
                    "rule": "self.filter(tier, has(tier.upTo)).map(tier, double(tier.upTo)).isSorted() && self.all(tier, !has(tier.upTo) || double(tier.upTo) > 0.0 && self.exists_one(other, has(other.upTo) && double(other.upTo) == double(tier.upTo)))",
                    "message": "upTo counts from 0 and ascends: each is above the one before",
                },
            ],
        },
        "x-kubernetes-validations": [{
            "rule": "self.all(resource, !(resource in ['memory', 'ephemeral-storage'] || resource.startsWith('hugepages-')) || self[resource].all(tier, !has(tier.upTo) || double(int(double(tier.upTo) * 100.0 + 0.5)) - double(tier.upTo) * 100.0 < 0.0005 && double(tier.upTo) * 100.0 - double(int(double(tier.upTo) * 100.0 + 0.5)) < 0.0005))",
            "message": "upTo of memory, ephemeral-storage and hugepages-* is in GiB-hours and a whole number of byte-seconds: write at most two decimals",
        }],
    })
}

fn described(mut schema: Schema, description: &str) -> Schema {
    schema.insert("description".to_owned(), description.into());
    schema
}

/// Names of what a discount is taken off.
pub(super) fn discounted(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "minItems": 1,
        "maxItems": 64,
        "x-kubernetes-list-type": "set",
        "items": {
            "type": "string",
            "maxLength": 317,
            "pattern": "^[A-Za-z0-9]([-A-Za-z0-9_./]*[A-Za-z0-9])?$",
        },
    })
}

/// Conditions as Kubernetes prints and merges them: one of each type.
pub(super) fn conditions(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": "array",
        "maxItems": 16,
        "x-kubernetes-list-type": "map",
        "x-kubernetes-list-map-keys": ["type"],
        "items": {
            "type": "object",
            "required": ["type", "status", "lastTransitionTime", "reason", "message"],
            "properties": {
                "type": {
                    "description": "What is stated.",
                    "type": "string",
                    "maxLength": 316,
                    "pattern": "^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$",
                },
                "status": {
                    "description": "Whether it holds.",
                    "type": "string",
                    "enum": ["True", "False", "Unknown"],
                },
                "observedGeneration": {
                    "description": "The generation of the spec that it was said of.",
                    "type": "integer",
                    "format": "int64",
                    "minimum": 0,
                },
                "lastTransitionTime": {
                    "description": "Since when it has had this status.",
                    "type": "string",
                    "format": "date-time",
                },
                "reason": {
                    "description": "Why, in one word for programs.",
                    "type": "string",
                    "minLength": 1,
                    "maxLength": 1024,
                    "pattern": "^[A-Za-z]([A-Za-z0-9_,:]*[A-Za-z0-9_])?$",
                },
                "message": {
                    "description": "Why, in a sentence for people.",
                    "type": "string",
                    "maxLength": 32768,
                },
            },
        },
    })
}

/// Makes definitions read like those of Kubernetes' own kinds: a field that may be left out is left out and not null,
/// and a description is one paragraph, which `kubectl explain` breaks where the terminal ends.
pub(super) fn tidy(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    let schemas = crd.spec.versions.iter_mut().filter_map(|version| version.schema.as_mut());
    schemas.filter_map(|schema| schema.open_api_v3_schema.as_mut()).for_each(tidy_schema);
    crd
}

fn tidy_schema(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    if let Some(values) = &mut schema.enum_ {
        values.retain(|value| !value.0.is_null());
    }
    if let Some(description) = &mut schema.description {
        *description = description.split_whitespace().collect::<Vec<_>>().join(" ");
    }
    schema.properties.iter_mut().flat_map(|properties| properties.values_mut()).for_each(tidy_schema);
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        tidy_schema(values);
    }
    if let Some(JSONSchemaPropsOrArray::Schema(items)) = &mut schema.items {
        tidy_schema(items);
    }
}
