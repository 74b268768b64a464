//! How a long-running process gets its memory and gives it back.
//!
//! The C library of Linux gives every few threads an arena of their own, and what is freed in one is
//! not used by another: a gateway that had moved three files at once in both directions held 137 MiB
//! where two arenas hold 80, and is no slower with two. It also takes ever larger buffers from the
//! arenas, where small things that outlive them keep their pages: three files at once then held
//! 80 MiB on their way down, and 50 if buffers of half a mebibyte have pages of their own. The
//! library reads such numbers before a program begins, so the program begins once more.

/// Starts this program again in its own place, as it was called, unless somebody has said how memory
/// shall be had. Returns where that is so, where it would not matter, and where it fails.
#[cfg(all(target_os = "linux", target_env = "gnu"))]
pub fn configure() {
    use std::env::{args_os, current_exe, var_os};
    use std::os::unix::process::CommandExt;
    const SETTINGS: [(&str, &str); 3] = [
        ("MALLOC_ARENA_MAX", "2"),
        ("MALLOC_MMAP_THRESHOLD_", "524288"),
        ("MALLOC_TRIM_THRESHOLD_", "1048576"),
    ];
    let given = |name: &str| var_os(name).is_some();
    if given("GLIBC_TUNABLES") || SETTINGS.iter().any(|(name, _)| given(name)) {
        return;
    }
    let Ok(program) = current_exe() else { return };
    let mut arguments = args_os();
    let mut command = std::process::Command::new(program);
    if let Some(name) = arguments.next() {
        command.arg0(name);
    }
    // Comes back only if it failed; then memory is not as well used, and all else is the same.
    let _ = command.args(arguments).envs(SETTINGS).exec();
}

/// Other systems' libraries are not known to need this.
#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
pub const fn configure() {}
