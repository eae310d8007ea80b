//! A pipeline that concludes what a test wants, and what surrounds it.

use async_trait::async_trait;
use chrono::{DateTime, TimeDelta, Utc};
use driftline_monitor::delivery::{Deliverer, HttpTransport, Target, Transport};
use driftline_monitor::{
    Evaluation, EvaluationError, Evaluator, RunRequest, SeededRandomness, ServeOptions, Server,
    VirtualClock,
};
use driftline_pipeline::config::{
    AlertsConfig, BodyEncoding, ScheduleConfig, SecretReference, TargetFormat, Topic, WebhookTarget,
};
use driftline_pipeline::{TermDecision, TermDecisions};
use driftline_store::{BaselineRecord, Store};
use driftline_verdict::report::model::BaselineSummary;
use driftline_verdict::{
    Action, ActionKind, Finding, FindingKind, Report, Run, Severity, Verdict, Window,
};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

pub(crate) const SECRET: &str = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
pub(crate) const MONITOR: &str = "titles";
/// The interval of a served pipeline. A verdict is fresh for three of them.
pub(crate) const EVERY: Duration = Duration::from_secs(15);

/// What the next evaluations end in.
#[derive(Debug, Clone)]
pub(crate) enum Outcome {
    /// A run over these windows.
    Run(Vec<Window>, Vec<Action>),
    /// A run that shows this.
    Reported(Box<Report>),
    /// A run over the hour before the time that it is made as of.
    AsOf(Verdict),
    /// An error.
    Error(&'static str),
    /// A bug.
    Panic,
}

/// A pipeline that concludes what it is told to, when it is allowed to.
pub(crate) struct FakeEvaluator {
    name: String,
    targets: Vec<Target>,
    alerts: AlertsConfig,
    schedule: Option<ScheduleConfig>,
    outcome: Mutex<Outcome>,
    decisions: Mutex<TermDecisions>,
    /// One permit lets one evaluation end.
    gate: Semaphore,
}

impl FakeEvaluator {
    pub(crate) fn new(outcome: Outcome, targets: Vec<Target>) -> Arc<Self> {
        Self::named(MONITOR, outcome, targets)
    }

    pub(crate) fn named(name: &str, outcome: Outcome, targets: Vec<Target>) -> Arc<Self> {
        Arc::new(Self::made(name, outcome, targets))
    }

    pub(crate) fn alerting(
        outcome: Outcome,
        targets: Vec<Target>,
        alerts: AlertsConfig,
    ) -> Arc<Self> {
        Arc::new(Self {
            alerts,
            ..Self::made(MONITOR, outcome, targets)
        })
    }

    pub(crate) fn scheduled(name: &str, outcome: Outcome, schedule: ScheduleConfig) -> Arc<Self> {
        Arc::new(Self {
            schedule: Some(schedule),
            ..Self::made(name, outcome, Vec::new())
        })
    }

    fn made(name: &str, outcome: Outcome, targets: Vec<Target>) -> Self {
        Self {
            name: name.to_owned(),
            targets,
            alerts: AlertsConfig::default(),
            schedule: None,
            outcome: Mutex::new(outcome),
            decisions: Mutex::default(),
            gate: Semaphore::new(Semaphore::MAX_PERMITS),
        }
    }

    /// From now on, evaluations wait for `release`.
    pub(crate) fn hold(&self) {
        self.gate.forget_permits(Semaphore::MAX_PERMITS);
    }

    /// Lets that many evaluations end.
    pub(crate) fn release(&self, evaluations: usize) {
        self.gate.add_permits(evaluations);
    }

    pub(crate) fn set(&self, outcome: Outcome) {
        *self.outcome.lock().unwrap() = outcome;
    }
}

#[async_trait]
impl Evaluator for FakeEvaluator {
    fn name(&self) -> &str {
        &self.name
    }

    fn targets(&self) -> &[Target] {
        &self.targets
    }

    fn alerts(&self) -> AlertsConfig {
        self.alerts.clone()
    }

    fn schedule(&self) -> Option<ScheduleConfig> {
        self.schedule.clone()
    }

    fn term_decisions(&self) -> Result<TermDecisions, EvaluationError> {
        Ok(self.decisions.lock().unwrap().clone())
    }

    fn decide_term(&self, term: &str, decision: TermDecision) -> Result<(), EvaluationError> {
        let mut decisions = self.decisions.lock().unwrap();
        match decision {
            TermDecision::Accept => decisions.accept.insert(term.to_owned()),
            TermDecision::Ignore => decisions.ignore.insert(term.to_owned()),
            TermDecision::Class(_) => return Err("classes are not decided here".into()),
        };
        Ok(())
    }

    async fn evaluate(&self, request: &RunRequest) -> Result<Evaluation, EvaluationError> {
        self.gate.acquire().await?.forget();
        let outcome = self.outcome.lock().unwrap().clone();
        match outcome {
            Outcome::Run(windows, actions) => Ok(evaluation(&self.name, request, windows, actions)),
            Outcome::Reported(report) => {
                let Run {
                    windows, actions, ..
                } = report.run.clone();
                let evaluated = evaluation(&self.name, request, windows, actions);
                let report = Report {
                    run: evaluated.run.clone(),
                    ..*report
                };
                Ok(Evaluation {
                    report,
                    ..evaluated
                })
            }
            Outcome::AsOf(verdict) => {
                let hour_before = Window {
                    start: Some((request.now - TimeDelta::hours(1)).to_rfc3339()),
                    end: Some(request.now.to_rfc3339()),
                    ..window(1, verdict)
                };
                Ok(evaluation(
                    &self.name,
                    request,
                    vec![hour_before],
                    Vec::new(),
                ))
            }
            Outcome::Error(message) => Err(message.into()),
            Outcome::Panic => panic!("a bug in a pipeline"),
        }
    }
}

/// One day of January 2024.
pub(crate) fn window(day: u32, verdict: Verdict) -> Window {
    let findings = match verdict {
        Verdict::Fail => {
            let mut finding = Finding::new(
                FindingKind::Drift,
                Severity::Error,
                "title moved by 0.3 bits",
            );
            finding.column = Some("title".to_owned());
            vec![finding]
        }
        _ => Vec::new(),
    };
    Window {
        start: Some(format!("2024-01-{day:02}T00:00:00Z")),
        end: Some(format!("2024-01-{:02}T00:00:00Z", day + 1)),
        rows: 1_000,
        verdict,
        findings,
        not_evaluated: Vec::new(),
    }
}

/// A run over one day that concludes this and asks for nothing.
pub(crate) fn concludes(day: u32, verdict: Verdict) -> Outcome {
    Outcome::Run(vec![window(day, verdict)], Vec::new())
}

/// A run over one day that fails and asks for retraining.
pub(crate) fn asks_to_retrain(day: u32) -> Outcome {
    let window = window(day, Verdict::Fail);
    let action = action(ActionKind::Retrain, &window);
    Outcome::Run(vec![window], vec![action])
}

pub(crate) fn action(kind: ActionKind, window: &Window) -> Action {
    Action {
        kind,
        reason: "title failed in 2 of the last 3 windows".to_owned(),
        window_start: window.start.clone(),
        window_end: window.end.clone(),
    }
}

fn evaluation(
    name: &str,
    request: &RunRequest,
    windows: Vec<Window>,
    actions: Vec<Action>,
) -> Evaluation {
    let baseline = BaselineRecord {
        id: "sha256:0".to_owned(),
        directory: "baselines/0".to_owned(),
        created_at: request.now,
    };
    let run = Run {
        format_version: Run::FORMAT_VERSION,
        verdict: windows
            .iter()
            .map(|window| window.verdict)
            .max()
            .unwrap_or(Verdict::Unknown),
        pipeline: name.to_owned(),
        run_id: request.run_id.clone(),
        created_at: request.now.to_rfc3339(),
        baseline_id: baseline.id.clone(),
        windows,
        actions,
        notes: Vec::new(),
    };
    let report = Report {
        run: run.clone(),
        baseline: BaselineSummary {
            source: "titles of 2023".to_owned(),
            start: None,
            end: None,
            rows: 1_000,
            blocks: 52,
            calibration: "c".to_owned(),
        },
        trends: Vec::new(),
        distributions: Vec::new(),
        terms: Vec::new(),
        models: Vec::new(),
    };
    Evaluation {
        read: None,
        run,
        report,
        baseline,
    }
}

/// A store and a secret in a temporary folder, and a clock that stands still.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    pub(crate) store: Store,
    pub(crate) clock: Arc<VirtualClock>,
}

impl World {
    pub(crate) async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), format!("{SECRET}\n")).unwrap();
        let store = open(&folder).await;
        // The present, because receivers check the age of what they get; in whole
        // milliseconds, as the store keeps it.
        let now = DateTime::from_timestamp_millis(Utc::now().timestamp_millis()).unwrap();
        let clock = Arc::new(VirtualClock::at(now));
        Self {
            folder,
            store,
            clock,
        }
    }

    /// A target on this machine that is told of everything.
    pub(crate) fn target(&self, name: &str, url: &str) -> Target {
        Target::new(self.config(name, url)).unwrap()
    }

    pub(crate) fn config(&self, name: &str, url: &str) -> WebhookTarget {
        WebhookTarget {
            name: name.parse().unwrap(),
            on: vec![Topic::Notify, Topic::Retrain],
            url: url.to_owned(),
            secret: Some(SecretReference::File(self.folder.path().join("secret"))),
            format: TargetFormat::Standard,
            template: None,
            body: BodyEncoding::default(),
            headers: BTreeMap::new(),
            success: None,
            success_status: Vec::new(),
            ordered: false,
            allow_http: true,
            allow_addresses: vec!["127.0.0.0/8".parse().unwrap()],
            tls: None,
            timeout_ms: 5_000,
        }
    }

    pub(crate) fn deliverer(&self) -> Deliverer {
        self.deliverer_over(Arc::new(HttpTransport::new()))
    }

    pub(crate) fn deliverer_over(&self, transport: Arc<dyn Transport>) -> Deliverer {
        Deliverer::with(
            self.store.clone(),
            self.clock.clone(),
            Arc::new(SeededRandomness::new(7)),
            transport,
        )
    }

    pub(crate) fn options(&self) -> ServeOptions {
        ServeOptions {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            every: EVERY,
            announce: Duration::ZERO,
            drain: Duration::from_secs(5),
            clock: self.clock.clone(),
            randomness: Arc::new(SeededRandomness::new(7)),
            ..ServeOptions::default()
        }
    }

    pub(crate) async fn serve(&self, evaluators: Vec<Arc<dyn Evaluator>>) -> Running {
        self.serve_with(evaluators, self.options()).await
    }

    pub(crate) async fn serve_with(
        &self,
        evaluators: Vec<Arc<dyn Evaluator>>,
        options: ServeOptions,
    ) -> Running {
        let server = Server::bind(evaluators, open(&self.folder).await, options)
            .await
            .unwrap();
        let address = server.address();
        let shutdown = CancellationToken::new();
        let stop = shutdown.clone();
        Running {
            address,
            shutdown,
            task: tokio::spawn(async move { server.run(stop).await.unwrap() }),
            client: reqwest_client(),
        }
    }
}

pub(crate) async fn open(folder: &TempDir) -> Store {
    let path = folder.path().join("store.db");
    Store::open(&format!("sqlite://{}", path.display()))
        .await
        .unwrap()
}

fn reqwest_client() -> reqwest::Client {
    // Whichever comes first installs it.
    let _installed = rustls::crypto::ring::default_provider().install_default();
    // A connection is used once: servers here hang up on idle ones very soon.
    reqwest::Client::builder()
        .no_proxy()
        .pool_max_idle_per_host(0)
        .build()
        .unwrap()
}

/// A server at work.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) shutdown: CancellationToken,
    pub(crate) task: JoinHandle<()>,
    pub(crate) client: reqwest::Client,
}

/// An answer, taken apart.
#[derive(Debug)]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) etag: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) text: String,
}

impl Answered {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }
}

impl Running {
    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub(crate) async fn get(&self, path: &str) -> Answered {
        self.get_unless(path, None).await
    }

    /// With `If-None-Match`.
    pub(crate) async fn get_unless(&self, path: &str, known: Option<&str>) -> Answered {
        let mut request = self.client.get(self.url(path));
        if let Some(known) = known {
            request = request.header("if-none-match", known);
        }
        answered(request).await
    }

    /// With a JSON body.
    pub(crate) async fn post(&self, path: &str, body: Value) -> Answered {
        answered(self.client.post(self.url(path)).json(&body)).await
    }

    pub(crate) async fn status(&self) -> Value {
        self.get(&format!("/api/v1/monitors/{MONITOR}/status"))
            .await
            .json()
    }

    /// Polls until the status has that verdict and state.
    pub(crate) async fn until(&self, verdict: &str, state: &str) -> Value {
        for _ in 0..500 {
            let status = self.status().await;
            if status["verdict"] == verdict && status["state"] == state {
                return status;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("never {verdict}, {state}: {}", self.status().await);
    }

    pub(crate) async fn stop(self) {
        self.shutdown.cancel();
        self.task.await.unwrap();
    }
}

pub(crate) async fn answered(request: reqwest::RequestBuilder) -> Answered {
    let response = request.send().await.unwrap();
    let header = |name: &str| {
        response
            .headers()
            .get(name)
            .map(|value| value.to_str().unwrap().to_owned())
    };
    Answered {
        status: response.status().as_u16(),
        etag: header("etag"),
        content_type: header("content-type"),
        text: response.text().await.unwrap(),
    }
}
