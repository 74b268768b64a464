//! Markdown that somebody stored, as HTML that cannot act.
//!
//! The page around it is this gateway's own, so nothing of the text may become a tag, an address on
//! this gateway or a request: HTML in it is shown as text, pictures by their words, and links only
//! lead to other sites, which are told nothing.

use pulldown_cmark::{CowStr, Event, Options, Parser, Tag, TagEnd, html};

/// The HTML of a text.
pub fn to_html(text: &str) -> String {
    let options =
        Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut links = Vec::new();
    let events = Parser::new_ext(text, options).filter_map(|event| tame(event, &mut links));
    let mut out = String::with_capacity(text.len() * 3 / 2);
    html::push_html(&mut out, events);
    out
}

/// What becomes of one event; `links` has, of each open link, whether it is kept.
fn tame<'a>(event: Event<'a>, links: &mut Vec<bool>) -> Option<Event<'a>> {
    Some(match event {
        Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
        Event::Start(Tag::Link { dest_url, .. }) => {
            let kept = leads_out(&dest_url);
            links.push(kept);
            match kept {
                true => Event::InlineHtml(opening(&dest_url)),
                false => return None,
            }
        }
        Event::End(TagEnd::Link) => match links.pop() {
            Some(true) => Event::InlineHtml("</a>".into()),
            _ => return None,
        },
        Event::Start(Tag::Image { .. }) => Event::Text("[".into()),
        Event::End(TagEnd::Image) => Event::Text("]".into()),
        // Anchors could clash with names that the page itself uses.
        Event::Start(Tag::Heading { level, .. }) => {
            Event::Start(Tag::Heading { level, id: None, classes: Vec::new(), attrs: Vec::new() })
        }
        Event::Start(Tag::HtmlBlock) | Event::End(TagEnd::HtmlBlock) => return None,
        Event::Start(Tag::CodeBlock(_)) => {
            Event::Start(Tag::CodeBlock(pulldown_cmark::CodeBlockKind::Indented))
        }
        other => other,
    })
}

/// Links to this gateway are dropped: an address here can do things.
fn leads_out(to: &str) -> bool {
    ["https://", "http://", "mailto:"].iter().any(|scheme| to.starts_with(scheme))
}

fn opening(to: &str) -> CowStr<'static> {
    let to = crate::http::markup::escape(to);
    format!("<a href=\"{to}\" rel=\"noopener noreferrer nofollow\" target=\"_blank\">").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_set() {
        let html =
            to_html("# A\n\n*b* [c](https://example.org/?a=1&b=\"2\")\n\n| x |\n|---|\n| y |\n");
        assert!(html.contains("<h1>A</h1>") && html.contains("<em>b</em>"));
        assert!(html.contains("<td>y</td>"));
        assert!(
            html.contains("href=\"https://example.org/?a=1&amp;b=&quot;2&quot;\" rel=\"noopener")
        );
    }

    #[test]
    fn nothing_in_it_can_act() {
        let hostile = [
            "<script>alert(1)</script>",
            "a <img src=x onerror=alert(1)> b",
            "[x](javascript:alert(1))",
            "[x](/vdrive/private?t=download&localfile=/etc/passwd)",
            "![x](/uri/URI:LIT:me)",
            "![x](https://evil.example/beacon)",
            "[x]( \tjavascript:alert(1))",
            "<javascript:alert(1)>",
            "[a]: javascript:alert(1)\n\n[a]",
            "```\"><script>alert(1)</script>\nx\n```",
            "# x {#announce onclick=alert(1)}",
            "<iframe src=//evil.example></iframe>\n\n<style>*{}</style>",
            "[x](https://evil.example/\"onmouseover=\"alert(1))",
        ];
        for text in hostile {
            let html = to_html(text);
            for bad in ["<script", "<img", "<iframe", "<style", "href=\"java", "href=\"/", "\"onm"]
            {
                assert!(!html.contains(bad), "{text}: {html}");
            }
        }
    }
}
