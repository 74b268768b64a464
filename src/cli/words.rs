//! The words of a command line, where the parser looks for them.

use std::ffi::{OsStr, OsString};

/// Options with a value that say which node, and belong to a command.
const NODE: [&str; 4] = ["-d", "--node-directory", "-u", "--node-url"];

/// Puts options that name a node behind the command where they stand before it, as 1.20 has them:
/// `-d DIR ls` becomes `ls -d DIR`.
pub fn in_order(words: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut words = words.peekable();
    let mut ordered: Vec<OsString> = words.next().into_iter().collect();
    let mut moved = Vec::new();
    while let Some(word) = words.next_if(|word| word.as_encoded_bytes().starts_with(b"-")) {
        if is_node_option(&word) {
            moved.push(word);
            moved.extend(words.next());
        } else if has_node(&word) {
            moved.push(word);
        } else {
            ordered.push(word);
        }
    }
    let command = words.next();
    let has_below = command.as_deref() == Some(OsStr::new("debug"));
    ordered.extend(command);
    if has_below {
        ordered.extend(words.next());
    }
    ordered.extend(moved);
    ordered.extend(words);
    ordered
}

fn is_node_option(word: &OsStr) -> bool {
    NODE.iter().any(|option| word == *option)
}

/// `--node-url=URL` and the like.
fn has_node(word: &OsStr) -> bool {
    let bytes = word.as_encoded_bytes();
    let long = NODE.iter().filter(|option| option.starts_with("--"));
    let with_value = |option: &&str| {
        bytes.strip_prefix(option.as_bytes()).is_some_and(|rest| rest.starts_with(b"="))
    };
    long.into_iter().any(with_value) || short_with_value(bytes)
}

/// `-dDIR`.
fn short_with_value(bytes: &[u8]) -> bool {
    bytes.len() > 2 && (bytes.starts_with(b"-d") || bytes.starts_with(b"-u"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_may_be_named_before_the_command() {
        for (said, meant) in [
            ("tahoe -d n ls a", "tahoe ls -d n a"),
            ("tahoe -q -d n ls a", "tahoe -q ls -d n a"),
            ("tahoe --node-url u -q ls", "tahoe -q ls --node-url u"),
            ("tahoe --node-url=u ls", "tahoe ls --node-url=u"),
            ("tahoe -dn ls", "tahoe ls -dn"),
            ("tahoe -d n debug control memory", "tahoe debug control -d n memory"),
            ("tahoe ls -d n a", "tahoe ls -d n a"),
            ("tahoe --version", "tahoe --version"),
            ("tahoe -d", "tahoe -d"),
            ("tahoe", "tahoe"),
        ] {
            let words = in_order(said.split(' ').map(OsString::from));
            assert_eq!(words, meant.split(' ').map(OsString::from).collect::<Vec<_>>(), "{said}");
        }
    }
}
