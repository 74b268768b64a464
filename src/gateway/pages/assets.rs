//! The files of `web/static`, embedded, at addresses that change with their contents.

use super::super::answer::Failure;
use super::super::asked::Asked;
use crate::base::base32;
use crate::base::hash::{tagged, truncated};
use actix_web::HttpResponse;
use actix_web::http::header;
use std::sync::LazyLock;

struct Asset {
    name: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
}

macro_rules! assets {
    ($($name:literal: $kind:literal,)*) => {
        &[$(Asset {
            name: $name,
            kind: $kind,
            bytes: include_bytes!(concat!("../../../web/static/", $name)),
        },)*]
    };
}

const ASSETS: &[Asset] = assets! {
    "activity.js": "text/javascript; charset=utf-8",
    "early.js": "text/javascript; charset=utf-8",
    "files.js": "text/javascript; charset=utf-8",
    "mark.svg": "image/svg+xml",
    "open.js": "text/javascript; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "style.css": "text/css; charset=utf-8",
    "upload.js": "text/javascript; charset=utf-8",
    "view.js": "text/javascript; charset=utf-8",
};

static ADDRESSES: LazyLock<Vec<String>> = LazyLock::new(|| {
    let address = |asset: &Asset| {
        let hash: [u8; 10] = truncated(tagged(b"tahoe_web_asset_v1", asset.bytes));
        let (stem, ending) = asset.name.rsplit_once('.').unwrap_or((asset.name, ""));
        format!("/static/{stem}-{}.{ending}", base32::encode(&hash))
    };
    ASSETS.iter().map(address).collect()
});

/// Where an asset is.
pub fn address(name: &str) -> &'static str {
    let index = ASSETS.iter().position(|asset| asset.name == name);
    index.and_then(|index| ADDRESSES.get(index)).map_or("", String::as_str)
}

/// Whether there is an asset at a path.
pub fn is_one(path: &str) -> bool {
    ADDRESSES.iter().any(|address| address == path)
}

/// The asset that an address names by its path.
pub fn named(_: &Asked<'_>, path: &[String]) -> Result<HttpResponse, Failure> {
    path.first().and_then(|path| serve(path)).ok_or_else(Failure::not_found)
}

/// The asset at a path, if there is one.
pub fn serve(path: &str) -> Option<HttpResponse> {
    let index = ADDRESSES.iter().position(|address| address == path)?;
    let asset = ASSETS.get(index)?;
    let mut response = HttpResponse::Ok();
    response
        .insert_header((header::CONTENT_TYPE, asset.kind))
        .insert_header((header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; style-src 'unsafe-inline'",
        ))
        .insert_header(("Cross-Origin-Opener-Policy", "same-origin"))
        .insert_header(("Cross-Origin-Resource-Policy", "same-origin"))
        .insert_header((header::CACHE_CONTROL, "public, max-age=31536000, immutable"));
    Some(response.body(asset.bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_asset_is_at_its_address_and_nowhere_else() {
        for asset in ASSETS {
            let found = serve(address(asset.name)).unwrap();
            assert_eq!(found.headers().get(header::CONTENT_TYPE).unwrap(), asset.kind);
        }
        assert!(serve("/static/style.css").is_none() && serve("").is_none());
        assert_eq!(address("other.css"), "");
    }

    #[test]
    fn no_asset_asks_anything_of_another_site() {
        for asset in ASSETS {
            let text = std::str::from_utf8(asset.bytes).unwrap();
            let text = text.replace("http://www.w3.org/2000/svg", "");
            assert!(!text.contains("http:") && !text.contains("https:"), "{}", asset.name);
            assert!(!text.contains("innerHTML") && !text.contains("eval("), "{}", asset.name);
        }
    }
}
