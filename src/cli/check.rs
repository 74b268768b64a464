//! Values of options, checked by the rules of the files that they go to before anything is made.

use crate::http::webport::{self, WebPort};
use crate::introducer::GridParameters;
use crate::node::config;
use crate::tub::Furl;

type Checked = Result<String, String>;

fn checked(text: &str, fine: bool, accepted: &str) -> Checked {
    if fine { Ok(text.to_owned()) } else { Err(format!("what is accepted is {accepted}")) }
}

pub fn furl(text: &str) -> Checked {
    Furl::parse(text).map(|_| text.to_owned()).map_err(|error| error.to_string())
}

pub fn webport(text: &str) -> Checked {
    checked(text, WebPort::parse(text).is_ok(), webport::ACCEPTED)
}

pub fn location(text: &str) -> Checked {
    let fine = config::advertised(text).is_some_and(|list| !list.is_empty());
    checked(text, fine, config::ADDRESSES)
}

pub fn nickname(text: &str) -> Checked {
    checked(text, config::is_nickname(text), "one line of at most 256 bytes")
}

pub fn encoding(text: &str) -> Result<GridParameters, String> {
    let found = config::parameters(&text.replace('/', " "));
    found.ok_or_else(|| format!("what is accepted is {}, such as 2/3/4", config::NUMBERS))
}

pub fn size(text: &str) -> Checked {
    checked(text, config::size(text).is_some(), config::SIZES)
}
