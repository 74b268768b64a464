//! What is made from the commands themselves: help, completions, manual pages.

use crate::nodes::{done, failed, tahoe};
use crate::run::{names, two_sentences};
use std::fs;
use std::path::Path;

#[test]
fn shells_and_manuals_know_every_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = done(tahoe().args(["completions", shell]));
        assert!(script.contains("deep-check") && script.contains("allow-new-tub"), "{shell}");
    }
    assert_eq!(failed(tahoe().args(["completions", "dos"])).0, 2);
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("man1");
    done(tahoe().arg("man").arg(&dir));
    let pages = names(&dir);
    let others = ["tahoe-unlink.1", "allmydata-tahoe.1"];
    for page in ["tahoe.1", "tahoe-cp.1", "tahoe-debug-dump-dirnode.1"].iter().chain(&others) {
        assert!(pages.iter().any(|name| name == page), "{pages:?}");
    }
    assert_eq!(fs::read_to_string(dir.join(others[0])).unwrap(), ".so man1/tahoe-rm.1\n");
    let page = fs::read_to_string(dir.join("tahoe-put.1")).unwrap();
    let version = done(tahoe().arg("-V"));
    let title = page.lines().find(|line| line.starts_with(".TH")).unwrap();
    assert!(title.contains("tahoe-put") && title.contains(version.trim()), "{title}");
    assert!(page.contains("\n.SH EXAMPLES\n.nf\n") && page.contains("\n.SH PLACES\n"), "{page}");
    assert!(!page.contains(".SH EXTRA"), "{page}");
    let (code, said) = failed(tahoe().args(["man", "/proc/no/such"]));
    two_sentences(&said);
    assert_eq!(code, 1);
}

#[test]
fn the_version_names_the_components() {
    let long = done(tahoe().arg("--version"));
    assert!(long.starts_with("tahoe ") && long.contains("\nsled 0.34.7\n"), "{long}");
    assert_eq!(done(tahoe().arg("-V")).lines().count(), 1);
}

/// All commands and the options with which each prints its help.
fn commands() -> Vec<Vec<String>> {
    let listed = |arguments: &[&str]| -> Vec<String> {
        let help = done(tahoe().args(arguments).arg("-h").env("COLUMNS", "100"));
        let lines = help.lines().skip_while(|line| *line != "Commands:").skip(1);
        let lines = lines.take_while(|line| !line.is_empty());
        // What goes on in a second line stands further right.
        let names = lines.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
        names.filter(|name| !name.is_empty()).map(str::to_owned).collect()
    };
    let mut all = vec![Vec::new()];
    for command in listed(&[]).into_iter().filter(|name| name != "help") {
        for below in listed(&[&command]).into_iter().filter(|name| name != "help") {
            all.push(vec![command.clone(), below]);
        }
        all.push(vec![command]);
    }
    all
}

#[test]
fn help_texts_are_as_written_down() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/vectors/help");
    let write = std::env::var_os("TAHOE_WRITE_HELP").is_some();
    let commands = commands();
    assert!(commands.len() > 35, "{commands:?}");
    let mut changed = Vec::new();
    let mut known = Vec::new();
    for command in commands {
        let help = done(tahoe().args(&command).arg("--help").env("COLUMNS", "100"));
        let name = if command.is_empty() { "tahoe".to_owned() } else { command.join("-") };
        let path = folder.join(format!("{name}.txt"));
        if write {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&path, &help).unwrap();
        }
        if fs::read_to_string(&path).unwrap_or_default() != help {
            changed.push(name.clone());
        }
        known.push(format!("{name}.txt"));
    }
    known.sort();
    assert!(
        changed.is_empty() && names(&folder) == known,
        "changed, new or gone; look at them after TAHOE_WRITE_HELP=1: {changed:?}"
    );
}
