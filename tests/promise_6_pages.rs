//! Promise 6: viewing one file cannot touch another, and no cap leaves the browser. And everything
//! else that the pages do: see `tests/browser/README.md`.

#![allow(clippy::panic, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::process::{Command, Output};
use std::sync::LazyLock;

fn script(arguments: &[&str]) -> Option<Output> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/run.mjs");
    let tahoe = env!("CARGO_BIN_EXE_tahoe");
    Command::new("node").arg(script).args(arguments).env("TAHOE", tahoe).output().ok()
}

/// What the cases need is brought once for all of them.
static PREPARED: LazyLock<Option<Output>> = LazyLock::new(|| script(&["--prepare"]));

/// Runs the cases whose file is one of these, in a browser and on a grid of their own.
fn cases(files: &str) {
    let run = PREPARED.as_ref().and_then(|_| script(&["--only", files]));
    let Some(output) = run else {
        println!("not tried: there is no Node.js");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the pages do not work; see above");
    let tells = |start| said.lines().any(|line| line.starts_with(start));
    assert!(tells("promise 6: ") || tells("not tried: "), "neither figures nor why there are none");
}

#[test]
fn pages_work_in_a_real_browser_and_stored_files_do_not() {
    cases("newcomer:,files:,viewing:,dialogs:,noscript:,pages:,hostile:");
}

#[test]
fn pages_look_right_in_every_size_and_colour_and_for_who_has_no_mouse() {
    cases("looks:");
}
