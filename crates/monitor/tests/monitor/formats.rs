//! Each form of a webhook against a double of its receiver.

use crate::support::{FakeEvaluator, MONITOR, World, window};
use driftline_monitor::delivery::{DeliveryOutcome, DeliveryReport, Selection, Target};
use driftline_monitor::{EventSettings, run_once};
use driftline_pipeline::config::{SuccessRule, TargetFormat, Topic, WebhookTarget};
use driftline_verdict::Verdict;
use serde_json::{Value, json};
use std::time::Duration;
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

/// A receiver that answers one thing, and what it was sent.
async fn told(
    world: &World,
    format: TargetFormat,
    answer: ResponseTemplate,
    change: impl FnOnce(&mut WebhookTarget),
) -> (DeliveryReport, Request) {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/hook"))
        .respond_with(answer)
        .mount(&server)
        .await;
    let mut config = world.config("them", &format!("{}/hook?access_token=t", server.uri()));
    config.on = vec![Topic::Alert];
    config.format = format;
    change(&mut config);
    let target = Target::new(config).unwrap();
    let outcome = crate::support::Outcome::Run(vec![window(1, Verdict::Fail)], Vec::new());
    let evaluator = FakeEvaluator::new(outcome, vec![target]);
    let deliverer = world.deliverer();
    let settings = EventSettings::default();
    let run = run_once(
        &*evaluator,
        &world.store,
        &*world.clock,
        &settings,
        Some(&deliverer),
    );
    let report = run.await.unwrap().deliveries.pop().unwrap();
    let request = server.received_requests().await.unwrap().pop().unwrap();
    (report, request)
}

fn body(request: &Request) -> Value {
    serde_json::from_slice(&request.body).unwrap()
}

fn ok() -> ResponseTemplate {
    ResponseTemplate::new(200)
}

fn error_of(report: &DeliveryReport) -> &str {
    match &report.outcome {
        DeliveryOutcome::Retry { error, .. } => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn chat_services_get_a_sentence_and_their_own_signature() {
    let world = World::new().await;
    std::fs::write(world.folder.path().join("secret"), "key\n").unwrap();
    let says = |request: &Request, pointer: &str| {
        let text = body(request)
            .pointer(pointer)
            .unwrap()
            .as_str()
            .unwrap()
            .to_owned();
        assert!(text.contains("titles: 1 alert firing"), "{text}");
        assert!(text.contains("title moved by 0.3 bits"), "{text}");
    };
    let zero = |key: &str| ok().set_body_json(json!({ (key): 0 }));
    let (report, request) = told(&world, TargetFormat::Slack, ok(), |_| {}).await;
    assert!(report.outcome.is_delivered());
    says(&request, "/text");
    assert!(request.headers.get("webhook-signature").is_none());
    let world = World::new().await;
    std::fs::write(world.folder.path().join("secret"), "key\n").unwrap();
    let (report, request) = told(&world, TargetFormat::Feishu, zero("code"), |_| {}).await;
    assert!(report.outcome.is_delivered());
    says(&request, "/content/text");
    assert!(body(&request)["sign"].is_string());
    let world = World::new().await;
    std::fs::write(world.folder.path().join("secret"), "key\n").unwrap();
    let (report, request) = told(&world, TargetFormat::Dingtalk, zero("errcode"), |_| {}).await;
    assert!(report.outcome.is_delivered());
    says(&request, "/text/content");
    let query: Vec<String> = request
        .url
        .query_pairs()
        .map(|(key, _)| key.into())
        .collect();
    assert_eq!(query, ["access_token", "timestamp", "sign"]);
    let world = World::new().await;
    let (report, request) = told(&world, TargetFormat::Wecom, zero("errcode"), |config| {
        config.secret = None;
    })
    .await;
    assert!(report.outcome.is_delivered());
    says(&request, "/text/content");
}

#[tokio::test]
async fn a_service_that_answers_200_and_no_in_its_body_is_tried_again() {
    for (format, no) in [
        (
            TargetFormat::Feishu,
            json!({"code": 19021, "msg": "sign match fail"}),
        ),
        (TargetFormat::Dingtalk, json!({"errcode": 310000})),
        (TargetFormat::Wecom, json!("nothing")),
    ] {
        let world = World::new().await;
        let answer = ok().set_body_json(&no);
        let (report, _) = told(&world, format, answer, |_| {}).await;
        let error = error_of(&report);
        assert!(error.contains("no yes in its body"), "{format:?}: {error}");
    }
}

#[tokio::test]
async fn pagerduty_is_given_the_routing_key_and_alertmanager_labels() {
    let world = World::new().await;
    std::fs::write(world.folder.path().join("secret"), "R0UT1NG\n").unwrap();
    let answer = ResponseTemplate::new(202);
    let (report, request) = told(&world, TargetFormat::Pagerduty, answer, |_| {}).await;
    assert!(report.outcome.is_delivered());
    let body_of = body(&request);
    assert_eq!(body_of["routing_key"], "R0UT1NG");
    assert_eq!(body_of["event_action"], "trigger");
    assert_eq!(body_of["payload"]["source"], MONITOR);
    let world = World::new().await;
    let (_, request) = told(&world, TargetFormat::Alertmanager, ok(), |config| {
        config.secret = None;
    })
    .await;
    assert_eq!(body(&request)[0]["labels"]["column"], "title");
}

#[tokio::test]
async fn cloudevents_are_structured_and_signed() {
    let world = World::new().await;
    let (report, request) = told(&world, TargetFormat::Cloudevents, ok(), |_| {}).await;
    let event = body(&request);
    assert_eq!(event["type"], "io.driftline.alert.firing");
    assert_eq!(event["id"], report.event_id.as_str());
    let header = |name: &str| request.headers[name].to_str().unwrap();
    assert_eq!(header("content-type"), "application/cloudevents+json");
    standardwebhooks::Webhook::new(crate::support::SECRET)
        .unwrap()
        .verify(&request.body, &request.headers)
        .unwrap();
}

#[tokio::test]
async fn a_template_of_the_pipelines_own_with_headers_and_a_yes_of_its_own() {
    let world = World::new().await;
    let folder = world.folder.path().to_owned();
    std::fs::write(
        folder.join("dag.json"),
        r#"{"dag_run_id": "drift__{{ id }}", "conf": {{ event.data | tojson }}}"#,
    )
    .unwrap();
    std::fs::write(folder.join("token"), "Bearer t0ken\n").unwrap();
    let answer = ok().set_body_json(json!({"data": {"state": "queued"}}));
    let (report, request) = told(&world, TargetFormat::Template, answer, |config| {
        config.template = Some(folder.join("dag.json"));
        config.secret = None;
        let token = driftline_pipeline::config::SecretReference::File(folder.join("token"));
        config.headers.insert("Authorization".to_owned(), token);
        config.success = Some(SuccessRule {
            pointer: "/data/state".to_owned(),
            equals: json!("queued"),
        });
    })
    .await;
    assert!(report.outcome.is_delivered(), "{report:?}");
    assert_eq!(request.headers["authorization"], "Bearer t0ken");
    let sent = body(&request);
    assert_eq!(sent["dag_run_id"], format!("drift__{}", report.event_id));
    assert_eq!(sent["conf"]["monitor"], MONITOR);
}

#[tokio::test]
async fn a_template_or_header_that_cannot_be_is_refused_before_anything_is_sent() {
    let world = World::new().await;
    let wrong = world.folder.path().join("wrong.json");
    std::fs::write(&wrong, "{{ event.data.nope }}").unwrap();
    let refused = |change: &dyn Fn(&mut WebhookTarget)| {
        let mut config = world.config("them", "https://example.com/");
        config.format = TargetFormat::Template;
        config.template = Some(wrong.clone());
        change(&mut config);
        Target::new(config).unwrap_err().to_string()
    };
    let error = refused(&|_| {});
    assert!(
        error.contains("`them`") && error.contains("undefined"),
        "{error}"
    );
    let error = refused(&|config| config.template = Some("none.json".into()));
    assert!(error.contains("`none.json` cannot be read"), "{error}");
    let reference = driftline_pipeline::config::SecretReference::Environment("X".to_owned());
    for (name, said) in [
        ("a b", "no name of a header"),
        ("Webhook-Id", "set by driftline"),
    ] {
        let error = refused(&|config| {
            config.headers.insert(name.to_owned(), reference.clone());
        });
        assert!(error.contains(said), "{error}");
    }
}

#[tokio::test]
async fn where_order_is_wanted_an_event_waits_for_those_before_it() {
    let world = World::new().await;
    let server = MockServer::start().await;
    for answer in [500, 200] {
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(answer))
            .up_to_n_times(if answer == 500 { 1 } else { 9 })
            .mount(&server)
            .await;
    }
    let mut config = world.config("them", &server.uri());
    config.ordered = true;
    let targets = vec![Target::new(config).unwrap()];
    let mut ids = Vec::new();
    for day in 1..=3 {
        let outcome = crate::support::concludes(day, Verdict::Fail);
        let evaluator = FakeEvaluator::new(outcome, targets.clone());
        let deliverer = world.deliverer();
        let settings = EventSettings::default();
        let run = run_once(
            &*evaluator,
            &world.store,
            &*world.clock,
            &settings,
            Some(&deliverer),
        );
        ids.push(run.await.unwrap().committed.new_events[0].clone());
        world.clock.advance(Duration::from_secs(1));
    }
    // The first failed, so the others were not tried.
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
    world.clock.advance(Duration::from_secs(10));
    let due = world.deliverer();
    let due = due.deliver(MONITOR, &targets, &Selection::Due).await;
    let order: Vec<String> = due.unwrap().into_iter().map(|one| one.event_id).collect();
    assert_eq!(order, ids);
}
