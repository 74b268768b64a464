//! XML as clients send it: read into a tree within limits, and written.
//!
//! No document types, no entities but the five that XML has, no deeper and no more than
//! [`XML_DEPTH_MAX`] and [`XML_NODES_MAX`] allow; everything else is no XML here.

use crate::base::limits::{XML_DEPTH_MAX, XML_NAMESPACE_MAX, XML_NODES_MAX};
use crate::http::markup::escape;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::{NsReader, XmlVersion};
use std::fmt::Write;

/// The namespace of `xml:lang` and the like, whose prefix is always the same.
const XML: &str = "http://www.w3.org/XML/1998/namespace";

/// A text that is no XML, or none of a kind that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the body is not XML as it is read here")]
pub struct NotXml;

/// An element, with its namespace written out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Element {
    /// Empty: none.
    pub namespace: String,
    pub name: String,
    /// Namespace, name and value of each.
    pub attributes: Vec<(String, String, String)>,
    pub nodes: Vec<Node>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    Element(Element),
    Text(String),
}

impl Element {
    /// The one element of a document.
    pub fn parse(bytes: &[u8]) -> Result<Self, NotXml> {
        let text = std::str::from_utf8(bytes).map_err(|_| NotXml)?;
        let mut reader = NsReader::from_str(text.strip_prefix('\u{feff}').unwrap_or(text));
        let (mut open, mut root): (Vec<Self>, Option<Self>) = (Vec::new(), None);
        let mut count = 0;
        loop {
            count += 1;
            if count > XML_NODES_MAX || open.len() > XML_DEPTH_MAX {
                return Err(NotXml);
            }
            match reader.read_event().map_err(|_| NotXml)? {
                Event::Start(start) if root.is_none() => {
                    let element = begun(&reader, &start)?;
                    count += element.attributes.len();
                    open.push(element);
                }
                Event::Empty(start) if root.is_none() => {
                    let element = begun(&reader, &start)?;
                    count += element.attributes.len();
                    ended(element, &mut open, &mut root);
                }
                Event::End(_) => {
                    let element = open.pop().ok_or(NotXml)?;
                    ended(element, &mut open, &mut root);
                }
                Event::Text(text) => said(&text.xml10_content(), &mut open)?,
                Event::CData(text) => said(&text.xml10_content(), &mut open)?,
                Event::GeneralRef(name) => {
                    let letter = match name.resolve_char_ref().map_err(|_| NotXml)? {
                        Some(letter) => letter.to_string(),
                        None => predefined(&name)?.to_owned(),
                    };
                    said(&letter, &mut open)?;
                }
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
                Event::Eof => break,
                Event::Start(_) | Event::Empty(_) | Event::DocType(_) => return Err(NotXml),
            }
        }
        root.filter(|_| open.is_empty()).ok_or(NotXml)
    }

    pub fn is(&self, namespace: &str, name: &str) -> bool {
        self.namespace == namespace && self.name == name
    }

    pub fn children(&self) -> impl Iterator<Item = &Self> {
        self.nodes.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first child of this name, whatever its namespace: for protocols whose clients often leave
    /// that out.
    pub fn child(&self, name: &str) -> Option<&Self> {
        self.children().find(|child| child.name == name)
    }

    /// Its own text, without that of its children.
    pub fn text(&self) -> String {
        let texts = self.nodes.iter().filter_map(|node| match node {
            Node::Text(text) => Some(text.as_str()),
            Node::Element(_) => None,
        });
        texts.collect()
    }

    /// The text of the first child of this name.
    pub fn text_of(&self, name: &str) -> Option<String> {
        Some(self.child(name)?.text())
    }

    /// As it may stand in any document.
    pub fn write(&self, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = write!(out, "<{} xmlns=\"{}\"", self.name, escaped(&self.namespace));
        for (number, (namespace, name, value)) in self.attributes.iter().enumerate() {
            let _ = match namespace.as_str() {
                "" => write!(out, " {name}=\"{}\"", escaped(value)),
                XML => write!(out, " xml:{name}=\"{}\"", escaped(value)),
                _ => write!(
                    out,
                    " xmlns:a{number}=\"{}\" a{number}:{name}=\"{}\"",
                    escaped(namespace),
                    escaped(value)
                ),
            };
        }
        if self.nodes.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        for node in &self.nodes {
            match node {
                Node::Element(element) => element.write(out),
                Node::Text(text) => out.push_str(&escaped(text)),
            }
        }
        let _ = write!(out, "</{}>", self.name);
    }
}

/// Text as it may stand in content and in quoted attributes. What XML has no way to write is left out.
pub fn escaped(text: &str) -> String {
    let written: String = text.chars().filter(|letter| is_written(*letter)).collect();
    // It would be read as the end of a line.
    escape(&written).replace('\r', "&#13;")
}

/// Whether XML has a way to write it (XML 1.0 §2.2).
pub fn is_written(letter: char) -> bool {
    !matches!(letter, '\0'..'\t' | '\u{b}' | '\u{c}' | '\u{e}'..' ' | '\u{fffe}' | '\u{ffff}')
}

fn begun(reader: &NsReader<&[u8]>, start: &BytesStart<'_>) -> Result<Element, NotXml> {
    let resolver = reader.resolver();
    let (namespace, name) = resolver.resolve_element(start.name());
    let mut element = Element {
        namespace: named(&namespace)?,
        name: local(name.as_ref())?,
        ..Element::default()
    };
    for attribute in start.attributes() {
        let attribute = attribute.map_err(|_| NotXml)?;
        if attribute.key.as_namespace_binding().is_some() {
            continue;
        }
        let (namespace, name) = resolver.resolve_attribute(attribute.key);
        let value =
            attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| NotXml)?.into_owned();
        element.attributes.push((named(&namespace)?, local(name.as_ref())?, value));
    }
    Ok(element)
}

/// A name that can be written again as it came.
fn local(name: &str) -> Result<String, NotXml> {
    let begins = |letter: char| letter == '_' || letter.is_ascii_alphabetic() || letter >= '\u{c0}';
    let goes_on = |letter: char| begins(letter) || "-.".contains(letter) || letter.is_ascii_digit();
    match name.starts_with(begins) && name.chars().all(goes_on) {
        true => Ok(name.to_owned()),
        false => Err(NotXml),
    }
}

fn named(namespace: &ResolveResult<'_>) -> Result<String, NotXml> {
    match namespace {
        ResolveResult::Unbound => Ok(String::new()),
        // Each element below has it again.
        ResolveResult::Bound(namespace) if namespace.as_ref().len() > XML_NAMESPACE_MAX => {
            Err(NotXml)
        }
        ResolveResult::Bound(namespace) => Ok(namespace.as_ref().to_owned()),
        ResolveResult::Unknown(_) => Err(NotXml),
    }
}

fn ended(element: Element, open: &mut [Element], root: &mut Option<Element>) {
    match open.last_mut() {
        Some(parent) => parent.nodes.push(Node::Element(element)),
        None => *root = Some(element),
    }
}

/// Text outside of the root is white space or a mistake.
fn said(text: &str, open: &mut [Element]) -> Result<(), NotXml> {
    match open.last_mut() {
        Some(parent) => match parent.nodes.last_mut() {
            Some(Node::Text(before)) => before.push_str(text),
            _ => parent.nodes.push(Node::Text(text.to_owned())),
        },
        None if text.trim().is_empty() => {}
        None => return Err(NotXml),
    }
    Ok(())
}

fn predefined(name: &str) -> Result<&'static str, NotXml> {
    match name {
        "amp" => Ok("&"),
        "lt" => Ok("<"),
        "gt" => Ok(">"),
        "quot" => Ok("\""),
        "apos" => Ok("'"),
        _ => Err(NotXml),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_written_out_and_texts_joined() {
        let text = br#"<?xml version="1.0"?><a:x xmlns:a="DAV:" a:k="1" l="2&amp;3"><y>1 &lt; <![CDATA[2]]>&#33;</y><a:y/></a:x>"#;
        let root = Element::parse(text).unwrap();
        assert!(root.is("DAV:", "x"));
        let keys = [("DAV:", "k", "1"), ("", "l", "2&3")];
        let keys = keys.map(|(a, b, c)| (a.to_owned(), b.to_owned(), c.to_owned()));
        assert_eq!(root.attributes, keys);
        assert_eq!(root.text_of("y").unwrap(), "1 < 2!");
        assert!(root.children().nth(1).unwrap().is("DAV:", "y"));
        let mut out = String::new();
        root.write(&mut out);
        assert_eq!(Element::parse(out.as_bytes()).unwrap(), root);
    }

    #[test]
    fn a_language_keeps_its_prefix() {
        let text = br#"<a xml:lang="de" xmlns="x:">b</a>"#;
        let root = Element::parse(text).unwrap();
        let mut out = String::new();
        root.write(&mut out);
        assert_eq!(out, r#"<a xmlns="x:" xml:lang="de">b</a>"#);
        assert_eq!(Element::parse(out.as_bytes()).unwrap(), root);
    }

    #[test]
    fn what_is_hostile_is_no_xml() {
        let deep = "<a>".repeat(XML_DEPTH_MAX + 2);
        let many = format!("<a>{}</a>", "<b/>".repeat(XML_NODES_MAX));
        let long = format!("<a xmlns=\"{}\"/>", "x".repeat(XML_NAMESPACE_MAX + 1));
        let full = format!("<a>{}</a>", "<b c='' d=''/>".repeat(XML_NODES_MAX / 2));
        for bad in [
            "",
            " ",
            "x",
            "<a>",
            "</a>",
            "<a></b>",
            "<a/><b/>",
            "<a/>x",
            "<x:a/>",
            "<!DOCTYPE a [<!ENTITY b \"c\">]><a>&b;</a>",
            "<a>&b;</a>",
            "<a b='1' b='2'/>",
            "<a>&#0;</a>",
            "<a&b/>",
            "<1/>",
            "<a 'b='1'/>",
            "<x:a xmlns:x=''/>",
            &deep,
            &many,
            &long,
            &full,
        ] {
            assert_eq!(Element::parse(bad.as_bytes()), Err(NotXml), "{bad:.60}");
        }
        assert_eq!(Element::parse(b"<a>\xff</a>"), Err(NotXml));
    }
}
