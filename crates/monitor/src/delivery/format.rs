//! The form in which a receiver takes an event.
//!
//! What most receivers take is JSON with a sentence in it, so each form is a template
//! (`templates/`) over the same few words, rendered by minijinja; a pipeline may bring a file of
//! its own. A template that refers to what is not there, does not end in time, or gives no JSON
//! is an error, which is found when the pipeline is read: a sample event is rendered then.

use crate::delivery::signature::hmac_sha256;
use driftline_pipeline::config::{SuccessRule, TargetFormat, Topic};
use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior, context};
use reqwest::Url;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;

/// Steps that a template may take.
const FUEL: u64 = 200_000;
/// Bytes of a rendered body.
const BODY_BYTES: usize = 256 * 1024;
/// Characters of a text: the least limit of the services is WeCom's 2,048 bytes.
const TEXT_CHARACTERS: usize = 600;
/// Characters of a title: PagerDuty's summary has at most 1,024.
const TITLE_CHARACTERS: usize = 200;

/// An event, ready to be put into a form.
pub(super) struct Occurrence<'a> {
    /// Its identity.
    pub(super) id: &'a str,
    /// Its payload: `type`, `timestamp`, `data`.
    pub(super) event: &'a Value,
    /// Seconds since 1970 of this attempt.
    pub(super) timestamp: i64,
    /// The secret that the service gave.
    pub(super) secret: Option<&'a str>,
}

/// What is sent of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Form {
    pub(super) content_type: &'static str,
    pub(super) body: String,
    /// Added to the URL.
    pub(super) query: Vec<(&'static str, String)>,
}

/// Puts an event into a form. `template` is that of [`TargetFormat::Template`].
pub(super) fn fill(
    format: TargetFormat,
    template: Option<&str>,
    occurrence: &Occurrence<'_>,
) -> Result<Form, String> {
    let source = match (format, template) {
        (TargetFormat::Standard, _) => {
            return Err("the event is sent as it is".to_owned());
        }
        (TargetFormat::Template, Some(template)) => template,
        (TargetFormat::Template, None) => return Err("there is no template".to_owned()),
        (TargetFormat::Cloudevents, _) => include_str!("templates/cloudevents.json.j2"),
        (TargetFormat::Slack, _) => include_str!("templates/slack.json.j2"),
        (TargetFormat::Teams, _) => include_str!("templates/teams.json.j2"),
        (TargetFormat::Feishu, _) => include_str!("templates/feishu.json.j2"),
        (TargetFormat::Dingtalk, _) => include_str!("templates/dingtalk.json.j2"),
        (TargetFormat::Wecom, _) => include_str!("templates/wecom.json.j2"),
        (TargetFormat::Pagerduty, _) => include_str!("templates/pagerduty.json.j2"),
        (TargetFormat::Alertmanager, _) => include_str!("templates/alertmanager.json.j2"),
        (TargetFormat::Openlineage, _) => include_str!("templates/openlineage.json.j2"),
    };
    let body = render(source, format, occurrence)?;
    if body.len() > BODY_BYTES {
        return Err(format!("its template gives more than {BODY_BYTES} bytes"));
    }
    if let Err(error) = serde_json::from_str::<serde::de::IgnoredAny>(&body) {
        return Err(format!("its template gives no JSON: {error}"));
    }
    let mut query = Vec::new();
    if format == TargetFormat::Dingtalk
        && let Some(secret) = occurrence.secret
    {
        // https://open.dingtalk.com/document/robots/customize-robot-security-settings
        let millis = occurrence.timestamp.saturating_mul(1_000);
        let signed = format!("{millis}\n{secret}");
        query.push(("timestamp", millis.to_string()));
        query.push(("sign", hmac_sha256(secret.as_bytes(), &[signed.as_bytes()])));
    }
    Ok(Form {
        content_type: match format {
            TargetFormat::Cloudevents => "application/cloudevents+json",
            _ => "application/json",
        },
        body,
        query,
    })
}

fn render(
    source: &str,
    format: TargetFormat,
    occurrence: &Occurrence<'_>,
) -> Result<String, String> {
    let event = occurrence.event;
    let told = Told::of(event);
    // https://open.feishu.cn/document/client-docs/bot-v3/add-custom-bot
    let sign = match (format, occurrence.secret) {
        (TargetFormat::Feishu, Some(secret)) => {
            let key = format!("{}\n{secret}", occurrence.timestamp);
            Some(hmac_sha256(key.as_bytes(), &[]))
        }
        _ => None,
    };
    // Only the form whose key is part of the body sees the secret.
    let secret = match format {
        TargetFormat::Pagerduty => occurrence.secret,
        _ => None,
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.add_function("slack", |text: String| {
        text.replace('&', "&amp;")
            .replace('<', "&lt;")
            .replace('>', "&gt;")
    });
    let wrong = |error: minijinja::Error| {
        let line = error
            .line()
            .map_or(String::new(), |line| format!(" (line {line})"));
        format!("its template cannot be rendered: {error}{line}")
    };
    environment
        .template_from_str(source)
        .map_err(wrong)?
        .render(context! {
            id => occurrence.id,
            event => Serde(event),
            timestamp => occurrence.timestamp,
            secret,
            sign,
            title => told.title,
            text => told.text,
            severity => told.severity,
            key => told.key,
            is_over => told.is_over,
            link => told.link,
            alerts => Serde(&told.alerts),
            checks => Serde(&told.checks),
            run_uuid => run_uuid(occurrence),
        })
        .map_err(wrong)
}

/// A line and a few more on an event, for people who read nothing but text.
pub(super) fn in_words(event: &Value) -> (String, String) {
    let told = Told::of(event);
    (told.title, told.text)
}

/// What in an answer of this form's receiver says that it is a yes.
pub(super) fn success(format: TargetFormat) -> Option<SuccessRule> {
    let zero_at = |pointer: &str| SuccessRule {
        pointer: pointer.to_owned(),
        equals: json!(0),
    };
    match format {
        // These answer 200 whatever happens.
        TargetFormat::Feishu => Some(zero_at("/code")),
        TargetFormat::Dingtalk | TargetFormat::Wecom => Some(zero_at("/errcode")),
        _ => None,
    }
}

/// An event in words.
struct Told {
    title: String,
    text: String,
    /// `critical`, `error`, `warning` or `info`, as PagerDuty and Alertmanager read them.
    severity: &'static str,
    /// The same for what begins and what ends it.
    key: String,
    is_over: bool,
    link: Option<String>,
    alerts: Vec<ToldAlert>,
    checks: Vec<Check>,
}

/// What was found, as OpenLineage's facet `dataQualityAssertions` lists checks of data.
#[derive(Serialize)]
struct Check {
    assertion: String,
    success: bool,
    severity: &'static str,
    description: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    column: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    actual: Option<String>,
}

/// An alert as Alertmanager takes it.
#[derive(Serialize)]
struct ToldAlert {
    name: String,
    severity: String,
    summary: String,
    labels: Vec<Label>,
    is_over: bool,
}

#[derive(Serialize)]
struct Label {
    name: &'static str,
    value: String,
}

impl Told {
    fn of(event: &Value) -> Self {
        let data = &event["data"];
        let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (kind, monitor) = (word(&event["type"]), word(&data["monitor"]));
        let count = data["count"].as_u64().unwrap_or(0);
        let alerts = if count == 1 { "alert" } else { "alerts" };
        let until = match data["window"]["end"].as_str() {
            Some(end) => format!("the window until {end}"),
            None => "the window".to_owned(),
        };
        let still_firing = data["still_firing"].as_u64().unwrap_or(0);
        let what = match kind.as_str() {
            "alert.firing" => format!("{count} {alerts} firing"),
            "alert.resolved" => format!("{count} {alerts} resolved, {still_firing} still firing"),
            "window.failed" => format!("{until} failed"),
            "window.unknown" => format!("{until} could not be judged"),
            "retraining.requested" => "retraining is asked for".to_owned(),
            _ => format!("{until} asks for notice"),
        };
        let listed = ["alerts", "findings"]
            .iter()
            .find_map(|key| data[key].as_array())
            .map_or(&[][..], Vec::as_slice);
        let mut lines: Vec<String> = data["reason"]
            .as_str()
            .map(str::to_owned)
            .into_iter()
            .collect();
        lines.extend(listed.iter().map(|one| word(&one["message"])));
        let link = ["run", "status"]
            .iter()
            .find_map(|key| data["links"][key].as_str())
            .map(str::to_owned);
        lines.extend(link.clone());
        let is_alert = kind.starts_with("alert.");
        Self {
            title: clipped(&format!("{monitor}: {what}"), TITLE_CHARACTERS),
            text: clipped(&lines.join("\n"), TEXT_CHARACTERS),
            severity: match kind.as_str() {
                "window.noticed" | "alert.resolved" => "info",
                "window.unknown" | "retraining.requested" => "warning",
                _ => "error",
            },
            key: match is_alert {
                true => format!("driftline/{monitor}/alerts/{}", data["group"]),
                false => format!("driftline/{monitor}/{kind}/{}", data["window"]["end"]),
            },
            is_over: kind == "alert.resolved" && still_firing == 0,
            link,
            checks: listed.iter().map(check).collect(),
            alerts: match is_alert {
                true => listed.iter().map(told_alert).collect(),
                false => vec![ToldAlert {
                    name: kind,
                    severity: "warning".to_owned(),
                    summary: clipped(&lines.join("\n"), TEXT_CHARACTERS),
                    labels: Vec::new(),
                    is_over: false,
                }],
            },
        }
    }
}

fn told_alert(alert: &Value) -> ToldAlert {
    let labels = ["kind", "column", "slice", "measure", "term"];
    ToldAlert {
        name: "driftline".to_owned(),
        severity: alert["severity"].as_str().unwrap_or("error").to_owned(),
        summary: alert["message"].as_str().unwrap_or_default().to_owned(),
        labels: labels
            .into_iter()
            .filter_map(|name| {
                let value = alert[name].as_str()?.to_owned();
                Some(Label { name, value })
            })
            .collect(),
        is_over: alert["state"] == "resolved",
    }
}

fn check(found: &Value) -> Check {
    let text = |name: &str| found[name].as_str().map(str::to_owned);
    let number = |name: &str| found[name].as_f64().map(|number| number.to_string());
    let kind = text("kind").unwrap_or_default();
    Check {
        assertion: match text("measure") {
            Some(measure) => format!("{kind}:{measure}"),
            None => kind,
        },
        success: found["state"] == "resolved",
        severity: match found["severity"].as_str() {
            Some("error") => "error",
            _ => "warn",
        },
        description: clipped(&text("message").unwrap_or_default(), TEXT_CHARACTERS),
        column: text("column"),
        expected: number("threshold"),
        actual: number("value"),
    }
}

/// The run that an event is about as OpenLineage knows runs, by UUID; of its own where it is
/// about none.
fn run_uuid(occurrence: &Occurrence<'_>) -> String {
    let run = occurrence.event["data"]["run_id"].as_str();
    let run = run.and_then(|run| Uuid::parse_str(run).ok());
    let of_its_own = || Uuid::new_v5(&Uuid::NAMESPACE_OID, occurrence.id.as_bytes());
    run.unwrap_or_else(of_its_own).to_string()
}

fn clipped(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", text.split_at(end).0),
    }
}

/// The fields of a JSON object as those of a form; what is neither text nor a number nor a truth value stays
/// JSON.
///
/// # Errors
/// Where it is no object.
pub(super) fn as_form(json: &str) -> Result<String, String> {
    let fields = match serde_json::from_str(json) {
        Ok(Value::Object(fields)) => fields,
        _ => return Err("its template gives no object, whose fields a form has".to_owned()),
    };
    let mut form = Url::parse("form:").map_err(|error| error.to_string())?;
    form.query_pairs_mut()
        .extend_pairs(fields.iter().map(|(name, value)| {
            let text = value
                .as_str()
                .map_or_else(|| value.to_string(), str::to_owned);
            (name, text)
        }));
    Ok(form.query().unwrap_or_default().to_owned())
}

/// What a body as [`as_form`] makes it is.
pub(super) const FORM: &str = "application/x-www-form-urlencoded";

/// An event as templates will see those of a topic, to try one before there is a real one.
pub(super) fn sample(topic: Topic) -> Value {
    // With what a template that forgets to escape it breaks at.
    const TOLD: &str = "this is a \"test\": nothing has happened";
    let window = json!({
        "start": "2025-12-31T00:00:00Z", "end": "2026-01-01T00:00:00Z", "rows": 0,
    });
    let links = json!({
        "status": "https://drift.example/api/v1/monitors/sample/status",
        "alerts": "https://drift.example/api/v1/alerts?monitor=sample",
        "run": "https://drift.example/api/v1/runs/sample",
    });
    let finding = json!({
        "kind": "drift", "severity": "error", "column": "amount", "slice": null,
        "measure": "wasserstein", "value": 14.2, "threshold": 3.1, "term": null, "message": TOLD,
    });
    let mut data = json!({
        "monitor": "sample", "run_id": "sample", "baseline_id": "sample", "links": links, "sequence": 1,
    });
    if topic != Topic::Alert {
        data["verdict"] = "fail".into();
        data["run_verdict"] = "fail".into();
        data["counts"] = json!({"error": 1, "warning": 0, "info": 0, "not_evaluated": 0});
        data["window"] = window.clone();
        data["findings"] = json!([finding.clone()]);
    }
    let kind = match topic {
        Topic::Alert => {
            let mut alert = finding;
            alert["id"] = "alert_sample".into();
            alert["state"] = "firing".into();
            alert["told"] = 1.into();
            alert["window"] = window;
            data["group"] = json!({});
            data["count"] = 1.into();
            data["still_firing"] = 1.into();
            data["alerts"] = json!([alert]);
            "alert.firing"
        }
        Topic::Retrain => {
            data["retraining_request_id"] = "retrain_sample".into();
            data["reason"] = TOLD.into();
            "retraining.requested"
        }
        Topic::Notify => "window.failed",
        Topic::Verdict => "window.judged",
    };
    json!({"type": kind, "timestamp": "2026-01-01T00:00:00.000Z", "data": data})
}

#[cfg(test)]
mod tests {
    use super::*;

    const FEISHU: &str = "Dj3J6+l2ORqf/uSfLExhM/QcvBgAfrEeQaFEb4fzUc4=";
    const DINGTALK: &str = "SepsePMPds6p58zAi3jlgD+ntYY8mtR1eEWLhLAKJe8=";
    const FORMATS: [TargetFormat; 9] = [
        TargetFormat::Cloudevents,
        TargetFormat::Slack,
        TargetFormat::Teams,
        TargetFormat::Feishu,
        TargetFormat::Dingtalk,
        TargetFormat::Wecom,
        TargetFormat::Pagerduty,
        TargetFormat::Alertmanager,
        TargetFormat::Openlineage,
    ];

    fn filled(format: TargetFormat, event: &Value) -> (Form, Value) {
        let form = fill(
            format,
            None,
            &Occurrence {
                id: "evt_1",
                event,
                timestamp: 1_599_360_473,
                secret: Some("key"),
            },
        );
        let form = form.unwrap_or_else(|error| panic!("{format:?}: {error}"));
        let body = serde_json::from_str(&form.body).unwrap();
        (form, body)
    }

    #[test]
    fn every_form_of_every_event_is_json_and_only_pagerduty_has_its_key() {
        let window = json!({
            "type": "window.failed", "timestamp": "2026-01-01T00:00:00.000Z",
            "data": {
                "monitor": "\"shop\\", "window": {"start": null, "end": null, "rows": 3},
                "findings": [{"message": "a \u{1} b\n{{ c }}"}],
            },
        });
        for format in FORMATS {
            for event in [&sample(Topic::Alert), &window] {
                let (form, _) = filled(format, event);
                let shows = form.body.contains("\"key\"");
                assert_eq!(shows, format == TargetFormat::Pagerduty, "{format:?}");
            }
        }
    }

    #[test]
    fn the_keyed_signatures_are_those_that_python_computed() {
        // base64.b64encode(hmac.new(b"1599360473\nkey", b"", "sha256").digest())
        let (_, body) = filled(TargetFormat::Feishu, &sample(Topic::Alert));
        assert_eq!(body["timestamp"], "1599360473");
        assert_eq!(body["sign"], FEISHU);
        // base64.b64encode(hmac.new(b"key", b"1599360473000\nkey", "sha256").digest())
        let (form, _) = filled(TargetFormat::Dingtalk, &sample(Topic::Alert));
        assert_eq!(
            form.query,
            [
                ("timestamp", "1599360473000".to_owned()),
                ("sign", DINGTALK.to_owned())
            ]
        );
    }

    #[test]
    fn what_fired_together_is_over_only_when_nothing_of_it_fires_any_more() {
        let mut event = sample(Topic::Alert);
        event["type"] = "alert.resolved".into();
        let (_, body) = filled(TargetFormat::Pagerduty, &event);
        assert_eq!(body["event_action"], "trigger");
        let key = body["dedup_key"].clone();
        event["data"]["still_firing"] = 0.into();
        let (_, body) = filled(TargetFormat::Pagerduty, &event);
        assert_eq!(
            (&body["event_action"], &body["dedup_key"]),
            (&"resolve".into(), &key)
        );
        assert_eq!(
            filled(TargetFormat::Pagerduty, &sample(Topic::Alert)).1["dedup_key"],
            key
        );
    }

    #[test]
    fn alertmanager_has_one_alert_each_whose_labels_are_texts() {
        let (_, body) = filled(TargetFormat::Alertmanager, &sample(Topic::Alert));
        let labels = body[0]["labels"].as_object().unwrap();
        assert!(labels.values().all(Value::is_string), "{body}");
        assert_eq!(labels["column"], "amount");
        assert!(!labels.contains_key("slice"));
        assert!(body[0].get("endsAt").is_none());
        let mut event = sample(Topic::Alert);
        event["data"]["alerts"][0]["state"] = "resolved".into();
        let (_, body) = filled(TargetFormat::Alertmanager, &event);
        assert!(body[0]["endsAt"].is_string());
    }

    const RUN_ID: &str = "0197b1f0-5d9c-7c3e-8f57-0123456789ab";

    fn window_event(kind: &str) -> Value {
        json!({
            "type": kind, "timestamp": "2026-01-01T00:00:00.000Z",
            "data": {
                "monitor": "shop", "run_id": RUN_ID,
                "window": {"start": "2025-12-31T00:00:00Z", "end": "2026-01-01T00:00:00Z", "rows": 3},
                "findings": [{
                    "kind": "drift", "severity": "error", "column": "amount",
                    "measure": "wasserstein", "value": 14.2, "threshold": 3.1, "message": "moved",
                }],
            },
        })
    }

    /// What the schemas of OpenLineage 2-0-2 and of its facets require.
    #[test]
    fn openlineage_has_every_field_that_its_schemas_require() {
        let window = window_event("window.failed");
        for event in [&sample(Topic::Alert), &window] {
            let (_, body) = filled(TargetFormat::Openlineage, event);
            for field in ["eventTime", "producer", "schemaURL"] {
                assert!(body[field].is_string(), "{field}: {body}");
            }
            assert!(Uuid::parse_str(body["run"]["runId"].as_str().unwrap()).is_ok());
            for place in [&body["job"], &body["inputs"][0]] {
                assert!(place["namespace"].is_string() && place["name"].is_string());
            }
            let facets = [&body["run"]["facets"], &body["inputs"][0]["inputFacets"]];
            for facet in facets
                .iter()
                .flat_map(|facets| facets.as_object().unwrap().values())
            {
                assert!(facet["_producer"].is_string(), "{facet}");
                assert!(facet["_schemaURL"].is_string(), "{facet}");
            }
            let checks = &body["inputs"][0]["inputFacets"]["dataQualityAssertions"];
            let check = &checks["assertions"][0];
            assert_eq!(check["assertion"], "drift:wasserstein");
            assert_eq!(check["success"], false);
            assert_eq!(
                (&check["expected"], &check["actual"]),
                (&json!("3.1"), &json!("14.2"))
            );
        }
        let (_, body) = filled(TargetFormat::Openlineage, &window);
        assert_eq!(body["run"]["runId"], RUN_ID);
        let metrics = &body["inputs"][0]["inputFacets"]["dataQualityMetrics"];
        assert_eq!(
            (&metrics["rowCount"], &metrics["columnMetrics"]),
            (&json!(3), &json!({}))
        );
    }

    /// The schemas that OpenLineage publishes, by `$id`: all below the folder `spec/` of its repository.
    struct Published(std::collections::BTreeMap<String, Value>);

    impl Published {
        fn below(folder: &std::path::Path) -> Self {
            let mut found = std::collections::BTreeMap::new();
            for folder in [folder.to_owned(), folder.join("facets")] {
                for file in std::fs::read_dir(&folder).unwrap() {
                    let path = file.unwrap().path();
                    if path
                        .extension()
                        .is_some_and(|extension| extension == "json")
                    {
                        let text = std::fs::read_to_string(&path).unwrap();
                        let schema: Value = serde_json::from_str(&text).unwrap();
                        found.insert(schema["$id"].as_str().unwrap().to_owned(), schema);
                    }
                }
            }
            Self(found)
        }
    }

    impl jsonschema::Retrieve for Published {
        fn retrieve(
            &self,
            uri: &jsonschema::Uri<String>,
        ) -> Result<Value, Box<dyn std::error::Error + Send + Sync>> {
            let schema = self.0.get(uri.as_str()).cloned();
            schema.ok_or_else(|| format!("no schema `{uri}` is published there").into())
        }
    }

    /// Asserts that a value is what the schema behind a URL says.
    #[track_caller]
    fn is_as_published(folder: &std::path::Path, url: &Value, value: &Value) {
        let validator = jsonschema::options()
            .with_retriever(Published::below(folder))
            .should_validate_formats(true)
            .build(&json!({ "$ref": url }))
            .unwrap();
        let wrong: Vec<String> = validator
            .iter_errors(value)
            .map(|error| error.to_string())
            .collect();
        assert!(wrong.is_empty(), "{url}: {wrong:?} in {value}");
    }

    #[test]
    fn every_part_of_a_run_event_is_as_the_schema_that_it_names_is_published() {
        let Some(folder) = std::env::var_os("DRIFTLINE_OPENLINEAGE") else {
            eprintln!(
                "SKIPPED: DRIFTLINE_OPENLINEAGE names no folder `spec` of \
                 https://github.com/OpenLineage/OpenLineage"
            );
            return;
        };
        let folder = std::path::Path::new(&folder);
        let mut resolved = sample(Topic::Alert);
        resolved["type"] = "alert.resolved".into();
        let mut timeless = window_event("window.failed");
        timeless["data"]["window"]["start"] = Value::Null;
        timeless["data"]["window"]["end"] = Value::Null;
        let mut facets_seen = std::collections::BTreeSet::new();
        for event in [
            sample(Topic::Alert),
            resolved,
            timeless,
            window_event("window.failed"),
            window_event("window.unknown"),
            window_event("window.noticed"),
            window_event("window.judged"),
            window_event("retraining.requested"),
        ] {
            let (_, body) = filled(TargetFormat::Openlineage, &event);
            is_as_published(folder, &body["schemaURL"], &body);
            for facets in [&body["run"]["facets"], &body["inputs"][0]["inputFacets"]] {
                for (name, facet) in facets.as_object().unwrap() {
                    is_as_published(folder, &facet["_schemaURL"], facet);
                    facets_seen.insert(name.clone());
                }
            }
        }
        let all = ["dataQualityAssertions", "dataQualityMetrics", "nominalTime"];
        assert!(facets_seen.iter().map(String::as_str).eq(all));
    }

    #[test]
    fn a_template_that_is_wrong_says_why() {
        let event = sample(Topic::Alert);
        let fill = |template: &str| {
            let occurrence = Occurrence {
                id: "evt_1",
                event: &event,
                timestamp: 0,
                secret: Some("key"),
            };
            fill(TargetFormat::Template, Some(template), &occurrence).map(|form| form.body)
        };
        assert_eq!(
            fill(r#"{"drift": {{ event.data.count | tojson }}}"#).unwrap(),
            r#"{"drift": 1}"#
        );
        for (template, said) in [
            ("{{ event.data.none }}", "undefined"),
            ("{{ secret.x }}", "cannot be rendered"),
            ("{% for", "syntax error"),
            ("no json", "no JSON"),
            (
                "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
                "fuel",
            ),
        ] {
            let error = fill(template).unwrap_err();
            assert!(error.contains(said), "{template}: {error}");
        }
    }
}
