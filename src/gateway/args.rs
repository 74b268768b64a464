//! The arguments of a request: those after the `?`, then the fields of its form.

use super::answer::{Failure, quoted};
use crate::files::address::percent_encode;
use crate::grid::dirnode::Replace;
use actix_web::web::Query;

/// Names and values, in order; of several with one name the first counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Arguments(Vec<(String, String)>);

impl Arguments {
    /// Reads a query, or the body of an urlencoded form.
    pub fn parse(text: &str) -> Result<Self, Failure> {
        Query::<Vec<(String, String)>>::from_query(text)
            .map(|pairs| Self(pairs.into_inner()))
            .map_err(|_| Failure::bad_request("The arguments cannot be read."))
    }

    /// Adds what a form says; what the query said already counts first.
    pub fn extend(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    pub fn push(&mut self, name: &str, value: String) {
        self.0.push((name.to_owned(), value));
    }

    pub fn get(&self, wanted: &str) -> Option<&str> {
        self.0.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
    }

    /// The value, unless it is missing or empty.
    pub fn filled(&self, wanted: &str) -> Option<&str> {
        self.get(wanted).filter(|value| !value.is_empty())
    }

    /// The argument `t`, which says what is to be done; empty without one.
    pub fn t(&self) -> &str {
        self.get("t").unwrap_or_default().trim()
    }

    pub fn flag(&self, wanted: &str) -> Result<bool, Failure> {
        self.flag_or(wanted, false)
    }

    pub fn flag_or(&self, wanted: &str, default: bool) -> Result<bool, Failure> {
        self.get(wanted).map_or(Ok(default), |value| {
            boolean(value).ok_or_else(|| {
                let value = quoted(value);
                Failure::bad_request(format!("invalid boolean argument: {wanted}={value}"))
            })
        })
    }

    /// Whether a child that is there may be replaced.
    pub fn replace(&self) -> Result<Replace, Failure> {
        match self.get("replace") {
            None => Ok(Replace::Yes),
            Some(value) if value.eq_ignore_ascii_case("only-files") => Ok(Replace::OnlyFiles),
            Some(value) => match boolean(value) {
                Some(true) => Ok(Replace::Yes),
                Some(false) => Ok(Replace::No),
                None => {
                    let value = quoted(value);
                    Err(Failure::bad_request(format!("invalid replace= argument: {value}")))
                }
            },
        }
    }

    /// Whether the answer shall be JSON.
    pub fn json(&self) -> bool {
        let is_json = |name| self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("json"));
        is_json("output") || is_json("t")
    }

    /// Refuses every kind of file but the immutable one.
    pub fn file_format(&self) -> Result<(), Failure> {
        match self.format()? {
            Some("CHK") => Ok(()),
            None if !self.flag("mutable")? => Ok(()),
            _ => Err(Failure::bad_request("This gateway stores immutable files only.")),
        }
    }

    /// Refuses a kind that no directory has; there is one kind of directory that can be changed,
    /// by whatever name it is asked for.
    pub fn directory_format(&self) -> Result<(), Failure> {
        match self.format()? {
            Some("CHK") => Err(Failure::bad_request(
                "format=CHK is not accepted for directories; t=mkdir-immutable makes one that \
                 cannot be changed.",
            )),
            _ => Ok(()),
        }
    }

    fn format(&self) -> Result<Option<&'static str>, Failure> {
        let Some(text) = self.filled("format") else { return Ok(None) };
        let known =
            ["CHK", "SDMF", "MDMF"].into_iter().find(|kind| kind.eq_ignore_ascii_case(text));
        known.map(Some).ok_or_else(|| {
            Failure::bad_request(format!("Unknown format: {text}, I know CHK, SDMF, MDMF"))
        })
    }

    /// Where a browser is to go when the work is done: within this gateway only, because a page
    /// that sends people elsewhere would lend its good name.
    pub fn when_done(&self) -> Result<Option<&str>, Failure> {
        self.place_here("when_done")
    }

    /// Where the page of a result leads back to.
    pub fn return_to(&self) -> Result<Option<&str>, Failure> {
        self.place_here("return_to")
    }

    fn place_here(&self, wanted: &str) -> Result<Option<&str>, Failure> {
        let Some(to) = self.filled(wanted) else { return Ok(None) };
        let head = to.split(['/', '?', '#']).next().unwrap_or_default();
        let foreign = to.starts_with("//") || to.contains('\\') || head.contains(':');
        if foreign || to.contains(|c: char| c.is_control() || c == ' ') || !to.is_ascii() {
            let text = "takes an address on this gateway, such as . or ../other.";
            return Err(Failure::bad_request(format!("{wanted}= {text}")));
        }
        Ok(Some(to))
    }

    /// Names and values, in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// All but one, as they stand after a `?`; with the `?` if there are any.
    pub fn query_without(&self, left_out: &str) -> String {
        let mut out = String::new();
        for (name, value) in self.0.iter().filter(|(name, _)| name != left_out) {
            out.push(if out.is_empty() { '?' } else { '&' });
            out.push_str(&format!("{}={}", percent_encode(name), percent_encode(value)));
        }
        out
    }
}

fn boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" | "on" => Some(true),
        "false" | "f" | "0" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(text: &str) -> Arguments {
        Arguments::parse(text).unwrap()
    }

    #[test]
    fn booleans_have_eight_spellings() {
        for text in ["true", "T", "1", "oN"] {
            assert_eq!(args(&format!("x={text}")).flag("x"), Ok(true), "{text}");
        }
        for text in ["false", "F", "0", "oFf"] {
            assert_eq!(args(&format!("x={text}")).flag("x"), Ok(false), "{text}");
        }
        for text in ["", "yes", "2", "only-files"] {
            let failure = args(&format!("x={text}")).flag("x").unwrap_err();
            assert!(failure.status == 400 && failure.text.starts_with("invalid boolean argument"));
        }
    }

    #[test]
    fn replace_has_three_values() {
        assert!(matches!(args("").replace(), Ok(Replace::Yes)));
        assert!(matches!(args("replace=false").replace(), Ok(Replace::No)));
        assert!(matches!(args("replace=Only-Files").replace(), Ok(Replace::OnlyFiles)));
        assert_eq!(args("replace=maybe").replace().err().unwrap().status, 400);
    }

    #[test]
    fn formats_are_known_in_any_case() {
        assert!(args("format=chk").file_format().is_ok() && args("").file_format().is_ok());
        for bad in ["format=SDMF", "format=mdmf", "mutable=true", "format=new", "mutable=x"] {
            assert_eq!(args(bad).file_format().unwrap_err().status, 400, "{bad}");
        }
        assert!(args("format=mdmf").directory_format().is_ok());
        for bad in ["format=CHK", "format=new"] {
            assert_eq!(args(bad).directory_format().unwrap_err().status, 400, "{bad}");
        }
    }

    #[test]
    fn a_browser_is_never_sent_to_another_site() {
        for good in [".", "..", "/uri/x?t=json", "a/b:c", "?a=b:c", "%(uri)s"] {
            let text = format!("when_done={}", percent_encode(good));
            assert_eq!(args(&text).when_done(), Ok(Some(good)));
        }
        for bad in [
            "http://evil.example/",
            "//evil.example",
            "/\\evil.example",
            "\\\\evil.example",
            "javascript:alert(1)",
            "a\r\nb",
            "\t//evil.example",
            " //evil.example",
        ] {
            let text = format!("when_done={}", percent_encode(bad));
            assert_eq!(args(&text).when_done().unwrap_err().status, 400, "{bad:?}");
        }
        assert_eq!(args("when_done=").when_done(), Ok(None));
    }

    #[test]
    fn the_query_counts_before_the_form() {
        let mut all = args("a=1&b=x+y");
        all.extend(args("a=2&c=%26"));
        assert_eq!((all.get("a"), all.get("c")), (Some("1"), Some("&")));
        assert_eq!(all.query_without("a"), "?b=x%20y&c=%26");
    }
}
