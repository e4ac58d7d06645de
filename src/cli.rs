//! The commands of both programs, a file each.

pub mod replay;
