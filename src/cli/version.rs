//! `tahoe --version`: this program and what it is made of.

use std::sync::LazyLock;

/// What the build took its components from.
const LOCK: &str = include_str!("../../Cargo.lock");
/// Those that somebody may have to know about: protocols, cryptography, storage.
const COMPONENTS: &[&str] = &[
    "actix",
    "actix-web",
    "aes",
    "bincode",
    "clap",
    "ring",
    "rustls",
    "sled",
    "snow",
    "tape-sha256",
    "tokio",
    "zfec-rs",
];

/// The version, then a line for each component.
pub fn long() -> &'static str {
    static TEXT: LazyLock<String> = LazyLock::new(|| {
        let mut text = env!("CARGO_PKG_VERSION").to_owned();
        for name in COMPONENTS {
            if let Some(version) = locked(LOCK, name) {
                text.push_str(&format!("\n{name} {version}"));
            }
        }
        text
    });
    &TEXT
}

/// The version of a package in the lock file.
fn locked<'a>(lock: &'a str, name: &str) -> Option<&'a str> {
    let wanted = format!("name = \"{name}\"");
    let mut lines = lock.lines().skip_while(|line| *line != wanted);
    lines.nth(1)?.strip_prefix("version = \"")?.strip_suffix('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_component_is_in_the_lock_file() {
        for name in COMPONENTS {
            let version = locked(LOCK, name).unwrap_or_default();
            assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{name}: {version}");
        }
        assert_eq!(locked(LOCK, "no-such-package"), None);
    }
}
