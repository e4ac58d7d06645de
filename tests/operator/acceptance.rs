//! What takes minutes. Tests begin in the order of their names, and these are first.

mod failover;
mod meters;
mod mixed;
mod quiet;
mod uninstall;
mod usage;
