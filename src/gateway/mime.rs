//! Content types by file name, for the kinds that browsers show.

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
    ("txt", "text/plain"),
    ("wav", "audio/wav"),
    ("webm", "video/webm"),
    ("webp", "image/webp"),
    ("xml", "text/xml"),
    ("zip", "application/zip"),
];

/// The type of a file of this name; a file without a name is text, one of an unknown kind is bytes.
pub fn guess(name: Option<&str>) -> &'static str {
    let Some(name) = name else { return "text/plain" };
    let extension = name.rsplit_once('.').map(|(_, extension)| extension.to_ascii_lowercase());
    extension
        .and_then(|extension| TYPES.iter().find(|(known, _)| *known == extension))
        .map_or("application/octet-stream", |(_, kind)| kind)
}

/// `attachment` with a name that survives every browser: plain where possible, UTF-8 beside it.
pub fn attachment(name: &str) -> String {
    disposition("attachment", name)
}

/// The same for what is shown; the name is for who keeps it.
pub fn inline(name: &str) -> String {
    disposition("inline", name)
}

/// Whether a browser shows this type without running it.
pub fn is_shown(kind: &str) -> bool {
    matches!(kind, "text/plain" | "application/pdf")
        || ["image/", "audio/", "video/"].iter().any(|family| kind.starts_with(family))
}

fn disposition(how: &str, name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_graphic() && !"\"\\/;%".contains(c) || c == ' ' { c } else { '_' })
        .collect();
    let mut out = format!("{how}; filename=\"{plain}\"");
    if plain != name {
        out.push_str("; filename*=UTF-8''");
        out.push_str(&super::address::percent_encode(name));
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
        assert_eq!(guess(Some("html")), "application/octet-stream");
        assert_eq!(guess(Some("x.unknown")), "application/octet-stream");
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
