//! Where an object stands, as names that lead upwards. A cap never shows among them.

use crate::files::address::{Address, Root};

/// One step; the last one leads nowhere, as one is there.
pub struct Crumb {
    pub name: String,
    pub href: Option<String>,
}

/// What the root of an address is called.
pub const fn root_name(root: &Root) -> &'static str {
    match root {
        Root::Cap(_) => "Shared",
        Root::Global => "Global drive",
        Root::Private => "Private drive",
    }
}

/// The name of what an address leads to.
pub fn title(address: &Address) -> String {
    address.name().map_or_else(|| root_name(&address.root).to_owned(), shown)
}

/// A name as it is shown; nothing is shown as something.
pub fn shown(name: &str) -> String {
    if name.trim().is_empty() { "(no name)".to_owned() } else { name.to_owned() }
}

/// All steps from the root to an address.
pub fn crumbs(address: &Address) -> Vec<Crumb> {
    let length = address.path.len();
    (0..=length)
        .map(|depth| {
            let path = address.path.iter().take(depth).cloned().collect();
            let here = Address { root: address.root.clone(), path };
            Crumb { name: title(&here), href: (depth < length).then(|| here.path()) }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_upwards_and_caps_do_not_show() {
        let address = Address { root: Root::Cap("URI:DIR:secret".into()), path: vec!["a".into()] };
        let all = crumbs(&address);
        let names: Vec<_> = all.iter().map(|crumb| crumb.name.as_str()).collect();
        assert_eq!(names, ["Shared", "a"]);
        assert!(all[0].href.is_some() && all[1].href.is_none());
        assert_eq!(address.parent().unwrap().path(), "/uri/URI%3ADIR%3Asecret");
        assert_eq!(title(&Address { root: Root::Private, path: Vec::new() }), "Private drive");
    }
}
