//! The page of a node that has no gateway, if its `webport` says where.

use super::announced::version;
use super::basedir::{Basedir, Role};
use super::config::Config;
use super::error::NodeError;
use crate::gateway::guard::Guard;
use crate::gateway::metrics::{self, Metrics};
use crate::gateway::service::{Service, routes};
use crate::gateway::state::StorageLook;
use crate::http::webport::WebPort;
use crate::http::{Running, Settings};
use crate::introducer::Introducer;
use crate::tub::TubId;
use actix::Addr;

/// Serves the page of this tub's node.
pub fn serve(
    basedir: &Basedir,
    config: &Config,
    tub: TubId,
    introducer: Option<Addr<Introducer>>,
) -> Result<Option<Running>, NodeError> {
    let Some(webport) = config.webport.clone() else { return Ok(None) };
    let service = Service {
        nickname: config.nickname.clone(),
        nodeid: tub.to_string(),
        version: version(),
        guard: guard(config, &webport),
        introducer,
        keeps_directories: config.role == Role::Vdrive || !basedir.flag("no_vdrive")?,
    };
    let settings = Settings {
        webport,
        folder: basedir.path().to_owned(),
        insecure: config.may_be_plain(),
        any_port: false,
    };
    Ok(Some(settings.listen()?.serve(move || routes(service.clone()))?))
}

/// Serves figures of a client's storage, if its `metricsport` says where.
pub fn serve_metrics(
    basedir: &Basedir,
    config: &Config,
    storage: Option<StorageLook>,
) -> Result<Option<Running>, NodeError> {
    let Some(webport) = config.metricsport.clone() else { return Ok(None) };
    let metrics = Metrics { guard: guard(config, &webport), storage };
    let settings =
        Settings { webport, folder: basedir.path().to_owned(), insecure: true, any_port: false };
    Ok(Some(settings.listen()?.serve(move || metrics::routes(metrics.clone()))?))
}

/// Who may ask at this `webport`, and by which names.
pub fn guard(config: &Config, webport: &WebPort) -> Guard {
    let local = webport.is_local();
    let hosts: Vec<_> = config.web_hosts.iter().map(|host| host.to_ascii_lowercase()).collect();
    // Who gives a name that others can look up has a proxy for it, and by what name that calls this
    // gateway is the proxy's affair.
    let published = hosts.iter().any(|host| host != "localhost" && !host.ends_with(".localhost"));
    Guard { hosts, local, tls: webport.tls.is_some(), closed: !local || published }
}
