//! Promise 6: viewing one file cannot touch another, and no cap leaves the browser. And everything
//! else that the pages do: see `tests/browser/README.md`.

#![allow(clippy::panic, reason = "a test stops at the first surprise")]

use std::path::Path;
use std::process::Command;

#[test]
fn pages_work_in_a_real_browser_and_stored_files_do_not() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/browser/run.mjs");
    let run = Command::new("node").arg(script).env("TAHOE", env!("CARGO_BIN_EXE_tahoe")).output();
    let Ok(output) = run else {
        println!("not tried: there is no Node.js");
        return;
    };
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "the pages do not work; see above");
    let tells = |start| said.lines().any(|line| line.starts_with(start));
    assert!(tells("promise 6: ") || tells("not tried: "), "neither figures nor why there are none");
}
