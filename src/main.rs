//! `opex-operator`: the controller.

fn main() {}
