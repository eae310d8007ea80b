//! The targets of `packaging/orchestrators/`, each against a double that has what its API asks for.

use crate::desk::{Desk, Ended, SAME, TRAINING, root};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use wiremock::{Mock, MockServer, Request, ResponseTemplate, matchers::method};

/// Values of the environment that the targets name.
const ENVIRONMENT: [(&str, &str); 11] = [
    ("AIRFLOW_AUTHORIZATION", "Bearer airflow"),
    ("KUBEFLOW_AUTHORIZATION", "Bearer kubeflow"),
    ("ARGO_AUTHORIZATION", "Bearer argo"),
    ("ARGO_EVENTS_AUTHORIZATION", "Bearer events"),
    (
        "ARGO_EVENTS_SECRET",
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    ),
    ("PREFECT_AUTHORIZATION", "Bearer prefect"),
    ("DAGSTER_TOKEN", "dagster"),
    ("GITHUB_AUTHORIZATION", "Bearer github"),
    ("GITLAB_TOKEN", "gitlab"),
    ("JENKINS_AUTHORIZATION", "Basic jenkins"),
    ("DATABRICKS_AUTHORIZATION", "Bearer databricks"),
];

/// A desk whose pipeline has these targets, sent to the double.
fn desk(targets: &[Value], server: &MockServer) -> Desk {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", SAME.csv());
    for entry in std::fs::read_dir(folder()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        desk.write(&name, std::fs::read(entry.path()).unwrap());
    }
    let moved = targets.iter().map(|target| {
        let mut target = target.clone();
        let url = target["url"].as_str().unwrap();
        let path = url.splitn(4, '/').nth(3).unwrap();
        target["url"] = format!("{}/{path}", server.uri()).into();
        target["allow_http"] = true.into();
        target["allow_addresses"] = json!(["127.0.0.0/8"]);
        target
    });
    let actions = json!({"webhooks": moved.collect::<Vec<_>>()});
    desk.pipeline("base.csv", "live.csv", &format!("actions: {actions}\n"));
    desk
}

fn folder() -> std::path::PathBuf {
    root().join("packaging/orchestrators")
}

fn targets() -> Vec<Value> {
    let text = std::fs::read_to_string(folder().join("targets.yaml")).unwrap();
    let all: Value = serde_yaml::from_str(&text).unwrap();
    all["actions"]["webhooks"].as_array().unwrap().clone()
}

/// Tells every target of the pipeline of a test event, on the way of real ones.
fn tell(desk: &Desk) -> Ended {
    let mlflow = [("MLFLOW_AUTHORIZATION", "Bearer mlflow")];
    let environment = [&ENVIRONMENT[..], &mlflow].concat();
    desk.driftline_with(&["webhook", "test", "p.yaml"], &environment, "")
}

async fn double(
    answers: impl Fn(&Request) -> ResponseTemplate + Send + Sync + 'static,
) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(answers)
        .mount(&server)
        .await;
    server
}

/// What a receiver is sent, apart from the event's id, which stands as `ID`.
struct Sent {
    path: String,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Sent {
    fn of(request: &Request) -> Self {
        let id = request.headers["webhook-id"].to_str().unwrap();
        let headers = request.headers.iter();
        let body = String::from_utf8(request.body.clone()).unwrap();
        Self {
            path: request.url.path().to_owned(),
            headers: headers
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect(),
            body: body.replace(id, "ID").replace(&id.replace('_', "-"), "ID"),
        }
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.body))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_orchestrator_is_sent_what_its_api_asks_for() {
    // Answers as those APIs give them; Airflow and Argo have the run already.
    let server = double(|request| {
        let path = request.url.path();
        let launched = json!({"data": {"launchRun": {
            "__typename": "LaunchRunSuccess", "run": {"runId": "1"}}}});
        match path {
            "/graphql" => ResponseTemplate::new(200).set_body_json(launched),
            _ if path.ends_with("/dagRuns") || path.ends_with("/submit") => {
                ResponseTemplate::new(409)
            }
            _ if path.ends_with("/dispatches") => ResponseTemplate::new(204),
            _ if path.ends_with("/buildWithParameters") => ResponseTemplate::new(201),
            _ => ResponseTemplate::new(200).set_body_json(json!({})),
        }
    })
    .await;
    let targets = targets();
    let told = tell(&desk(&targets, &server));
    let told = told.ends_with(0);
    assert_eq!(
        told.out.matches("taken").count(),
        targets.len(),
        "{}",
        told.out
    );

    let requests = server.received_requests().await.unwrap();
    let sent: Vec<Sent> = requests.iter().map(Sent::of).collect();
    let to = |path: &str| {
        let found = sent.iter().find(|one| one.path == path);
        found.unwrap_or_else(|| panic!("nothing was sent to {path}"))
    };
    let header = |path: &str, name: &str| to(path).headers[name].clone();
    let variables = json!({"monitor": "shop", "retraining_request": "retrain_sample"});

    let airflow_2 = to("/api/v1/dags/retrain/dagRuns").json();
    assert_eq!(airflow_2["dag_run_id"], "drift__ID");
    assert_eq!(airflow_2["conf"]["monitor"], "shop");
    assert_eq!(airflow_2.as_object().unwrap().len(), 2);
    let path = "/api/v2/dags/retrain/dagRuns";
    assert_eq!(header(path, "authorization"), "Bearer airflow");
    let airflow_3 = to(path).json();
    // It must be there, and refuses what it does not know.
    assert_eq!(airflow_3.get("logical_date"), Some(&Value::Null));
    assert_eq!(airflow_3.as_object().unwrap().len(), 3);

    let path = "/apis/v2beta1/runs";
    assert_eq!(header(path, "authorization"), "Bearer kubeflow");
    let expected = json!({
        "display_name": "drift ID",
        "pipeline_version_reference": {
            "pipeline_id": "PIPELINE_ID", "pipeline_version_id": "PIPELINE_VERSION_ID"},
        "runtime_config": {"parameters": variables},
    });
    assert_eq!(to(path).json(), expected);

    let path = "/api/v1/workflows/training/submit";
    assert_eq!(header(path, "authorization"), "Bearer argo");
    let expected = json!({
        "resourceKind": "WorkflowTemplate", "resourceName": "retrain",
        "submitOptions": {
            // A name of Kubernetes: lower case, digits and hyphens.
            "name": "drift-ID",
            "parameters": ["monitor=shop", "retraining-request=retrain_sample"],
        },
    });
    assert_eq!(to(path).json(), expected);

    let path = "/retrain";
    assert_eq!(header(path, "authorization"), "Bearer events");
    assert!(header(path, "webhook-signature").starts_with("v1,"));
    assert_eq!(
        to(path).json()["data"]["reason"],
        "this is a \"test\": nothing has happened"
    );

    let path = "/api/deployments/00000000-0000-0000-0000-000000000000/create_flow_run";
    assert_eq!(header(path, "authorization"), "Bearer prefect");
    let expected = json!({
        "name": "drift ID", "idempotency_key": "ID", "parameters": variables, "tags": ["driftline"],
    });
    assert_eq!(to(path).json(), expected);

    let path = "/graphql";
    assert_eq!(header(path, "dagster-cloud-api-token"), "dagster");
    let dagster = to(path).json();
    assert!(
        dagster["query"]
            .as_str()
            .unwrap()
            .contains("launchRun(executionParams: $execution)")
    );
    let execution = &dagster["variables"]["execution"];
    assert_eq!(execution["selector"]["jobName"], "retrain");
    assert_eq!(execution["executionMetadata"]["tags"][0]["value"], "ID");

    let path = "/repos/OWNER/REPOSITORY/dispatches";
    assert_eq!(header(path, "authorization"), "Bearer github");
    assert!(header(path, "user-agent").starts_with("driftline/"));
    let github = to(path).json();
    assert_eq!(github["event_type"], "retrain");
    assert!(github["client_payload"].as_object().unwrap().len() <= 10);
    let path = "/repos/OWNER/REPOSITORY/actions/workflows/retrain.yml/dispatches";
    assert_eq!(to(path).json(), json!({"ref": "main", "inputs": variables}));

    let path = "/api/v4/projects/1/pipeline";
    assert_eq!(header(path, "private-token"), "gitlab");
    let gitlab = to(path).json();
    assert_eq!(gitlab["ref"], "main");
    assert_eq!(
        gitlab["variables"][1],
        json!({"key": "DRIFTLINE_MONITOR", "value": "shop"})
    );

    let path = "/job/retrain/buildWithParameters";
    assert_eq!(header(path, "authorization"), "Basic jenkins");
    assert_eq!(
        header(path, "content-type"),
        "application/x-www-form-urlencoded"
    );
    assert_eq!(
        to(path).body,
        "DRIFTLINE_EVENT=ID&DRIFTLINE_MONITOR=shop&DRIFTLINE_RETRAINING_REQUEST=retrain_sample"
    );

    let path = "/api/2.2/jobs/run-now";
    assert_eq!(header(path, "authorization"), "Bearer databricks");
    let expected = json!({"job_id": 1, "idempotency_token": "ID", "job_parameters": variables});
    assert_eq!(to(path).json(), expected);
    // At most 64 characters are taken.
    let ids = requests
        .iter()
        .map(|request| request.headers["webhook-id"].len());
    assert!(ids.max().unwrap() <= 64);

    let path = "/api/2.0/mlflow/registered-models/set-tag";
    assert_eq!(header(path, "authorization"), "Bearer mlflow");
    let expected = json!({
        "name": "sentiment", "key": "driftline.retraining_request", "value": "retrain_sample"});
    assert_eq!(to(path).json(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_200_of_dagster_without_a_run_is_no_yes() {
    let server = double(|_| {
        let failed = json!({"data": {"launchRun": {
            "__typename": "PythonError", "message": "no such job"}}});
        ResponseTemplate::new(200).set_body_json(failed)
    })
    .await;
    let dagster = targets().into_iter().find(|one| one["name"] == "dagster");
    let told = tell(&desk(&[dagster.unwrap()], &server));
    let out = &told.ends_with(4).out;
    assert!(
        out.contains("no yes in its body") && out.contains("no such job"),
        "{out}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conflict_is_a_yes_only_where_the_target_says_so() {
    let server = double(|_| ResponseTemplate::new(409)).await;
    let prefect = targets().into_iter().find(|one| one["name"] == "prefect");
    let told = tell(&desk(&[prefect.unwrap()], &server));
    assert!(told.ends_with(4).out.contains("answered 409"));
}

#[test]
fn what_cannot_be_a_yes_or_a_form_is_refused_with_its_place() {
    let desk = Desk::new();
    desk.write("base.csv", TRAINING.csv());
    desk.write("live.csv", SAME.csv());
    for (wrong, said) in [
        ("success_status: [302]", "302 cannot be a yes"),
        ("success_status: [429]", "429 cannot be a yes"),
        ("body: form", "`body: form` is for `format: template`"),
    ] {
        let target = format!(
            "actions:\n  webhooks:\n    - name: them\n      on: [retrain]\n      format: slack\n      \
             url: https://example.com/\n      {wrong}\n"
        );
        desk.pipeline("base.csv", "live.csv", &target);
        tell(&desk).ends_with(2).says(said).says("p.yaml:");
    }
}
