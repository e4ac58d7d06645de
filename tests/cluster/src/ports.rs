//! Free ports on the loopback, a block for each cluster.
//!
//! Asking the system for "any free port" gives two clusters that start together the same one. A
//! block is held by a lock on a file, lies below the range that outgoing connections use, and is
//! taken only when nothing listens on any of its ports.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicU16, Ordering};

use anyhow::{Result, bail};

const FIRST: u16 = 20_000;
const SIZE: u16 = 32;
const BLOCKS: u16 = 312;

/// Ports that belong to one cluster as long as this lives.
#[derive(Debug)]
pub(crate) struct Ports {
    base: u16,
    given: AtomicU16,
    _lock: File,
}

impl Ports {
    /// Takes the first block that is free; the locks are files in `dir`.
    pub(crate) fn claim(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir)?;
        for block in 0..BLOCKS {
            let base = FIRST + block * SIZE;
            let lock = File::create(dir.join(base.to_string()))?;
            if lock.try_lock().is_ok() && (base..base + SIZE).all(is_free) {
                return Ok(Self { base, given: AtomicU16::new(0), _lock: lock });
            }
        }
        bail!("no block of {SIZE} free ports between {FIRST} and {}", FIRST + BLOCKS * SIZE);
    }

    /// The next port that was not given out yet.
    ///
    /// # Panics
    /// When the block is used up.
    pub(crate) fn next(&self) -> u16 {
        let given = self.given.fetch_add(1, Ordering::Relaxed);
        assert!(given < SIZE, "a cluster has {SIZE} ports, and all are given out");
        self.base + given
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}
