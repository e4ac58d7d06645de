//! The commands of both programs, a file each.

pub mod crds;
pub mod export;
mod progress;
pub mod record;
pub mod replay;
pub mod run;

/// Installs the one provider of cryptography, for all of TLS.
pub fn install_crypto() {
    // Only a second call fails, and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
