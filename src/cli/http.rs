//! Talking to a node's gateway.

use super::CliError;
use super::dirs::default_dir;
use crate::gateway::webport::WebPort;
use crate::node::basedir::Basedir;
use std::path::PathBuf;
use std::time::Duration;
use ureq::http::Response;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

/// A gateway on the same machine or in the same house answers much sooner.
const CONNECT_TIME: Duration = Duration::from_secs(10);

/// Which gateway to use.
#[derive(clap::Args)]
pub struct Gateway {
    /// Use the gateway of the node in this directory.
    #[arg(short = 'd', long = "node-directory", value_name = "NODEDIR")]
    node_directory: Option<PathBuf>,
    /// Use the gateway at this address, such as http://127.0.0.1:8123/.
    #[arg(short = 'u', long = "node-url", value_name = "URL", conflicts_with = "node_directory")]
    node_url: Option<String>,
}

/// An agent, the gateway's address without its last slash, and the token if the node has one.
pub struct Connection {
    pub agent: Agent,
    base: String,
    token: Option<String>,
}

impl Gateway {
    pub fn connect(&self) -> Result<Connection, CliError> {
        let (base, token, certificate) = match &self.node_url {
            Some(url) => (url.clone(), None, None),
            None => self.of_node()?,
        };
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(CliError::usage(
                format!("{base:?} is not the address of a gateway"),
                "It looks like http://127.0.0.1:8123/.",
            ));
        }
        let mut tls = TlsConfig::builder();
        if let Some(own) = certificate {
            tls = tls.root_certs(RootCerts::new_with_certs(&[own]));
        }
        let config = Agent::config_builder()
            .tls_config(tls.build())
            .http_status_as_error(false)
            .timeout_connect(Some(CONNECT_TIME))
            .max_redirects(0)
            .proxy(None)
            .build();
        let base = base.trim_end_matches('/').to_owned();
        Ok(Connection { agent: config.new_agent(), base, token })
    }

    /// The address of a node's gateway, its token, and its own certificate if it has one.
    fn of_node(&self) -> Result<Node, CliError> {
        let dir = self.node_directory.clone().unwrap_or_else(default_dir);
        let basedir = Basedir::open(&dir)?;
        let url = basedir.read("node.url")?.ok_or_else(|| {
            CliError::new(
                format!("The node in {} has no gateway, or never ran", dir.display()),
                "Write a port into its file webport and start it, or name a gateway with -u URL.",
            )
        })?;
        // Only a gateway that listens to others asks for it; one that does not ignores it.
        let token = basedir.read("private/api_auth_token").ok().flatten();
        Ok((url, token, own_certificate(&basedir)))
    }
}

type Node = (String, Option<String>, Option<Certificate<'static>>);

/// A node's own certificate is trusted for that node, whoever signed it.
fn own_certificate(basedir: &Basedir) -> Option<Certificate<'static>> {
    let webport = WebPort::parse(&basedir.read("webport").ok()??).ok()?;
    let name = webport.tls?.certificate;
    Certificate::from_pem(basedir.read(name.to_str()?).ok()??.as_bytes()).ok()
}

impl Connection {
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    /// The header that shows the token.
    pub fn authorization(&self) -> Option<String> {
        self.token.as_ref().map(|token| format!("tahoe-lafs {token}"))
    }

    /// What to say when there was no answer.
    pub fn unreachable(&self, error: &ureq::Error) -> CliError {
        CliError::new(
            format!("The gateway at {} does not answer: {error}", self.base),
            "Start the node with `tahoe start`, or name another one with -d or -u.",
        )
    }
}

/// The text of an answer that is no success.
pub fn refusal(mut response: Response<Body>) -> CliError {
    let status = response.status();
    let text = response.body_mut().with_config().limit(4096).read_to_string().unwrap_or_default();
    let said = text.trim();
    let what = if said.is_empty() { status.to_string() } else { said.to_owned() };
    let advice = match status.as_u16() {
        400 | 404 => "Check the cap: it must be copied whole.",
        401 => "Use -d NODEDIR, so that the node's token can be read.",
        410 => "Too many servers are away now; try again when more are connected.",
        413 | 507 => "Make room on the gateway's disk, or store a smaller file.",
        500..=599 => "Look at the gateway's page to see how many servers are connected.",
        _ => "Check that the address is that of a Tahoe gateway.",
    };
    CliError::new(what, advice)
}
