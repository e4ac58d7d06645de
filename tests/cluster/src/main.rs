//! Starts and stops embedded clusters.

fn main() {}
