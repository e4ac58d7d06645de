//! What takes minutes. Tests begin in the order of their names, and these are first.

mod healing;
mod ways;
