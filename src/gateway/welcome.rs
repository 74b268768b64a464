//! What this node is and whom it is connected to, as a page and as JSON
//! (`spec/webapi-delta.md` §4.6).

use super::answer::{escape, page, plain};
use actix_web::HttpResponse;
use actix_web::http::{StatusCode, header};
use serde::Serialize;

/// The state of a node, at one moment.
#[derive(Debug, Clone, Default)]
pub struct Status {
    pub nickname: String,
    pub version: String,
    /// This node's tub id.
    pub nodeid: String,
    /// One line about the introducer; none for a node without one.
    pub introducer: Option<String>,
    /// How new files are encoded.
    pub encoding: String,
    pub servers: Vec<ServerStatus>,
}

/// One storage server, as a line of the list.
#[derive(Debug, Clone, Serialize)]
pub struct ServerStatus {
    pub nodeid: String,
    pub connection_status: String,
    /// Bytes that the server said it has left; null when it did not say.
    pub available_space: Option<u64>,
    pub nickname: String,
    pub version: String,
    /// Seconds since 1970 of the last sign of life; null before the first.
    pub last_received_data: Option<u64>,
    #[serde(skip)]
    pub connected: bool,
}

#[derive(Serialize)]
struct Json<'a> {
    introducers: Introducers<'a>,
    servers: &'a [ServerStatus],
}

#[derive(Serialize)]
struct Introducers<'a> {
    statuses: Vec<&'a str>,
}

/// The page, or the JSON of the same.
pub fn answer(status: &Status, json: bool) -> HttpResponse {
    if !json {
        return page(StatusCode::OK).body(html(status));
    }
    let statuses = status.introducer.iter().map(String::as_str).collect();
    let body = Json { introducers: Introducers { statuses }, servers: &status.servers };
    let mut text = indented(&body);
    text.push('\n');
    plain(StatusCode::OK).insert_header((header::CONTENT_TYPE, "text/plain")).body(text)
}

/// JSON with an indentation of one, as the original writes it.
fn indented(value: &impl Serialize) -> String {
    let mut out = Vec::new();
    let format = serde_json::ser::PrettyFormatter::with_indent(b" ");
    let mut writer = serde_json::Serializer::with_formatter(&mut out, format);
    // Plain structs into memory: neither can fail.
    let _ = value.serialize(&mut writer);
    String::from_utf8(out).unwrap_or_default()
}

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:46rem;margin:2rem auto;\
padding:0 1rem}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.2rem .6rem;\
border-bottom:1px solid #8884}pre{background:#8882;padding:.6rem;overflow:auto}\
:root{color-scheme:light dark}";

fn html(status: &Status) -> String {
    let connected = status.servers.iter().filter(|server| server.connected).count();
    let rows: String = status.servers.iter().map(row).collect();
    let introducer = status.introducer.as_deref().unwrap_or("This node has no introducer.");
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>Tahoe</title>\
         <style>{STYLE}</style></head><body>\n<h1>Tahoe</h1>\n\
         <p>This is the gateway of {name}. It encrypts a file, cuts it into shares and stores them \
         on servers that can neither read nor change it. Who has a file's cap can read the file; \
         who has not, cannot.</p>\n\
         <h2>Grid</h2>\n<p>{introducer}</p>\n\
         <p>Connected to {connected} of {known} known storage servers. New files: {encoding}.</p>\n\
         <table><tr><th>Server</th><th>State</th><th>Space</th><th>Version</th></tr>{rows}</table>\n\
         <h2>Put and get</h2>\n\
         <pre>curl -T FILE URL/uri        prints the cap\ncurl -o FILE URL/uri/CAP</pre>\n\
         <p>URL is the address of this page without the last slash.</p>\n\
         <p>{version}, node {nodeid}</p>\n</body></html>\n",
        name = if status.nickname.is_empty() {
            "a node without a nickname".to_owned()
        } else {
            escape(&status.nickname)
        },
        introducer = escape(introducer),
        known = status.servers.len(),
        encoding = escape(&status.encoding),
        version = escape(&status.version),
        nodeid = escape(&status.nodeid),
    )
}

fn row(server: &ServerStatus) -> String {
    let short = server.nodeid.get(..8).unwrap_or(&server.nodeid);
    let name = if server.nickname.is_empty() { short } else { &server.nickname };
    let space = server.available_space.map_or_else(|| "?".to_owned(), human);
    format!(
        "<tr><td title=\"{}\">{}</td><td>{}</td><td>{space}</td><td>{}</td></tr>\n",
        escape(&server.nodeid),
        escape(name),
        escape(&server.connection_status),
        escape(&server.version),
    )
}

/// `12.3 GB`, in powers of 1000 as disks are sold.
fn human(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["B", "kB", "MB", "GB", "TB", "PB"];
    let (mut tenths, mut unit) = (u128::from(bytes) * 10, 0);
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or_default();
    if unit == 0 { format!("{bytes} B") } else { format!("{}.{} {name}", tenths / 10, tenths % 10) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status() -> Status {
        Status {
            nickname: "<script>".into(),
            introducer: Some("Connected".into()),
            servers: vec![ServerStatus {
                nodeid: "abcdefghij".into(),
                connection_status: "Connected".into(),
                available_space: Some(12_345_678),
                nickname: "<b>\"x\"".into(),
                version: "tahoe/1".into(),
                last_received_data: None,
                connected: true,
            }],
            ..Status::default()
        }
    }

    #[test]
    fn names_from_the_grid_are_text_on_the_page() {
        let page = html(&status());
        assert!(page.contains("&lt;script&gt;") && page.contains("&lt;b&gt;&quot;x&quot;"));
        assert!(!page.contains("<script") && !page.contains("<b>"));
        assert!(page.contains("12.3 MB") && page.contains("Connected to 1 of 1"));
    }

    #[test]
    fn the_json_has_the_fields_of_the_original() {
        let status = status();
        let statuses = status.introducer.iter().map(String::as_str).collect();
        let json =
            indented(&Json { introducers: Introducers { statuses }, servers: &status.servers });
        let value: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert_eq!(value["introducers"]["statuses"][0], "Connected");
        let server = value["servers"][0].as_object().unwrap();
        let mut keys: Vec<_> = server.keys().map(String::as_str).collect();
        keys.sort_unstable();
        let wanted = [
            "available_space",
            "connection_status",
            "last_received_data",
            "nickname",
            "nodeid",
            "version",
        ];
        assert_eq!(keys, wanted);
    }
}
