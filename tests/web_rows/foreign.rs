//! What a page of another site has a browser ask for.

use crate::web::{Web, at};
use tahoe::gateway::route::everything;

/// Headers of what such a page fetches, embeds, prefetches or puts into a frame.
const USED: &[(&str, &str, &str)] = &[
    ("cross-site", "no-cors", "image"),
    ("cross-site", "no-cors", "script"),
    ("cross-site", "no-cors", "empty"),
    ("cross-site", "cors", "empty"),
    ("cross-site", "navigate", "iframe"),
    ("same-site", "no-cors", "video"),
    ("same-site", "cors", "empty"),
];

/// An address of a kind of place.
fn address(kind: &str, cap: &str) -> String {
    let cap = at(cap).replacen("/uri/", "", 1);
    kind.replace("CAP", &cap).replace("**", "x").replace('*', "x")
}

#[test]
fn no_row_is_run_for_a_page_of_another_site_that_does_not_go_there() {
    let web = Web::start();
    let cap = web.put("/uri", &[7; 3_000]).expect(200);
    let mut asked = 0;
    for (_, kind, t) in everything().into_iter().filter(|(method, ..)| *method == "GET") {
        let path = address(&kind, &cap);
        let path = format!("{path}?uri={cap}&t={}", if t == "*" { "" } else { t });
        for (site, mode, dest) in USED {
            let headers =
                [("Sec-Fetch-Site", *site), ("Sec-Fetch-Mode", *mode), ("Sec-Fetch-Dest", *dest)];
            for method in ["GET", "HEAD"] {
                let answer = web.ask(method, &path, &headers, b"");
                assert_eq!(answer.status, 403, "{method} {path} {headers:?}");
                asked += 1;
            }
        }
    }
    assert!(asked >= 500, "only {asked} rows were asked for");
    println!("promise 6: {asked} requests of foreign pages that are no navigation: 0 run");
}

#[test]
fn a_link_from_another_site_leads_to_a_page_and_programs_are_asked_nothing() {
    let web = Web::start();
    let cap = web.put("/uri", &[7; 3_000]).expect(200);
    let link = [
        ("Sec-Fetch-Site", "cross-site"),
        ("Sec-Fetch-Mode", "navigate"),
        ("Sec-Fetch-Dest", "document"),
    ];
    for headers in [&link[..], &[]] {
        assert_eq!(web.ask("GET", "/", headers, b"").status, 200);
        assert_eq!(web.ask("GET", &at(&cap), headers, b"").status, 200);
        let range = [headers, &[("Range", "bytes=1-2")]].concat();
        assert_eq!(web.ask("GET", &at(&cap), &range, b"").status, 206);
        assert_eq!(web.ask("HEAD", &at(&cap), headers, b"").status, 200);
    }
    // A link may not have servers dialled, nor local files written.
    for path in [format!("{}?allow-new-tub=1", at(&cap)), format!("{}?t=download", at(&cap))] {
        web.ask("GET", &path, &link, b"").refused(403);
    }
}
