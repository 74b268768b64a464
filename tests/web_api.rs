//! Every row of the web API's tables (`docs/spec/webapi-delta.md`): method, arguments, status, body.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::too_many_lines,
    reason = "a test stops at the first surprise, and tells its story in one piece"
)]

mod web;
mod web_rows;
