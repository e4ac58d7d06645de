//! The kinds of `billing.opex.dev/v1alpha1`: types, schemas, rules and columns.
