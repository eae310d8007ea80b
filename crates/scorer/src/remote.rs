//! A model that another server runs: what tract cannot run, or what is served already.
//!
//! The server is asked once for the names, types and shapes of the model's inputs and outputs
//! ([`Protocol`] says how), so that rows are encoded, batched and read exactly as for a graph
//! of our own. A request is given up after `timeout_ms`, and asked again where the server was
//! not there, too slow or busy; what it refuses is not asked again.

mod protocol;

use std::io::Read;
use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;
use tract_onnx::prelude::Tensor;

use crate::onnx::TensorSpec;
pub use protocol::Protocol;

/// Bytes of an answer, at most.
const MOST_BYTES: u64 = 64 << 20;
/// How much of what a server says of a mistake is repeated.
const MOST_SAID: usize = 300;
/// Times that a request may be repeated, and how long it may take.
const MOST_RETRIES: u32 = 10;
const MOST_TIMEOUT_MS: u64 = 600_000;
/// Wait before the first repetition; it doubles each time.
const FIRST_WAIT: Duration = Duration::from_millis(100);

/// The server of a model, as the manifest names it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remote {
    /// How it is spoken to.
    pub protocol: Protocol,
    /// Where it is, without the path that the protocol adds: `http://models:8000`.
    pub url: String,
    /// The model's name there; by default that of the manifest.
    #[serde(default)]
    pub model: Option<String>,
    /// The model's version there; by default the one that the server chooses.
    #[serde(default)]
    pub version: Option<String>,
    /// Time for a request, in milliseconds.
    #[serde(default = "default_timeout_ms")]
    pub timeout_ms: u64,
    /// How often a request is repeated.
    #[serde(default = "default_retries")]
    pub retries: u32,
}

fn default_timeout_ms() -> u64 {
    10_000
}

fn default_retries() -> u32 {
    2
}

impl Remote {
    /// What cannot hold, for the manifest.
    pub(crate) fn problem(&self) -> Option<String> {
        let host = self
            .url
            .strip_prefix("http://")
            .map(|rest| rest.trim_end_matches('/'));
        if host.is_none_or(|host| host.is_empty() || host.contains(['?', '#', '@'])) {
            return Some(format!(
                "has the url `{}`; write `http://HOST:PORT`, without a user or a query (a server \
                 behind TLS is reached through a proxy beside this process)",
                self.url
            ));
        }
        if !(1..=MOST_TIMEOUT_MS).contains(&self.timeout_ms) {
            return Some(format!("has a `timeout_ms` outside 1..={MOST_TIMEOUT_MS}"));
        }
        (self.retries > MOST_RETRIES).then(|| format!("has more than {MOST_RETRIES} `retries`"))
    }
}

/// A server that has told what its model reads and gives.
#[derive(Debug)]
pub(crate) struct Client {
    remote: Remote,
    model: String,
    agent: ureq::Agent,
    pub(crate) inputs: Vec<TensorSpec>,
    pub(crate) outputs: Vec<TensorSpec>,
}

impl Client {
    /// Asks the server what the model reads and gives; `outputs` are those wanted.
    pub(crate) fn connect(remote: &Remote, name: &str, outputs: &[&str]) -> Result<Self, String> {
        let config = ureq::Agent::config_builder()
            .timeout_global(Some(Duration::from_millis(remote.timeout_ms)))
            .http_status_as_error(false)
            .max_redirects(0)
            .build();
        let mut client = Self {
            remote: remote.clone(),
            model: remote.model.clone().unwrap_or_else(|| name.to_owned()),
            agent: config.into(),
            inputs: Vec::new(),
            outputs: Vec::new(),
        };
        let told = client.ask(&client.remote.protocol.metadata_path(), None)?;
        let (inputs, given) = client.remote.protocol.read_metadata(&told)?;
        client.inputs = inputs;
        client.outputs = outputs
            .iter()
            .map(|wanted| {
                let found = given.iter().find(|output| output.name == *wanted).cloned();
                found.ok_or_else(|| {
                    let known: Vec<&str> = given.iter().map(|o| o.name.as_str()).collect();
                    format!(
                        "it has no output `{wanted}`; its outputs are {}",
                        known.join(", ")
                    )
                })
            })
            .collect::<Result<_, _>>()?;
        Ok(client)
    }

    /// Runs a batch; outputs in the order of [`outputs`](Self::outputs).
    pub(crate) fn run(&self, inputs: &[Tensor]) -> Result<Vec<Tensor>, String> {
        let protocol = self.remote.protocol;
        let body = protocol.request(&self.inputs, inputs, &self.outputs)?;
        let answer = self.ask(protocol.predict_path(), Some(&body))?;
        protocol.read_answer(&answer, &self.outputs)
    }

    /// The model's URL with what the protocol adds.
    fn url(&self, path: &str) -> String {
        let version = match &self.remote.version {
            Some(version) => format!("/versions/{version}"),
            None => String::new(),
        };
        let base = self.remote.url.trim_end_matches('/');
        let stem = self.remote.protocol.stem();
        format!("{base}/{stem}/models/{}{version}{path}", self.model)
    }

    /// Asks, again where it may help; a body makes it a `POST`.
    fn ask(&self, path: &str, body: Option<&Value>) -> Result<Value, String> {
        let url = self.url(path);
        let bytes = body.map(|body| body.to_string());
        let mut wait = FIRST_WAIT;
        for attempt in 0.. {
            let problem = match self.ask_once(&url, bytes.as_deref()) {
                Ok(answer) => return Ok(answer),
                Err(Refused::ForGood(problem)) => return Err(format!("{url}: {problem}")),
                Err(Refused::ForNow(problem)) => problem,
            };
            if attempt == self.remote.retries {
                return Err(format!(
                    "{url}: {problem} (asked {} times, at most {} ms each; the manifest's \
                     `remote` has `retries` and `timeout_ms`)",
                    attempt + 1,
                    self.remote.timeout_ms
                ));
            }
            std::thread::sleep(wait);
            wait *= 2;
        }
        unreachable!("the loop above ends after `retries`")
    }

    fn ask_once(&self, url: &str, body: Option<&str>) -> Result<Value, Refused> {
        let answer = match body {
            Some(body) => self
                .agent
                .post(url)
                .header("content-type", "application/json")
                .send(body),
            None => self.agent.get(url).call(),
        };
        let mut answer = answer.map_err(|error| Refused::ForNow(error.to_string()))?;
        let status = answer.status().as_u16();
        let mut text = String::new();
        let reader = answer.body_mut().as_reader();
        let read = reader.take(MOST_BYTES + 1).read_to_string(&mut text);
        read.map_err(|error| Refused::ForNow(format!("the answer broke off: {error}")))?;
        if text.len() as u64 > MOST_BYTES {
            let problem =
                format!("the answer has more than {MOST_BYTES} bytes; lower `batch_size`");
            return Err(Refused::ForGood(problem));
        }
        let said = || {
            let said: String = text.trim().chars().take(MOST_SAID).collect();
            format!("the server says {status}: {said}")
        };
        match status {
            200 => serde_json::from_str(&text)
                .map_err(|error| Refused::ForGood(format!("the answer is no JSON: {error}"))),
            429 | 502..=504 => Err(Refused::ForNow(said())),
            404 => Err(Refused::ForGood(format!(
                "{}; does it serve a model of this name (`remote.model`), by this `protocol`?",
                said()
            ))),
            _ => Err(Refused::ForGood(said())),
        }
    }
}

/// Why there is no answer.
enum Refused {
    /// Another time there may be one.
    ForNow(String),
    ForGood(String),
}
