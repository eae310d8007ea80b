//! The described API, walked: every operation answers what it says, whatever is asked.

use crate::support::{FakeEvaluator, MONITOR, Running, World, asks_to_retrain};
use driftline_monitor::openapi;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde_json::{Value, json};
use std::sync::Arc;

/// Values of which some program will send each one day.
const ODD: [&str; 20] = [
    "",
    "0",
    "-1",
    "1001",
    "99999999999999999999",
    "1e309",
    "null",
    "true",
    "titles",
    "nobody",
    "..",
    "%00",
    "%2F%2e%2e",
    "a%20b",
    "%E5%AD%97",
    "%FF",
    "%27%20OR%201=1",
    "<script>",
    "{}",
    "9999-12-31T23:59:59Z",
];

fn odd(random: &mut ChaCha8Rng) -> &'static str {
    ODD[random.random_range(0..ODD.len())]
}

/// Any JSON, mostly with the fields that are asked for.
fn odd_body(random: &mut ChaCha8Rng, fields: &[String]) -> Value {
    let value = |random: &mut ChaCha8Rng| match random.random_range(0..7) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!(random.random::<i64>()),
        3 => json!(1.5e300),
        4 => json!([odd(random)]),
        5 => json!({odd(random): odd(random)}),
        _ => json!(odd(random)),
    };
    if random.random_range(0..10) == 0 {
        return value(random);
    }
    let mut body = serde_json::Map::new();
    for field in fields {
        if random.random_range(0..4) > 0 {
            body.insert(field.clone(), value(random));
        }
    }
    body.into()
}

fn named<'a>(operation: &'a Value, place: &'a str) -> impl Iterator<Item = &'a str> {
    let parameters = operation["parameters"].as_array().unwrap();
    let here = parameters.iter().filter(move |one| one["in"] == place);
    here.map(|one| one["name"].as_str().unwrap())
}

fn fields(document: &Value, operation: &Value) -> Vec<String> {
    let mut schema = &operation["requestBody"]["content"]["application/json"]["schema"];
    if let Some(reference) = schema["$ref"].as_str() {
        schema = document.pointer(reference.trim_start_matches('#')).unwrap();
    }
    let fields = schema["properties"].as_object();
    fields.map_or_else(Vec::new, |fields| fields.keys().cloned().collect())
}

async fn serve(world: &World) -> Running {
    let evaluator = FakeEvaluator::new(asks_to_retrain(1), Vec::new());
    let running = world.serve(vec![evaluator as Arc<_>]).await;
    running.until("fail", "fresh").await;
    running
}

#[tokio::test]
async fn whatever_is_asked_no_operation_fails_by_itself() {
    let world = World::new().await;
    let running = serve(&world).await;
    let document = openapi();
    let mut random = ChaCha8Rng::seed_from_u64(20_261_128);
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, operation) in methods.as_object().unwrap() {
            if path.ends_with("/stream") {
                continue;
            }
            let fields = fields(document, operation);
            for _ in 0..12 {
                let id = match random.random_range(0..2) {
                    0 => MONITOR,
                    _ => odd(&mut random),
                };
                let mut url = path.replace("{id}", id);
                let mut mark = '?';
                for name in named(operation, "query") {
                    // What waits would make a test wait.
                    if name != "wait" && random.random_range(0..2) == 0 {
                        url += &format!("{mark}{name}={}", odd(&mut random));
                        mark = '&';
                    }
                }
                let name = method.to_uppercase().parse().unwrap();
                let mut request = running.client.request(name, running.url(&url));
                if operation["requestBody"].is_object() {
                    request = request.json(&odd_body(&mut random, &fields));
                }
                if random.random_range(0..4) == 0 {
                    request = request.header("idempotency-key", odd(&mut random));
                    request = request.header("if-none-match", odd(&mut random));
                }
                let Ok(response) = request.send().await else {
                    panic!("no answer to {method} {url}");
                };
                let status = response.status().as_u16();
                let kind = response.headers().get("content-type").cloned();
                let text = response.text().await.unwrap();
                assert!(status < 500, "{method} {url}: {status} {text}");
                if status >= 400 {
                    assert_eq!(kind.unwrap(), "application/problem+json", "{method} {url}");
                    let known = &operation["responses"][status.to_string()];
                    // A path that another one takes, or none does, is not this operation's.
                    let elsewhere = [404, 405].contains(&status);
                    assert!(
                        elsewhere || known.is_object(),
                        "{method} {url}: {status} {text}"
                    );
                }
            }
        }
    }
    assert_eq!(running.get("/livez").await.status, 200);
    running.stop().await;
}

#[tokio::test]
async fn what_is_answered_is_what_is_described() {
    let world = World::new().await;
    let running = serve(&world).await;
    let document = openapi();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let operation = &methods["get"];
        let schema = &operation["responses"]["200"]["content"]["application/json"]["schema"];
        if !schema.is_object() {
            continue;
        }
        let list = path.split("/{id}").next().unwrap();
        let mut url = path.clone();
        if path.contains("{id}") {
            let items = running.get(list).await.json();
            let Some(id) = items["items"][0]["id"].as_str() else {
                continue;
            };
            url = path.replace("{id}", id);
        }
        let answer = running.get(&url).await;
        assert_eq!(answer.status, 200, "{url}: {}", answer.text);
        let mut whole = schema.clone();
        whole["components"] = document["components"].clone();
        let validator = jsonschema::validator_for(&whole).unwrap();
        let value = answer.json();
        let mistakes: Vec<String> = validator
            .iter_errors(&value)
            .map(|mistake| format!("{mistake} at {}", mistake.instance_path()))
            .collect();
        assert!(mistakes.is_empty(), "{url}: {mistakes:?}");
    }
    let served = running.get("/api/openapi.json").await;
    assert_eq!(served.json(), *document);
    running.stop().await;
}
