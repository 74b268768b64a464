//! Content types by file name: of a table that others keep, but for the kinds that browsers show.

/// Those that the pages of this gateway know, and a few of which the kept table says something else
/// than people mean.
const TYPES: &[(&str, &str)] = &[
    ("avif", "image/avif"),
    ("bmp", "image/bmp"),
    ("c", "text/plain"),
    ("css", "text/css"),
    ("csv", "text/csv"),
    ("epub", "application/epub+zip"),
    ("flac", "audio/flac"),
    ("gif", "image/gif"),
    ("gz", "application/gzip"),
    ("h", "text/plain"),
    ("htm", "text/html"),
    ("html", "text/html"),
    ("ico", "image/vnd.microsoft.icon"),
    ("jpeg", "image/jpeg"),
    ("jpg", "image/jpeg"),
    ("js", "text/javascript"),
    ("json", "application/json"),
    ("log", "text/plain"),
    ("m4a", "audio/mp4"),
    ("m4v", "video/mp4"),
    ("md", "text/plain"),
    ("mkv", "video/x-matroska"),
    ("mov", "video/quicktime"),
    ("mp3", "audio/mpeg"),
    ("mp4", "video/mp4"),
    ("oga", "audio/ogg"),
    ("ogg", "audio/ogg"),
    ("ogv", "video/ogg"),
    ("opus", "audio/ogg"),
    ("pdf", "application/pdf"),
    ("png", "image/png"),
    ("py", "text/x-python"),
    ("rs", "text/plain"),
    ("svg", "image/svg+xml"),
    ("tar", "application/x-tar"),
    ("text", "text/plain"),
    ("tif", "image/tiff"),
    ("tiff", "image/tiff"),
    ("ts", "text/plain"),
    ("txt", "text/plain"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
    ("xml", "text/xml"),
    ("zip", "application/zip"),
];

/// The type of a file of this name; one without a name, or of an unknown kind, is text as in 1.20.
pub fn guess(name: Option<&str>) -> &'static str {
    let ending = name.and_then(ending).unwrap_or_default();
    let kept = || mime_guess::from_ext(&ending).first_raw();
    of_ending(&ending).or_else(kept).unwrap_or("text/plain")
}

fn ending(name: &str) -> Option<String> {
    name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase())
}

/// The type of files whose names end so, if pages know it; the ending is in lower case.
pub fn of_ending(ending: &str) -> Option<&'static str> {
    TYPES.iter().find(|(known, _)| *known == ending).map(|(_, kind)| *kind)
}

/// `attachment` with a name that survives every browser: plain where possible, UTF-8 beside it.
pub fn attachment(name: &str) -> String {
    disposition("attachment", name)
}

/// The same for what is shown; the name is for who keeps it.
pub fn inline(name: &str) -> String {
    disposition("inline", name)
}

/// Whether a browser shows a file of this name without running it. What is text only because nothing
/// else is known of it is better kept than shown.
pub fn is_shown(name: &str) -> bool {
    ending(name).as_deref().and_then(of_ending).is_some_and(|kind| {
        matches!(kind, "text/plain" | "application/pdf")
            || ["image/", "audio/", "video/"].iter().any(|family| kind.starts_with(family))
    })
}

fn disposition(how: &str, name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !"\"\\/;%".contains(c) || c == ' ' { c } else { '_' })
        .collect();
    let mut out = format!("{how}; filename=\"{plain}\"");
    if plain != name {
        out.push_str("; filename*=UTF-8''");
        out.push_str(&crate::files::address::percent_encode(name));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_follow_the_last_extension() {
        assert_eq!(guess(None), "text/plain");
        assert_eq!(guess(Some("a.tar.GZ")), "application/gzip");
        assert_eq!(guess(Some("page.html")), "text/html");
        for name in ["README", "html", "x.unknown", "x.", ".", ""] {
            assert_eq!(guess(Some(name)), "text/plain", "{name}");
            assert!(!is_shown(name), "{name}");
        }
        assert!(is_shown("a.PNG") && is_shown("a.txt") && !is_shown("a.html"));
    }

    #[test]
    fn what_pages_do_not_show_has_a_type_all_the_same() {
        for (name, kind) in [
            ("a.doc", "application/msword"),
            ("a.odt", "application/vnd.oasis.opendocument.text"),
            ("A.XLS", "application/vnd.ms-excel"),
            ("a.epub", "application/epub+zip"),
            ("a.woff2", "font/woff2"),
            ("a.wasm", "application/wasm"),
            ("a.heic", "image/heic"),
        ] {
            assert_eq!(guess(Some(name)), kind, "{name}");
            assert!(!is_shown(name), "{name}");
        }
    }

    #[test]
    fn names_cannot_leave_their_quotes() {
        assert_eq!(attachment("a b.txt"), "attachment; filename=\"a b.txt\"");
        assert_eq!(
            attachment("ä\"\r\n.txt"),
            "attachment; filename=\"____.txt\"; filename*=UTF-8''%C3%A4%22%0D%0A.txt"
        );
    }
}
