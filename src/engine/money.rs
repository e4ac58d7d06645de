//! Exact prices and amounts; money is rounded once, on output.
