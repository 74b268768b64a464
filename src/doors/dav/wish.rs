//! The `If` header (RFC 4918 §10.4): which locks its sender holds, and what it expects to be there.
//!
//! ```text
//! If: (<urn:uuid:…> ["tag"]) (Not <DAV:no-lock>)      of what the request is about
//! If: <http://host/dav/door/a> (<urn:uuid:…>) …       of what each address names
//! ```
//! It holds if one list does, and a list if all in it does. Reading it takes time in proportion to its
//! length, whatever is in it.

use crate::base::limits::{DAV_CONDITIONS_MAX, DAV_RESOURCES_MAX};
use actix_web::http::header::HeaderMap;

/// A header that makes no sense: what its sender expects is not known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadIf;

/// What a request says in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wish {
    lists: Vec<List>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct List {
    /// The address as it stands there; none: what the request is about.
    of: Option<String>,
    conditions: Vec<Condition>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Condition {
    not: bool,
    what: Expected,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// A lock with this token.
    Token(String),
    /// Something with this entity tag, quotes included.
    Tag(String),
}

impl Wish {
    pub fn of(headers: &HeaderMap) -> Result<Self, BadIf> {
        let mut values = headers.get_all("if");
        match (values.next(), values.next()) {
            (None, _) => Ok(Self::default()),
            (Some(value), None) => Self::parse(value.to_str().map_err(|_| BadIf)?),
            _ => Err(BadIf),
        }
    }

    pub fn parse(text: &str) -> Result<Self, BadIf> {
        let (mut wish, mut rest, mut count) = (Self::default(), text.trim_start(), 0);
        let tagged = rest.starts_with('<');
        let mut of = None;
        while !rest.is_empty() {
            if rest.starts_with('<') && tagged {
                let (address, behind) = coded(rest)?;
                // An address without a list says nothing of it.
                if !behind.trim_start().starts_with('(') {
                    return Err(BadIf);
                }
                (of, rest) = (Some(address.to_owned()), behind.trim_start());
            }
            let (conditions, behind) = list(rest, &mut count)?;
            wish.lists.push(List { of: of.clone(), conditions });
            rest = behind.trim_start();
        }
        match wish.lists.is_empty() || wish.addresses().len() > DAV_RESOURCES_MAX {
            true => Err(BadIf),
            false => Ok(wish),
        }
    }

    /// The addresses in it, each once.
    pub fn addresses(&self) -> Vec<&str> {
        let mut all: Vec<&str> = self.lists.iter().filter_map(|list| list.of.as_deref()).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// The tokens that its sender shows, in whatever list.
    pub fn tokens(&self) -> impl Iterator<Item = &str> {
        self.lists.iter().flat_map(|list| &list.conditions).filter_map(|one| match &one.what {
            Expected::Token(token) => Some(token.as_str()),
            Expected::Tag(_) => None,
        })
    }

    /// Whether it holds, where `is` says what does of an address, or of what the request is about.
    pub fn holds(&self, is: impl Fn(Option<&str>, &Expected) -> bool) -> bool {
        let held = |list: &List| {
            list.conditions.iter().all(|one| is(list.of.as_deref(), &one.what) != one.not)
        };
        self.lists.is_empty() || self.lists.iter().any(held)
    }
}

/// `(` conditions `)`, and what is behind it.
fn list<'t>(text: &'t str, count: &mut usize) -> Result<(Vec<Condition>, &'t str), BadIf> {
    let mut rest = text.strip_prefix('(').ok_or(BadIf)?.trim_start();
    let mut conditions = Vec::new();
    loop {
        if let Some(behind) = rest.strip_prefix(')') {
            return if conditions.is_empty() { Err(BadIf) } else { Ok((conditions, behind)) };
        }
        *count += 1;
        if *count > DAV_CONDITIONS_MAX {
            return Err(BadIf);
        }
        let not = rest.get(..3).is_some_and(|word| word.eq_ignore_ascii_case("not"));
        if not {
            rest = rest.get(3..).unwrap_or_default().trim_start();
        }
        let what = match rest.strip_prefix('[') {
            Some(quoted) => {
                let (tag, behind) = tag(quoted)?;
                rest = behind;
                Expected::Tag(tag.to_owned())
            }
            None => {
                let (token, behind) = coded(rest)?;
                rest = behind;
                Expected::Token(token.to_owned())
            }
        };
        conditions.push(Condition { not, what });
        rest = rest.trim_start();
    }
}

/// `<…>`, and what is behind it.
pub fn coded(text: &str) -> Result<(&str, &str), BadIf> {
    let inner = text.strip_prefix('<').ok_or(BadIf)?;
    let (inside, behind) = inner.split_once('>').ok_or(BadIf)?;
    match inside.is_empty() || inside.contains('<') || inside.contains(char::is_whitespace) {
        true => Err(BadIf),
        false => Ok((inside, behind)),
    }
}

/// `"…"]`, weak or not, and what is behind it.
fn tag(text: &str) -> Result<(&str, &str), BadIf> {
    let opaque = text.strip_prefix("W/").unwrap_or(text);
    let inner = opaque.strip_prefix('"').ok_or(BadIf)?;
    let inside = inner.find('"').ok_or(BadIf)?;
    let (opaque, behind) = opaque.split_at_checked(inside + 2).ok_or(BadIf)?;
    let behind = behind.strip_prefix(']').ok_or(BadIf)?;
    // Nothing here has a weak tag, so one that is weak names nothing.
    Ok((if text.starts_with("W/") { "" } else { opaque }, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str, token: &str, tag: &str) -> bool {
        Wish::parse(text).unwrap().holds(|of, what| match what {
            Expected::Token(one) => of.is_none_or(|of| of == "/a") && one == token,
            Expected::Tag(one) => of.is_none_or(|of| of == "/a") && one == tag,
        })
    }

    #[test]
    fn one_list_must_hold_and_all_that_is_in_it() {
        for (text, holding) in [
            ("(<t>)", true),
            ("(<u>)", false),
            ("(<t> [\"x\"])", true),
            ("(<t> [\"y\"])", false),
            ("(<t>[\"y\"])(Not <u>)", true),
            ("(Not <t>)", false),
            ("(NOT<u>)", true),
            ("([W/\"x\"])", false),
            ("(<u>) ( <DAV:no-lock> ) (not <DAV:no-lock>)", true),
            ("</a> (<t>)", true),
            ("</b> (<t>) </a> (<u>)", false),
            ("</b> (<u>) </a> (<u>) ([\"x\"])", true),
        ] {
            assert_eq!(holds(text, "t", "\"x\""), holding, "{text}");
        }
        assert!(Wish::default().holds(|_, _| false));
    }

    #[test]
    fn tokens_are_shown_wherever_they_stand() {
        let wish = Wish::parse("</a> (<t> [\"x\"]) (Not <u>) </b> (<v>)").unwrap();
        assert_eq!(wish.tokens().collect::<Vec<_>>(), ["t", "u", "v"]);
        assert_eq!(wish.addresses(), ["/a", "/b"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let many = "(<a>)".repeat(DAV_CONDITIONS_MAX + 1);
        let far: String = (0..=DAV_RESOURCES_MAX).map(|n| format!("</{n}> (<a>)")).collect();
        for bad in [
            "",
            " ",
            "x",
            "()",
            "(",
            ")",
            "(<a>",
            "(<a)",
            "<a>",
            "(<a>) <b>",
            "(<a>) x",
            "<a> <b> (<c>)",
            "(Not)",
            "(Not Not <a>)",
            "([a])",
            "([\"a\")",
            "([\"a)",
            "[\"a\"]",
            "(<<<)((",
            "(<>)",
            "(<a>) (<b>",
            "(Not",
            "(N\u{f6}t <a>)",
            "(<a b>)",
            &many,
            &far,
        ] {
            assert_eq!(Wish::parse(bad), Err(BadIf), "{bad:.60}");
        }
    }

    #[test]
    fn nothing_that_is_sent_breaks_it() {
        let good =
            "</d\u{e4}v/a%20b> (<urn:uuid:1> [\"x\"] Not [W/\"y\"]) (Not <DAV:no-lock>) </b>(<c>)";
        let marks = ["<", ">", "(", ")", "[", "]", "\"", "W/", "Not", "\u{20ac}", " ", ""];
        for (at, letter) in good.char_indices() {
            let (before, behind) = good.split_at(at);
            let _ = Wish::parse(before);
            let _ = Wish::parse(behind);
            for mark in marks {
                let _ = Wish::parse(&format!("{before}{mark}{behind}"));
                let _ = Wish::parse(&format!("{before}{mark}{}", &behind[letter.len_utf8()..]));
            }
        }
        for mark in marks {
            let _ = Wish::parse(&mark.repeat(50_000));
            let _ = Wish::parse(&format!("({}", mark.repeat(50_000)));
        }
    }
}
