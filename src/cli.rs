//! The commands of both programs, a file each.

pub mod check;
pub mod crds;
pub mod export;
pub mod grant;
mod progress;
pub mod record;
pub mod replay;
pub mod run;
pub mod simulate;
pub mod uninstall;

use std::io;
use std::process::ExitCode;

/// Installs the one provider of cryptography, for all of TLS.
pub fn install_crypto() {
    // Only a second call fails, and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

/// Runs a command that asks the API server one thing after the other.
fn block_on<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(command)
}

/// Says what went wrong, in one line; whoever reads no more of the output has no need to be told.
pub fn finish(result: anyhow::Result<()>) -> ExitCode {
    result.map_or_else(|error| explain(&error, ExitCode::FAILURE), |()| ExitCode::SUCCESS)
}

/// The same for a command that has an answer: an error is none.
pub fn answer(result: anyhow::Result<ExitCode>) -> ExitCode {
    result.unwrap_or_else(|error| explain(&error, ExitCode::from(2)))
}

fn explain(error: &anyhow::Error, code: ExitCode) -> ExitCode {
    if error.chain().any(is_unread) {
        return ExitCode::SUCCESS;
    }
    eprintln!("Error: {error:#}");
    code
}

fn is_unread(error: &(dyn std::error::Error + 'static)) -> bool {
    let io = error.downcast_ref::<io::Error>().map(io::Error::kind);
    let json = || error.downcast_ref::<serde_json::Error>().and_then(serde_json::Error::io_error_kind);
    let csv = || match error.downcast_ref::<csv::Error>()?.kind() {
        csv::ErrorKind::Io(error) => Some(error.kind()),
        _ => None,
    };
    io.or_else(json).or_else(csv) == Some(io::ErrorKind::BrokenPipe)
}
