//! The pages for people, over a real socket.

use crate::support::{
    Answered, FakeEvaluator, MONITOR, Running, World, answered, asks_to_retrain, concludes,
};
use driftline_monitor::{FreshKey, ServeOptions, api::ApiSettings};
use driftline_store::Scope;
use driftline_verdict::Verdict;
use std::sync::Arc;

async fn serve(world: &World) -> Running {
    let evaluator = FakeEvaluator::new(
        asks_to_retrain(1),
        vec![world.target("chat", "http://127.0.0.1:9/hook")],
    );
    let running = world.serve(vec![evaluator as Arc<_>]).await;
    running.until("fail", "fresh").await;
    running
}

async fn page(running: &Running, path: &str, language: &str) -> String {
    let request = running.client.get(running.url(path));
    let answer = answered(request.header("accept-language", language)).await;
    assert_eq!(answer.status, 200, "{path}: {}", answer.text);
    assert_eq!(
        answer.content_type.as_deref(),
        Some("text/html; charset=utf-8")
    );
    answer.text
}

async fn send(running: &Running, path: &str, fields: &str, site: &str) -> Answered {
    let request = running
        .client
        .post(running.url(path))
        .header("content-type", "application/x-www-form-urlencoded")
        .header("sec-fetch-site", site)
        .body(fields.to_owned());
    answered(request).await
}

#[tokio::test]
async fn monitors_are_seen_at_a_glance_and_one_in_full_in_both_languages() {
    let world = World::new().await;
    let running = serve(&world).await;
    for (language, verdict, heading) in [
        ("en", ">fail<", "Alerts that fire"),
        ("zh-CN", ">失败<", "触发中的告警"),
    ] {
        let overview = page(&running, "/", language).await;
        for told in [
            verdict,
            heading,
            "href=\"/monitors/titles\"",
            "title moved by",
        ] {
            assert!(overview.contains(told), "{language} {told}: {overview}");
        }
    }
    let monitor = page(&running, "/monitors/titles", "en").await;
    for told in [
        "Retraining requests",
        "requested",
        "Baselines",
        "Webhook deliveries",
        "chat",
    ] {
        assert!(monitor.contains(told), "{told}: {monitor}");
    }
    let run = running.status().await["last_run_id"].clone();
    let report = page(&running, &format!("/runs/{}", run.as_str().unwrap()), "en").await;
    assert!(report.contains("Drift report"), "{report}");
    assert_eq!(running.get("/monitors/nobody").await.status, 404);
    // Everything that a page loads is here, and none of it is elsewhere.
    for path in ["/assets/style.css", "/assets/live.js"] {
        assert_eq!(running.get(path).await.status, 200);
        assert!(monitor.contains(path));
    }
    assert!(!monitor.contains("http://") && !monitor.contains("https://"));
    running.stop().await;
}

#[tokio::test]
async fn buttons_do_what_the_api_does_for_this_site_alone() {
    let world = World::new().await;
    let running = serve(&world).await;
    let fields = "column=title&hours=2&author=ada&comment=known+%3Cb%3E";
    let path = "/monitors/titles/silence";
    let stranger = send(&running, path, fields, "cross-site").await;
    assert_eq!(stranger.status, 403);
    let silences = async || running.get("/api/v1/silences").await.json()["items"].clone();
    assert_eq!(silences().await.as_array().unwrap().len(), 0);
    // The client follows the way back to the page.
    let own = send(&running, path, fields, "same-origin").await;
    assert_eq!(own.status, 200, "{}", own.text);
    assert!(own.text.contains("ada: known &lt;b&gt;"), "{}", own.text);
    let silence = silences().await[0].clone();
    assert_eq!(
        (&silence["monitor"], &silence["column"]),
        (&MONITOR.into(), &"title".into())
    );
    let id = format!("id={}", silence["id"].as_str().unwrap());
    send(&running, "/monitors/titles/unsilence", &id, "same-origin").await;
    send(&running, "/monitors/titles/pin", "", "same-origin").await;
    assert_eq!(running.status().await["baseline_pinned"], true);
    send(&running, "/monitors/titles/run", "", "same-origin").await;
    let wrong = send(
        &running,
        "/monitors/titles/promote",
        "version=7",
        "same-origin",
    )
    .await;
    assert_eq!(wrong.status, 400);
    let log = running.get("/api/v1/audit").await.json();
    assert_eq!(log["items"].as_array().unwrap().len(), 4, "{log}");
    running.stop().await;
}

#[tokio::test]
async fn where_keys_are_required_a_browser_is_asked_for_one() {
    let world = World::new().await;
    let options = ServeOptions {
        api: ApiSettings {
            require_key: true,
            ..ApiSettings::default()
        },
        ..world.options()
    };
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
    let running = world.serve_with(vec![evaluator as Arc<_>], options).await;
    let browse = |cookie: String| {
        let request = running.client.get(running.url("/"));
        request
            .header("accept", "text/html")
            .header("cookie", cookie)
    };
    let asked = answered(browse(String::new())).await;
    assert!(
        asked.text.contains("This server asks for a key"),
        "{}",
        asked.text
    );
    let key = FreshKey::new(
        "ada",
        Scope::Read,
        driftline_monitor::Clock::now(&*world.clock),
        None,
    );
    world
        .store
        .add_key(&key.key, &key.secret_hash, None)
        .await
        .unwrap();
    let cookie = format!("driftline_key={}", key.text);
    let seen = answered(browse(cookie.clone())).await;
    assert!(
        seen.text.contains("href=\"/monitors/titles\""),
        "{}",
        seen.text
    );
    // It may read, and no more.
    let request = running.client.post(running.url("/monitors/titles/run"));
    let request = request
        .header("cookie", cookie)
        .header("sec-fetch-site", "same-origin");
    assert_eq!(answered(request).await.status, 403);
    running.stop().await;
}
