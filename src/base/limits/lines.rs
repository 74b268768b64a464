//! Of lines, and of what outlasts them.

use std::time::Duration;

/// The least that an owner may let a node take of its line: below that no link stays up.
pub const RATE_MIN: u64 = 4_000;
/// How often it is looked at what the owner says of it.
pub const RATES_LOOK: Duration = Duration::from_secs(60);
/// An upload that lost its uploader is kept for a time if so many bytes of it have come: whoever begins it again
/// goes on where it was,
pub const UPLOAD_KEPT_MIN: u64 = 256 << 10;
/// unless so many are known.
pub const UPLOADS_KEPT_MAX: usize = 4_096;
/// An uploader of whom nothing was heard for so long may have lost its line without anybody knowing.
pub const UPLOAD_LEFT_TIME: Duration = Duration::from_secs(10);
/// From so many on those that are over are looked for.
pub const SESSIONS_LOOK: usize = 64;
/// Servers that were lost with all others are expected back for so long, and what they may have is not called
/// gone: longer than tunnels, and than a router that starts anew.
pub const OUTAGE_TIME: Duration = Duration::from_secs(600);
/// An upload that failed because the line broke waits so long for its servers, and so often, before that is
/// said: longer than tunnels.
pub const UPLOAD_OUTAGE_TIME: Duration = Duration::from_secs(60);
/// See [`UPLOAD_OUTAGE_TIME`].
pub const UPLOAD_OUTAGES_MAX: usize = 5;
/// Servers that come back after the first are given so long.
pub const GATHER_TIME: Duration = Duration::from_secs(5);
/// Links notice within so long that the line under them broke: a silent one at rest needs the longest.
pub const LOST_TOGETHER: Duration = Duration::from_secs(120);
