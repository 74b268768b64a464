//! Asks the linker for a program of which a running node keeps less in memory.
//!
//! A storage node that stands ready is mostly its program's pages. Linux maps sixteen of them around
//! each that is touched, and what a server runs is an eighth of the code, scattered: nearly all of
//! it would be resident. So what a server does not run stands apart (`apart.txt`), and the list of
//! addresses to adjust at the start, 400 KB that are read once, is packed.
//!
//! Neither changes what the program does, and neither is known to every linker and C library. Each is
//! tried with a program that does nothing: one that cannot be linked or does not run here is left out.

use std::env;
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() -> std::io::Result<()> {
    println!("cargo::rerun-if-changed=build");
    if !wanted() {
        return Ok(());
    }
    let out = PathBuf::from(variable("OUT_DIR"));
    let script = out.join("apart.ld");
    fs::write(&script, linker_script(include_str!("apart.txt")))?;
    let apart = format!("-Wl,-T,{}", script.display());
    for argument in ["-Wl,-z,pack-relative-relocs", &apart] {
        if links_and_runs(&out, argument)? {
            println!("cargo::rustc-link-arg-bins={argument}");
        }
    }
    Ok(())
}

/// Whether this is a release for the system that builds it, where a trial tells something.
fn wanted() -> bool {
    variable("PROFILE") == "release"
        && variable("CARGO_CFG_TARGET_OS") == "linux"
        && variable("CARGO_CFG_TARGET_ENV") == "gnu"
        && variable("HOST") == variable("TARGET")
}

fn variable(name: &str) -> String {
    env::var(name).unwrap_or_default()
}

/// A section behind that of all other code, for every function that the compiler calls unlikely, that
/// belongs to a path of the list, or that is made for a type of one. The names of the last two are
/// those of both ways in which rustc spells symbols.
fn linker_script(list: &str) -> String {
    let mut script = String::from("SECTIONS { .text.apart : {\n*(.text.unlikely.*)\n");
    for path in list.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let names: Vec<&str> = path.split("::").collect();
        let nested: String = names.iter().map(|name| format!("{}{name}", name.len())).collect();
        let of_type = names.join("..");
        let _ = writeln!(script, "*(.text._*{nested}* .text._*${of_type}..*)");
    }
    script + "} } INSERT AFTER .text;\n"
}

/// Links a program as cargo will, with one more argument to the linker, and runs it.
fn links_and_runs(out: &Path, argument: &str) -> std::io::Result<bool> {
    let (source, program) = (out.join("trial.rs"), out.join("trial"));
    fs::write(&source, "fn main() {}\n")?;
    let mut rustc = Command::new(variable("RUSTC"));
    rustc.arg(source).arg("-o").arg(&program).arg(format!("-Clink-arg={argument}"));
    rustc.args(variable("CARGO_ENCODED_RUSTFLAGS").split('\u{1f}').filter(|flag| !flag.is_empty()));
    if let Ok(linker) = env::var("RUSTC_LINKER") {
        rustc.arg(format!("-Clinker={linker}"));
    }
    let linked = rustc.output()?.status.success();
    Ok(linked && Command::new(program).output()?.status.success())
}
