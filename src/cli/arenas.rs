//! How a long-running process shares its memory among its threads.
//!
//! The C library of Linux gives every few threads an arena of their own, and what is freed in one is
//! not used by another: a gateway that had moved three files at once in both directions held 137 MiB
//! where two arenas hold 80, and is no slower with two. The library reads the number before a program
//! begins, so the program begins once more.

/// Starts this program again in its own place, as it was called, unless somebody has said how many
/// arenas there shall be. Returns where that is so, where it would not matter, and where it fails.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn few() {
    use std::env::{args_os, current_exe, var_os};
    use std::os::unix::process::CommandExt;
    const ARENAS: &str = "MALLOC_ARENA_MAX";
    if var_os(ARENAS).is_some() || var_os("GLIBC_TUNABLES").is_some() {
        return;
    }
    let Ok(program) = current_exe() else { return };
    let mut arguments = args_os();
    let mut command = std::process::Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    // Comes back only if it failed; then memory is not as well used, and all else is the same.
    let _ = command.args(arguments).env(ARENAS, "2").exec();
}

/// Other systems' libraries are not known to need this.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub const fn few() {}
