//! Conditions of a request (RFC 9110 §13): whether what it is about is still what its sender saw.
//!
//! Nothing here has a date of its last change. So conditions on dates are not looked at, and an
//! `If-Range` with a date holds for nothing: what it would guard is sent whole.

use actix_web::http::header::{self, HeaderMap, HeaderName};

/// The conditions that came with a request.
#[derive(Debug, Clone, Default)]
pub struct Conditions {
    if_match: Option<Tags>,
    if_none_match: Option<Tags>,
    if_range: Option<Tags>,
}

/// What is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Current {
    Nothing,
    /// Something that has no entity tag.
    Untagged,
    Tagged(String),
}

/// What a request's conditions come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Met,
    /// Its sender has what is there, or asks to be told that there is something.
    Known,
    Unmet,
}

/// The entity tags of one header, or `*`.
#[derive(Debug, Clone, Default)]
struct Tags {
    any: bool,
    tags: Vec<Tag>,
}

#[derive(Debug, Clone)]
struct Tag {
    weak: bool,
    /// With its quotes.
    opaque: String,
}

impl Conditions {
    pub fn of(headers: &HeaderMap) -> Self {
        Self {
            if_match: Tags::of(headers, header::IF_MATCH),
            if_none_match: Tags::of(headers, header::IF_NONE_MATCH),
            if_range: Tags::of(headers, header::IF_RANGE),
        }
    }

    /// Whether there are any but that on a range.
    pub const fn are_there(&self) -> bool {
        self.if_match.is_some() || self.if_none_match.is_some()
    }

    pub fn judge(&self, now: &Current) -> Outcome {
        match (&self.if_match, &self.if_none_match) {
            (Some(tags), _) if !tags.name_strongly(now) => Outcome::Unmet,
            (_, Some(tags)) if tags.name_weakly(now) => Outcome::Known,
            _ => Outcome::Met,
        }
    }

    /// Whether a change may be made of what is there.
    pub fn allow(&self, now: &Current) -> bool {
        self.judge(now) == Outcome::Met
    }

    /// Whether a part may be sent of what has this tag, to be put beside parts that came before.
    pub fn allow_range(&self, tag: &str) -> bool {
        let now = Current::Tagged(tag.to_owned());
        self.if_range.as_ref().is_none_or(|tags| !tags.any && tags.name_strongly(&now))
    }
}

impl Tags {
    /// Several headers of one name are one list; none if there is no such header. One that makes no
    /// sense names nothing.
    fn of(headers: &HeaderMap, name: HeaderName) -> Option<Self> {
        let mut found: Option<Self> = None;
        for value in headers.get_all(name) {
            let tags = found.get_or_insert_default();
            let text = value.to_str().unwrap_or_default().trim();
            tags.any |= text == "*";
            tags.tags.extend(entity_tags(text));
        }
        found
    }

    fn name_strongly(&self, now: &Current) -> bool {
        self.name(now, |tag| !tag.weak)
    }

    fn name_weakly(&self, now: &Current) -> bool {
        self.name(now, |_| true)
    }

    fn name(&self, now: &Current, counts: impl Fn(&Tag) -> bool) -> bool {
        match now {
            Current::Nothing => false,
            Current::Untagged => self.any,
            Current::Tagged(now) => {
                self.any || self.tags.iter().any(|tag| tag.opaque == *now && counts(tag))
            }
        }
    }
}

/// `"a", W/"b"`, up to what is no tag; there may be commas within the quotes.
fn entity_tags(list: &str) -> impl Iterator<Item = Tag> {
    let mut rest = list;
    std::iter::from_fn(move || {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let weak = rest.starts_with("W/");
        let quoted = rest.strip_prefix("W/").unwrap_or(rest);
        let end = quoted.strip_prefix('"')?.find('"')?;
        let (opaque, behind) = quoted.split_at_checked(end + 2)?;
        rest = behind;
        Some(Tag { weak, opaque: opaque.to_owned() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn conditions(all: &[(HeaderName, &str)]) -> Conditions {
        let mut headers = HeaderMap::new();
        for (name, value) in all {
            headers.append(name.clone(), HeaderValue::from_str(value).unwrap());
        }
        Conditions::of(&headers)
    }

    fn tagged() -> Current {
        Current::Tagged("\"x\"".to_owned())
    }

    #[test]
    fn what_shall_be_replaced_must_be_named_to_the_letter() {
        for (value, nothing, untagged, same) in [
            ("*", false, true, true),
            ("\"x\"", false, false, true),
            ("\"y\" , \"x\"", false, false, true),
            ("\"a,b\",\"x\"", false, false, true),
            ("W/\"x\"", false, false, false),
            ("\"y\"", false, false, false),
            ("x", false, false, false),
            ("\"x", false, false, false),
            ("\"", false, false, false),
            ("", false, false, false),
        ] {
            let asked = conditions(&[(header::IF_MATCH, value)]);
            let all = [Current::Nothing, Current::Untagged, tagged()];
            let allowed: Vec<bool> = all.iter().map(|now| asked.allow(now)).collect();
            assert_eq!(allowed, [nothing, untagged, same], "{value}");
        }
    }

    #[test]
    fn what_is_known_is_known_however_weakly() {
        for (value, untagged, same) in [
            ("*", Outcome::Known, Outcome::Known),
            ("W/\"x\"", Outcome::Met, Outcome::Known),
            ("\"y\", \"x\"", Outcome::Met, Outcome::Known),
            ("\"y\"", Outcome::Met, Outcome::Met),
            ("x", Outcome::Met, Outcome::Met),
        ] {
            let asked = conditions(&[(header::IF_NONE_MATCH, value)]);
            assert_eq!(asked.judge(&Current::Nothing), Outcome::Met, "{value}");
            assert_eq!(asked.judge(&Current::Untagged), untagged, "{value}");
            assert_eq!(asked.judge(&tagged()), same, "{value}");
        }
    }

    #[test]
    fn if_match_counts_before_if_none_match_and_headers_of_one_name_are_one_list() {
        let both = [(header::IF_MATCH, "\"y\""), (header::IF_NONE_MATCH, "\"x\"")];
        assert_eq!(conditions(&both).judge(&tagged()), Outcome::Unmet);
        let both = [(header::IF_MATCH, "\"x\""), (header::IF_NONE_MATCH, "\"x\"")];
        assert_eq!(conditions(&both).judge(&tagged()), Outcome::Known);
        let two = [(header::IF_MATCH, "\"y\""), (header::IF_MATCH, "\"x\"")];
        assert_eq!(conditions(&two).judge(&tagged()), Outcome::Met);
        assert!(!conditions(&[(header::IF_RANGE, "\"x\"")]).are_there());
    }

    #[test]
    fn a_part_is_sent_only_of_the_very_same() {
        assert!(conditions(&[]).allow_range("\"x\""));
        assert!(conditions(&[(header::IF_RANGE, "\"x\"")]).allow_range("\"x\""));
        for other in ["\"y\"", "W/\"x\"", "*", "x", "", "Sun, 29 Nov 2026 08:00:00 GMT"] {
            assert!(!conditions(&[(header::IF_RANGE, other)]).allow_range("\"x\""), "{other}");
        }
    }
}
