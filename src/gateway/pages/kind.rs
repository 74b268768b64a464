//! What a file is, as far as its name says: which icon it has, and how it can be shown.

use crate::http::mime;

/// How a file is drawn and shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Folder,
    Image,
    Video,
    Audio,
    Pdf,
    Markdown,
    Text,
    Code,
    Archive,
    /// A file of a kind that the name does not tell.
    File,
    /// Neither file nor folder, as far as this program knows.
    Unknown,
}

const ARCHIVES: &[&str] = &["7z", "bz2", "epub", "gz", "rar", "tar", "tgz", "xz", "zip", "zst"];
const CODE: &[&str] = &[
    "c", "capnp", "cfg", "conf", "cpp", "css", "go", "h", "hpp", "htm", "html", "ini", "java",
    "js", "json", "lock", "php", "pl", "py", "rb", "rs", "sh", "sql", "toml", "ts", "xhtml", "xml",
    "yaml", "yml",
];
const TEXTS: &[&str] = &["asc", "csv", "log", "srt", "tex", "text", "tsv", "txt", "vtt"];
/// Types that every browser shows in an image element.
const IMAGES: &[&str] = &[
    "image/avif",
    "image/bmp",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/svg+xml",
    "image/vnd.microsoft.icon",
    "image/webp",
];

impl Kind {
    pub fn of(name: &str) -> Self {
        let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
        let Some(ending) = ending.as_deref() else { return Self::File };
        let mime = mime::of_ending(ending).unwrap_or_default();
        match ending {
            "md" | "markdown" => Self::Markdown,
            "pdf" => Self::Pdf,
            _ if IMAGES.contains(&mime) => Self::Image,
            _ if mime.starts_with("video/") => Self::Video,
            _ if mime.starts_with("audio/") => Self::Audio,
            _ if ARCHIVES.contains(&ending) => Self::Archive,
            _ if CODE.contains(&ending) => Self::Code,
            _ if TEXTS.contains(&ending) => Self::Text,
            _ => Self::File,
        }
    }

    /// The name of its icon, and of its colour.
    pub const fn icon(self) -> &'static str {
        match self {
            Self::Folder => "folder",
            Self::Image => "image",
            Self::Video => "video",
            Self::Audio => "audio",
            Self::Pdf => "pdf",
            Self::Markdown | Self::Text => "text",
            Self::Code => "code",
            Self::Archive => "archive",
            Self::File => "file",
            Self::Unknown => "unknown",
        }
    }

    /// Whether its beginning may be text.
    pub const fn may_be_text(self) -> bool {
        matches!(self, Self::Markdown | Self::Text | Self::Code | Self::File)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ending_decides() {
        for (name, kind) in [
            ("a.JPG", Kind::Image),
            ("a.svg", Kind::Image),
            ("a.tiff", Kind::File),
            ("a.webm", Kind::Video),
            ("a.flac", Kind::Audio),
            ("a.pdf", Kind::Pdf),
            ("README.md", Kind::Markdown),
            ("a.html", Kind::Code),
            ("a.tar.gz", Kind::Archive),
            ("a.txt", Kind::Text),
            ("Makefile", Kind::File),
            ("", Kind::File),
        ] {
            assert_eq!(Kind::of(name), kind, "{name}");
        }
    }
}
