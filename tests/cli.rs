//! What the documentation shows of the programs is what they print.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

#[test]
fn documented_commands_print_what_is_documented() {
    trycmd::TestCases::new()
        .register_bin("kubectl", kubectl())
        .env("RUST_BACKTRACE", "0")
        .case("tests/cli/*.trycmd")
        .case("docs/cost-model.md")
        .case("docs/focus.md")
        .run();
}

/// Finds the plugin as kubectl does, and knows nothing else.
fn kubectl() -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("kubectl");
    let script = format!("#!/bin/sh\ncommand=$1\nshift\nexec {}\"$command\" \"$@\"\n", plugin_prefix());
    fs::write(&path, script).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path
}

fn plugin_prefix() -> &'static str {
    let opex = env!("CARGO_BIN_EXE_kubectl-opex");
    opex.strip_suffix("opex").unwrap()
}
