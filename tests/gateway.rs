//! The gateway over real sockets, before a grid of real processes.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::too_many_lines,
    reason = "a test may stop at once, and tells its story in one piece"
)]

mod nodes;

use nodes::{Nodes, Process, RunningGrid, http};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use tahoe::base::seeded::bytes;
use ureq::http::Response;
use ureq::{Body, SendBody};

fn get(url: &str, headers: &[(&str, &str)]) -> Response<Body> {
    let mut request = http().get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.call().unwrap()
}

fn put(url: &str, content: &[u8]) -> String {
    let response = http().put(format!("{url}/uri")).send(content).unwrap();
    assert_eq!(response.status(), 200);
    response.into_body().read_to_string().unwrap()
}

fn body(response: Response<Body>) -> Vec<u8> {
    response.into_body().with_config().limit(1 << 30).read_to_vec().unwrap()
}

fn header<'a>(response: &'a Response<Body>, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}

/// How texts of Tahoe-LAFS begin that are no sentences and that programs compare.
const ORIGINAL: [&str; 5] =
    ["/uri accepts only ", "GET directory: ", "GET file: ", "POST to ", "PUT to a "];

/// A refusal: its status, as plain text in a sentence.
fn refused(response: Response<Body>) -> u16 {
    let status = response.status().as_u16();
    assert_eq!(header(&response, "content-type"), "text/plain; charset=utf-8");
    assert_eq!(header(&response, "x-content-type-options"), "nosniff");
    let text = String::from_utf8(body(response)).unwrap();
    let as_it_was = ORIGINAL.iter().any(|words| text.starts_with(words));
    assert!(as_it_was || text.trim().ends_with('.'), "{text}");
    assert!(!text.contains('<') && !text.contains("panicked"), "{text}");
    status
}

/// Sends raw bytes and reads until the gateway closes.
fn raw(url: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(request).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    nodes::text(&answer)
}

#[test]
fn files_of_every_length_come_back_whole_and_in_ranges() {
    let grid = RunningGrid::of(3, "2 2 3");
    let url = &grid.gateway.url;
    for length in [0, 1, 55, 56, 57, 131_071, 131_072, 1_048_576, 1_048_577, 5_000_000] {
        let content = bytes(length as u64, length);
        let cap = put(url, &content);
        let chunked = http()
            .put(format!("{url}/uri"))
            .send(SendBody::from_reader(&mut content.as_slice()))
            .unwrap();
        assert_eq!(body(chunked), cap.as_bytes(), "the same bytes make the same cap");
        for path in [format!("/uri/{cap}"), format!("/cap/{}", cap.replace(':', "%3A"))] {
            let response = get(&format!("{url}{path}"), &[]);
            assert_eq!(response.status(), 200);
            assert_eq!(header(&response, "content-length"), length.to_string());
            assert!(body(response) == content, "{length}");
        }
        let head = http().head(format!("{url}/uri/{cap}")).call().unwrap();
        assert_eq!(
            (head.status().as_u16(), header(&head, "content-length")),
            (200, length.to_string().as_str())
        );
    }
    let content = bytes(9, 3_000_000);
    let file = format!("{url}/uri/{}", put(url, &content));
    for (range, status, from, to) in [
        ("bytes=0-0", 206, 0, 1),
        ("bytes=1048570-1048590", 206, 1_048_570, 1_048_591),
        ("bytes=2999999-", 206, 2_999_999, 3_000_000),
        ("bytes=-7", 206, 2_999_993, 3_000_000),
        ("bytes=5-4", 200, 0, 3_000_000),
        ("bytes=3000000-", 200, 0, 3_000_000),
        ("lines=1-2", 200, 0, 3_000_000),
    ] {
        let response = get(&file, &[("Range", range)]);
        assert_eq!(response.status(), status, "{range}");
        if status == 206 {
            let wanted = format!("bytes {from}-{}/3000000", to - 1);
            assert_eq!(header(&response, "content-range"), wanted);
        }
        assert!(body(response) == content[from..to], "{range}");
    }
    assert_eq!(refused(get(&file, &[("Range", "bytes=3000000-3000001")])), 416);
}

#[test]
fn stored_content_is_shown_and_cannot_act() {
    let grid = RunningGrid::of(1, "1 1 1");
    let url = &grid.gateway.url;
    let html = b"<script>alert(1)</script>".repeat(10);
    let cap = put(url, &html);
    let response = get(&format!("{url}/uri/{cap}?filename=a.html"), &[]);
    assert_eq!(header(&response, "content-type"), "text/html");
    assert!(header(&response, "content-security-policy").contains("sandbox"));
    assert_eq!(header(&response, "x-content-type-options"), "nosniff");
    assert_eq!(header(&response, "referrer-policy"), "no-referrer");
    assert_eq!(header(&response, "x-frame-options"), "DENY");
    let tag = header(&response, "etag").to_owned();
    let again = get(&format!("{url}/uri/{cap}"), &[("If-None-Match", &tag)]);
    assert_eq!(again.status(), 304);
    assert_eq!(body(again), b"");
    assert_eq!(get(&format!("{url}/uri/{cap}"), &[("If-None-Match", "\"x\"")]).status(), 200);
    let bare = get(&format!("{url}/uri/{cap}"), &[]);
    assert_eq!(header(&bare, "content-type"), "text/plain");
    let saved = get(&format!("{url}/file/{cap}/b.png?save=true"), &[]);
    assert_eq!(header(&saved, "content-type"), "image/png");
    assert_eq!(header(&saved, "content-disposition"), "attachment; filename=\"b.png\"");
    let moved = get(&format!("{url}/uri?uri={cap}&filename=x"), &[]);
    assert_eq!(moved.status(), 302);
    let to = format!("/uri/{}?filename=x", cap.replace(':', "%3A"));
    assert_eq!(header(&moved, "location"), url.clone() + &to);
}

#[test]
fn every_refusal_is_a_sentence_in_plain_text() {
    let grid = RunningGrid::of(1, "1 1 1");
    let url = &grid.gateway.url;
    let cap = put(url, &bytes(1, 1000));
    for (path, status) in [
        ("/nowhere".to_owned(), 404),
        ("/uri".to_owned(), 400),
        ("/uri/URI:CHK:garbage".to_owned(), 400),
        ("/uri/URI:NEW:abc".to_owned(), 400),
        ("/uri/x".to_owned(), 400),
        (format!("/uri/{cap}/child"), 400),
        (format!("/uri/{cap}?t=mkdir"), 400),
        (format!("/uri/{}", &cap[..cap.len() - 40]), 400),
        (format!("/uri/{cap}%00"), 400),
        (format!("/uri/{}", "a".repeat(10_000)), 400),
        ("/?t=pony".to_owned(), 400),
    ] {
        assert_eq!(refused(get(&format!("{url}{path}"), &[])), status, "{path:.60}");
    }
    let agent = http();
    assert_eq!(refused(agent.delete(format!("{url}/uri")).call().unwrap()), 501);
    assert_eq!(refused(agent.post(format!("{url}/")).send_empty().unwrap()), 405);
    assert_eq!(refused(agent.put(format!("{url}/uri/{cap}")).send("x").unwrap()), 400);
    assert_eq!(refused(agent.put(format!("{url}/uri?mutable=true")).send("x").unwrap()), 400);
    let part = agent.put(format!("{url}/uri")).header("Content-Range", "bytes 0-1/2").send("x");
    assert_eq!(refused(part.unwrap()), 501);
    let verify = cap.split(':').collect::<Vec<_>>();
    let verify = format!("URI:CHK-Verifier:{}", verify[2..].join(":"));
    assert_eq!(refused(get(&format!("{url}/uri/{verify}"), &[])), 400);
}

#[test]
fn other_sites_can_neither_read_nor_change_anything() {
    let grid = RunningGrid::of(1, "1 1 1");
    let url = &grid.gateway.url;
    for host in ["evil.example", "evil.example:80", "192.0.2.1"] {
        assert_eq!(refused(get(url, &[("Host", host)])), 403, "{host}");
    }
    for header in [
        ("Origin", "http://evil.example"),
        ("Origin", "null"),
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Site", "same-site"),
    ] {
        let put = http().put(format!("{url}/uri")).header(header.0, header.1).send("x").unwrap();
        assert_eq!(refused(put), 403, "{header:?}");
    }
    let nameless = raw(url, b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n");
    assert!(nameless.starts_with("HTTP/1.1 40"), "{nameless}");
    let same = http().put(format!("{url}/uri")).header("Origin", url.as_str()).send("x").unwrap();
    assert_eq!(same.status(), 200);
}

#[test]
fn a_body_that_is_cut_off_stores_nothing() {
    let grid = RunningGrid::of(1, "1 1 1");
    let url = &grid.gateway.url;
    let shares = grid.servers[0].dir.join("storage/shares");
    for size in [1_000, 3_000_000] {
        let mut stream = TcpStream::connect(url.trim_start_matches("http://")).unwrap();
        let head =
            format!("PUT /uri HTTP/1.1\r\nHost: localhost\r\nContent-Length: {size}\r\n\r\n");
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&bytes(1, size / 2)).unwrap();
        drop(stream);
    }
    let garbage = raw(
        url,
        b"PUT /uri HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    );
    assert!(!garbage.starts_with("HTTP/1.1 200"), "{garbage}");
    assert!(raw(url, b"\x16\x03\x01garbage\r\n\r\n").starts_with("HTTP/1.1 400"));
    put(url, &bytes(2, 10_000));
    let buckets = fs::read_dir(&shares).unwrap().map(|entry| entry.unwrap().file_name());
    let buckets: Vec<_> = buckets.filter(|name| name != "incoming").collect();
    assert_eq!(buckets.len(), 1, "only the whole body was stored: {buckets:?}");
}

#[test]
fn too_few_servers_are_said_so_and_in_time() {
    let mut grid = RunningGrid::of(4, "2 3 4");
    let url = grid.gateway.url.clone();
    let content = bytes(1, 200_000);
    let cap = put(&url, &content);
    for server in grid.servers.drain(..2) {
        server.kill();
    }
    assert!(body(get(&format!("{url}/uri/{cap}"), &[])) == content, "two shares are enough");
    let started = std::time::Instant::now();
    let response = http().put(format!("{url}/uri")).send(&bytes(2, 200_000)[..]).unwrap();
    let status = response.status();
    let text = String::from_utf8(body(response)).unwrap();
    assert_eq!(status, 503, "{text}");
    assert!(
        text.starts_with(
            "UploadUnhappinessError: shares could be placed on only 2 servers, 3 wanted"
        ),
        "{text}"
    );
    grid.servers.drain(..1).for_each(Process::kill);
    let response = get(&format!("{url}/uri/{cap}"), &[]);
    assert_eq!(response.status(), 410);
    let text = String::from_utf8(body(response)).unwrap();
    assert!(text.starts_with("NotEnoughSharesError: 1 usable"), "{text}");
    grid.servers.drain(..).for_each(Process::kill);
    let response = get(&format!("{url}/uri/{cap}"), &[]);
    assert_eq!(response.status(), 410);
    assert!(String::from_utf8(body(response)).unwrap().starts_with("NoSharesError: "));
    assert!(started.elapsed() < Duration::from_secs(30));
}

#[test]
fn the_page_and_its_json_tell_the_state() {
    let grid = RunningGrid::of(2, "1 2 2");
    let url = &grid.gateway.url;
    let page = get(url, &[]);
    assert_eq!(header(&page, "content-type"), "text/html; charset=utf-8");
    let policy = header(&page, "content-security-policy");
    assert!(policy.contains("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    let page = String::from_utf8(body(page)).unwrap();
    assert!(page.contains("Connected to 2 of 2"), "{page}");
    assert!(!page.contains("http://") && !page.contains("https://"), "no outside requests");
    let servers = String::from_utf8(body(get(&format!("{url}/grid"), &[]))).unwrap();
    assert!(servers.contains("server1"), "{servers}");
    let json = get(&format!("{url}/?t=json"), &[]);
    let json: serde_json::Value = serde_json::from_slice(&body(json)).unwrap();
    assert_eq!(json["introducers"]["statuses"][0], "Connected to the introducer.");
    let servers = json["servers"].as_array().unwrap();
    assert_eq!(servers.len(), 2);
    for server in servers {
        assert_eq!(server["connection_status"], "Connected");
        assert_eq!(server["nodeid"].as_str().unwrap().len(), 52);
        assert!(server["available_space"].as_u64().unwrap() > 0);
        assert!(server["last_received_data"].as_u64().unwrap() > 1_500_000_000);
    }
}

#[test]
fn bodies_beyond_the_spool_are_refused() {
    let nodes = Nodes::new();
    let dir = nodes.create_client("alone", &["--webport", "0"]);
    fs::write(dir.join("tmp_sizelimit"), "2MB").unwrap();
    fs::write(dir.join("encoding_parameters"), "1 1 1").unwrap();
    let node = Process::run(&dir);
    nodes::wait_for_servers(&dir, 1);
    put(&node.url, &bytes(1, 1_900_000));
    let large = bytes(1, 2_100_000);
    assert_eq!(refused(http().put(format!("{}/uri", node.url)).send(&large[..]).unwrap()), 507);
    put(&node.url, &bytes(2, 1_900_000));
}

/// What a gateway answers to a request as it is, of a shell that runs as this user.
fn asked_by(user: u32, url: &str, request: &str) -> String {
    use std::os::unix::process::CommandExt;
    let port = url.rsplit(':').next().unwrap();
    let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; printf '{request}' >&3; cat <&3");
    let mut shell = std::process::Command::new("bash");
    let shell = shell.args(["-c", &script]).current_dir("/").uid(user);
    nodes::text(&shell.output().unwrap().stdout)
}

#[test]
fn what_comes_through_a_proxy_is_not_the_owners() {
    let grid = RunningGrid::of(1, "1 1 1");
    let url = &grid.gateway.url;
    let host = url.trim_start_matches("http://");
    let token = fs::read_to_string(grid.gateway.dir.join("private/api_auth_token")).unwrap();
    let put = |version: &str, more: &str| {
        format!(
            "PUT /uri HTTP/1.{version}\r\nHost: {host}\r\nConnection: close\r\n{more}\
             Content-Length: 5\r\n\r\nhello"
        )
    };
    let status = |request: &str| raw(url, request.as_bytes())[9..12].to_owned();
    assert_eq!(status(&put("1", "")), "200", "a program of the node's own user");
    let shown = format!("Authorization: tahoe-lafs {}\r\n", token.trim());
    // As nginx asks by `proxy_pass` alone, and others by default.
    for (version, more) in [
        ("0", ""),
        ("1", "X-Forwarded-For: 192.0.2.1\r\n"),
        ("1", "Forwarded: for=192.0.2.1\r\n"),
        ("1", "Via: 1.1 proxy\r\n"),
        ("1", "X-Real-IP: 127.0.0.1\r\n"),
    ] {
        assert_eq!(status(&put(version, more)), "401", "{version} {more}");
        assert_eq!(status(&put(version, &format!("{more}{shown}"))), "200", "{version} {more}");
    }
    let paths =
        ["/", "/vdrive/global", "/status", "/statistics", "/storage", "/grid", "/uri/URI:LIT:"];
    for path in paths {
        let get =
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nVia: x\r\nConnection: close\r\n\r\n");
        assert_eq!(status(&get), "401", "{path}");
    }
    if !rustix::process::geteuid().is_root() {
        return println!("skipped: only root can ask as another user");
    }
    let mine = asked_by(0, url, &put("1", ""));
    if mine.is_empty() {
        return println!("skipped: no bash");
    }
    assert_eq!(&mine[9..12], "200");
    for user in [33, 65_534] {
        let other = |more: &str| asked_by(user, url, &put("1", more))[9..12].to_owned();
        assert_eq!((other(""), other(&shown)), ("401".to_owned(), "200".to_owned()), "{user}");
    }
}

#[test]
fn a_gateway_that_is_published_trusts_nobody_without_a_token() {
    let nodes = Nodes::new();
    let dir = nodes.create_client("a", &["--webport", "0"]);
    for (hosts, status) in [("me.localhost", 200), ("me.localhost,grid.example", 401)] {
        fs::write(dir.join("web_hosts"), hosts).unwrap();
        let node = Process::run(&dir);
        assert_eq!(get(&node.url, &[]).status(), status, "{hosts}");
        let port = node.url.rsplit(':').next().unwrap();
        let named = get(&node.url, &[("Host", &format!("localhost:{port}"))]);
        assert_eq!(named.status(), status, "{hosts}");
    }
}

#[test]
fn a_gateway_for_others_wants_tls_and_a_token() {
    let nodes = Nodes::new();
    let dir = nodes.create_client("a", &["--webport", "tcp:0:interface=0.0.0.0"]);
    let (code, said) = nodes::failed(nodes::tahoe().arg("run").arg(&dir));
    assert!(code == 1 && said.contains("without TLS"), "{said}");
    fs::write(dir.join("insecure"), "").unwrap();
    let node = Process::run(&dir);
    let token = fs::read_to_string(dir.join("private/api_auth_token")).unwrap();
    assert_eq!(refused(get(&node.url, &[])), 401);
    assert_eq!(refused(get(&node.url, &[("Authorization", "tahoe-lafs x")])), 401);
    for scheme in ["tahoe-lafs", "Bearer"] {
        let shown = format!("{scheme} {}", token.trim());
        assert_eq!(get(&node.url, &[("Authorization", &shown)]).status(), 200);
        let page = get(&format!("{}/grid", node.url), &[("Authorization", &shown)]);
        assert!(String::from_utf8(body(page)).unwrap().contains("without TLS"));
    }
    // A browser that has no other way in logs in by the form of the refusal.
    let page = get(&format!("{}/grid", node.url), &[("Accept", "text/html")]);
    assert_eq!(page.status(), 401);
    let page = String::from_utf8(body(page)).unwrap();
    assert!(page.contains("action=\"/login\"") && page.contains("value=\"/grid\""), "{page}");
    let log_in = |key: &str| {
        let form = [("key", key), ("when_done", "/grid")];
        http().post(format!("{}/login", node.url)).send_form(form).unwrap()
    };
    assert_eq!(log_in("x").status(), 401);
    let answer = log_in(token.trim());
    assert_eq!((answer.status().as_u16(), header(&answer, "location")), (303, "/grid"));
    let cookie = header(&answer, "set-cookie").split(';').next().unwrap().to_owned();
    assert_eq!(get(&node.url, &[("Cookie", &cookie)]).status(), 200);
    let out = http().post(format!("{}/logout", node.url));
    let answer = out.header("Cookie", &cookie).header("Origin", &node.url).send_empty().unwrap();
    assert_eq!(answer.status(), 303);
    assert_eq!(refused(get(&node.url, &[("Cookie", &cookie)])), 401);
    assert_eq!(node.stop(), 0);

    let dir = nodes.create_client(
        "b",
        &["--webport", "ssl:0:privateKey=private/key.pem:certKey=cert.pem:interface=0.0.0.0"],
    );
    let (code, said) = nodes::failed(nodes::tahoe().arg("run").arg(&dir));
    assert!(code == 1 && said.contains("cert.pem"), "{said}");
    fs::write(dir.join("private/key.pem"), include_str!("nodes/plain-key.pem")).unwrap();
    // As `openssl req -x509` makes it: for no address, and of an authority of its own.
    fs::write(dir.join("cert.pem"), include_str!("nodes/plain-cert.pem")).unwrap();
    let node = Process::run(&dir);
    assert!(node.url.starts_with("https://"));
    // The owner's own tools find certificate and token by themselves.
    fs::write(nodes.dir("file"), "some bytes").unwrap();
    let mut put = nodes::tahoe();
    let cap = nodes::done(put.arg("put").arg(nodes.dir("file")).arg("-d").arg(&dir));
    assert!(cap.starts_with("URI:LIT:"));
    // They trust that certificate and no other, and a stranger's are told how to.
    let (_, said) = nodes::failed(nodes::tahoe().args(["get", cap.trim(), "-u", &node.url]));
    assert!(said.contains("cannot be trusted") && said.contains("-d NODEDIR"), "{said}");
    fs::write(dir.join("cert.pem"), include_str!("nodes/cert.pem")).unwrap();
    let (_, said) = nodes::failed(nodes::tahoe().args(["get", cap.trim(), "-d"]).arg(&dir));
    assert!(said.contains("another certificate") && !said.contains("tahoe start"), "{said}");
    let plain =
        raw(&node.url.replace("https", "http"), b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(!plain.contains("200 OK"));
}
