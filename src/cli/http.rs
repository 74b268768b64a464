//! Talking to a node's gateway.
//!
//! Nothing is said to what listens at the address in a node's folder before it has shown that it is that
//! node: by the node's own certificate, or by a proof that it knows the token ([`super::proven`]).

use super::dirs::default_gateway;
use super::error::Reach;
use super::pinned::Pinned;
use super::proven::{NotProven, Proven};
pub use super::refusal::about;
use super::refusal::refusal;
use super::{CliError, local};
use crate::base::limits::{ANSWER_TEXT_MAX, CLI_WORKERS};
pub use crate::files::address::percent_encode;
use crate::gateway::answer::ERROR_CODE;
use crate::grid::Code;
use crate::http::webport::WebPort;
use crate::node::basedir::Basedir;
use crate::node::lock;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::de::DeserializeOwned;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;
use ureq::http::{Request, Response, StatusCode};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector, TcpConnector};
use ureq::{Agent, Body, BodyReader, SendBody};

/// A gateway on the same machine or in the same house answers much sooner.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Gateways close connections that are idle for five seconds.
const IDLE_TIME: Duration = Duration::from_secs(3);

/// What a gateway says of something that it could do at another time.
const NOT_NOW: StatusCode = StatusCode::SERVICE_UNAVAILABLE;

/// Which gateway to use.
#[derive(clap::Args)]
pub struct Gateway {
    /// Use the gateway of the node in this directory.
    #[arg(short = 'd', long = "node-directory", value_name = "NODEDIR")]
    pub node_directory: Option<PathBuf>,
    /// Use the gateway at this address, such as http://127.0.0.1:8123/.
    #[arg(short = 'u', long = "node-url", value_name = "URL", conflicts_with = "node_directory")]
    pub node_url: Option<String>,
    /// Connect to the directory servers that the given caps name, even if this node has never heard
    /// of them.
    #[arg(long)]
    allow_new_tub: bool,
}

/// An agent, the gateway's address without its last slash, and the token if the node has one.
#[derive(Clone)]
pub struct Connection {
    agent: Agent,
    base: String,
    token: Option<String>,
    /// Only the node's own certificate is accepted.
    pinned: bool,
    /// The node's folder, if the address comes from there.
    dir: Option<PathBuf>,
    allow_new_tub: bool,
}

impl Gateway {
    pub fn connect(&self) -> Result<Connection, CliError> {
        let node = match &self.node_url {
            Some(url) => Node { base: url.clone(), token: None, certificate: None, dir: None },
            None => self.of_node()?,
        };
        let Node { base, token, certificate, dir } = node;
        if !base.starts_with("http://") && !base.starts_with("https://") {
            return Err(CliError::usage(
                format!("{base:?} is not the address of a gateway"),
                "It looks like http://127.0.0.1:8123/.",
            ));
        }
        let base = base.trim_end_matches('/').to_owned();
        let pinned = certificate.is_some();
        let agent = agent(&base, token.as_ref(), certificate);
        Ok(Connection { agent, base, token, pinned, dir, allow_new_tub: self.allow_new_tub })
    }

    /// The address of a node's gateway, its token, and its own certificate if it has one.
    fn of_node(&self) -> Result<Node, CliError> {
        let dir = self.node_directory.clone().unwrap_or_else(default_gateway);
        let basedir = Basedir::open(&dir)?;
        let Some(base) = basedir.read("node.url")? else { return Err(no_gateway(&basedir, &dir)) };
        // Others may not read it; then nothing can be proven, and at least the node must be there.
        let token = basedir.read("private/api_auth_token").ok().flatten();
        if token.is_none() && !lock::is_running(&basedir)? {
            return Err(no_gateway(&basedir, &dir));
        }
        Ok(Node { base, token, certificate: own_certificate(&basedir), dir: Some(dir) })
    }
}

/// Where a gateway is, and what it and its owner know.
struct Node {
    base: String,
    token: Option<String>,
    certificate: Option<CertificateDer<'static>>,
    dir: Option<PathBuf>,
}

/// What makes connections to the gateway at `base`, and makes sure whose it is as far as it can be.
fn agent(
    base: &str,
    token: Option<&String>,
    certificate: Option<CertificateDer<'static>>,
) -> Agent {
    let config = Agent::config_builder()
        .http_status_as_error(false)
        .timeout_connect(Some(CONNECT_TIME))
        .max_redirects(0)
        .max_idle_connections_per_host(CLI_WORKERS)
        .max_idle_age(IDLE_TIME)
        .proxy(None)
        .build();
    let (tcp, names) = (TcpConnector::default(), DefaultResolver::default());
    match (certificate.map(Pinned::new).and_then(Result::ok), token) {
        (_, Some(token)) if base.starts_with("http://") => {
            let proven = Proven { token: token.clone(), address: base.to_owned() };
            Agent::with_parts(config, tcp.chain(proven), names)
        }
        (Some(tls), _) => Agent::with_parts(config, tcp.chain(tls), names),
        (None, _) => config.new_agent(),
    }
}

/// Why a node has not said where its gateway is.
fn no_gateway(basedir: &Basedir, dir: &Path) -> CliError {
    let dir = dir.display();
    match basedir.read("webport") {
        Ok(Some(_)) => CliError::new(
            format!("The node in {dir} is not running"),
            format!("Start it with `tahoe start {dir}`, or name another gateway with -d or -u."),
        ),
        _ => CliError::new(
            format!("The node in {dir} has no gateway"),
            "Write a port into its file webport and start it, or name a gateway with -d or -u.",
        ),
    }
}

/// What to say when another program listens where a node did; it was told nothing.
fn other(base: &str, dir: &Path) -> CliError {
    let running = Basedir::open(dir).and_then(|basedir| lock::is_running(&basedir));
    let dir = dir.display();
    let what = format!("What listens at {base} is not the gateway of the node in {dir}");
    match running {
        Ok(true) => CliError::new(what, format!("Start it anew with `tahoe restart {dir}`.")),
        _ => CliError::new(
            what,
            format!("That node is not running; start it with `tahoe start {dir}`."),
        ),
    }
}

/// A node's own certificate is trusted for that node, whoever signed it.
fn own_certificate(basedir: &Basedir) -> Option<CertificateDer<'static>> {
    let webport = WebPort::parse(&basedir.read("webport").ok()??).ok()?;
    let name = webport.tls?.certificate;
    CertificateDer::from_pem_slice(basedir.read(name.to_str()?).ok()??.as_bytes()).ok()
}

/// Why an answer is not that of the server which TLS is to make sure of, if that is the error.
fn distrust(error: &ureq::Error) -> Option<String> {
    use rustls::{CertificateError, Error};
    let inner = match error {
        ureq::Error::Tls(text) => return Some((*text).to_owned()),
        ureq::Error::Rustls(error) => error,
        ureq::Error::Io(error) => error.get_ref()?.downcast_ref()?,
        _ => return None,
    };
    Some(match inner {
        Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure) => {
            "it shows another certificate than the one in the node's folder".to_owned()
        }
        other => other.to_string(),
    })
}

/// Whether what listens at a node's address is not the node.
fn is_other(error: &ureq::Error) -> bool {
    let ureq::Error::Io(error) = error else { return false };
    error.get_ref().is_some_and(|inner| inner.is::<NotProven>())
}

/// What a request carries.
enum Payload<'a> {
    Nothing,
    Text(&'a str, &'static str),
    Stream(&'a mut dyn Read, Option<u64>),
}

impl Connection {
    /// Makes sure that a node's gateway is there and the node's, for who is sent to it by other means.
    pub fn reach(&self) -> Result<(), CliError> {
        match self.dir {
            Some(_) => self.get("/?t=json").map(drop),
            None => Ok(()),
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    pub fn get(&self, path: &str) -> Result<Answer, CliError> {
        self.send("GET", path, Payload::Nothing)
    }

    /// A body of JSON, or of nothing.
    pub fn post(&self, path: &str, body: &str) -> Result<Answer, CliError> {
        self.send("POST", path, Payload::Text(body, "application/json"))
    }

    /// A body of text, such as a cap.
    pub fn put(&self, path: &str, body: &str) -> Result<Answer, CliError> {
        self.send("PUT", path, Payload::Text(body, "text/plain"))
    }

    /// A file; its size if that is known.
    pub fn put_file(
        &self,
        path: &str,
        reader: &mut dyn Read,
        size: Option<u64>,
    ) -> Result<Answer, CliError> {
        self.send("PUT", path, Payload::Stream(reader, size))
    }

    pub fn delete(&self, path: &str) -> Result<Answer, CliError> {
        self.send("DELETE", path, Payload::Nothing)
    }

    fn send(&self, method: &str, path: &str, payload: Payload) -> Result<Answer, CliError> {
        let mut url = self.url(path);
        if self.allow_new_tub {
            url.push_str(if path.contains('?') { "&" } else { "?" });
            url.push_str("allow-new-tub=1");
        }
        let mut request = Request::builder().method(method).uri(url);
        request = request.header("Accept", "text/plain, application/octet-stream");
        if let Some(token) = &self.token {
            request = request.header("Authorization", format!("tahoe-lafs {token}"));
        }
        let request = match &payload {
            Payload::Nothing => request,
            Payload::Text(_, kind) => request.header("Content-Type", *kind),
            Payload::Stream(_, size) => {
                let request = request.header("Content-Type", "application/octet-stream");
                match size {
                    Some(size) => request.header("Content-Length", size.to_string()),
                    None => request,
                }
            }
        };
        let sent = match payload {
            Payload::Nothing => request.body(()).map(|request| self.agent.run(request)),
            Payload::Text(text, _) => request.body(text).map(|request| self.agent.run(request)),
            Payload::Stream(reader, _) => {
                request.body(SendBody::from_reader(reader)).map(|request| self.agent.run(request))
            }
        };
        let response = sent.unwrap_or_else(|error| Err(error.into()));
        let response = response.map_err(|error| self.unreachable(&error))?;
        Ok(Answer { response, base: self.base.clone() })
    }

    /// What to say when there was no answer.
    fn unreachable(&self, error: &ureq::Error) -> CliError {
        if let Some(dir) = self.dir.as_deref().filter(|_| is_other(error)) {
            return other(&self.base, dir).reaching(Reach::All);
        }
        if let Some(reason) = distrust(error) {
            let advice = match self.pinned {
                true => {
                    "Restart the node if its certificate was changed; else look who listens there."
                }
                false => "Use -d NODEDIR of that node, whose own certificate is then trusted.",
            };
            let what = format!("{} cannot be trusted to be the gateway: {reason}", self.base);
            return CliError::new(what, advice).reaching(Reach::All);
        }
        if let ureq::Error::Io(error) = error
            && local::are_too_many_open(error)
        {
            return CliError::too_many_open("The gateway cannot be asked");
        }
        CliError::new(
            format!("The gateway at {} does not answer: {error}", self.base),
            "Start the node with `tahoe start`, or name another one with -d or -u.",
        )
        .reaching(Reach::Now)
    }
}

/// What the gateway answered, its body not yet read.
pub struct Answer {
    response: Response<Body>,
    base: String,
}

impl Answer {
    pub fn status(&self) -> u16 {
        self.response.status().as_u16()
    }

    /// The length of the body, if the gateway said so.
    pub fn size(&self) -> Option<u64> {
        let size = self.response.headers().get("content-length");
        size.and_then(|value| value.to_str().ok()?.parse().ok())
    }

    /// The answer if it is a success; else what the gateway says about `what`.
    pub fn success(self, what: &str) -> Result<Self, CliError> {
        if self.response.status().is_success() { Ok(self) } else { Err(self.refusal(what)) }
    }

    /// The whole body as text, without surrounding white space.
    pub fn text(mut self) -> Result<String, CliError> {
        let text = self.response.body_mut().with_config().limit(ANSWER_TEXT_MAX).read_to_string();
        text.map(|text| text.trim().to_owned()).map_err(|error| self.broken(&error))
    }

    /// The whole body, which is JSON.
    pub fn json<T: DeserializeOwned>(self) -> Result<T, CliError> {
        let base = self.base;
        let reader = BufReader::with_capacity(64 << 10, self.response.into_body().into_reader());
        serde_json::from_reader(reader).map_err(|error| {
            let (what, reach) = match error.is_io() {
                true => ("broke off", Reach::Now),
                false => ("is not the JSON that was expected", Reach::One),
            };
            CliError::new(
                format!("The answer of the gateway at {base} {what}"),
                "Check that the address is that of a Tahoe gateway.",
            )
            .reaching(reach)
        })
    }

    /// The body as it arrives.
    pub fn into_reader(self) -> BodyReader<'static> {
        self.response.into_body().into_reader()
    }

    fn broken(&self, error: &ureq::Error) -> CliError {
        CliError::new(
            format!("The answer of the gateway at {} broke off: {error}", self.base),
            "Try again; if it happens again, look into the node's file logs/node.log.",
        )
        .reaching(Reach::Now)
    }

    /// The answer in two sentences.
    pub fn refusal(mut self, what: &str) -> CliError {
        let status = self.response.status();
        let code = self.response.headers().get(ERROR_CODE).and_then(|value| value.to_str().ok());
        let code = code.and_then(Code::parse);
        let body = self.response.body_mut().with_config().limit(ANSWER_TEXT_MAX);
        let text = body.lossy_utf8(true).read_to_string().unwrap_or_default();
        let error = refusal((status.as_u16(), &status.to_string()), code, &text, what);
        if status == NOT_NOW { error.reaching(Reach::Now) } else { error }
    }
}
