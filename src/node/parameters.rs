//! The grid's encoding parameters follow the introducer's file while it runs: who edits
//! `encoding_parameters` need not restart anything.

use super::basedir::Basedir;
use super::config;
use crate::introducer::{Introducer, SetParameters};
use actix::WeakAddr;
use std::time::Duration;

/// How long an edit may take to be noticed; one small read each time.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Tells the introducer what the file says, for as long as there is an introducer. A file that
/// says nothing sound changes nothing; the log says so once.
pub async fn follow(basedir: Basedir, introducer: WeakAddr<Introducer>) {
    let mut complaint = None;
    loop {
        actix_rt::time::sleep(LOOK_EVERY).await;
        let Some(introducer) = introducer.upgrade() else { return };
        match config::grid_parameters(&basedir) {
            Ok(parameters) => {
                complaint = None;
                introducer.do_send(SetParameters(parameters));
            }
            Err(error) => {
                let text = error.to_string();
                if complaint.as_ref() != Some(&text) {
                    tracing::warn!("encoding_parameters is not used: {text}");
                    complaint = Some(text);
                }
            }
        }
    }
}
