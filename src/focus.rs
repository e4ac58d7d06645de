//! Statements as rows of FOCUS 1.3, the FinOps Open Cost and Usage Specification: what a warehouse takes in beside the
//! bills of clouds.
//!
//! A row is a priced line of a Statement. [`charge`] works out what it says, [`column`] is the table of all columns and
//! how each is filled, [`category`] the one place where our categories become those of the specification, and [`rows`]
//! writes them, holding one Statement at a time.

pub mod category;
pub mod charge;
pub mod column;
pub mod rows;
