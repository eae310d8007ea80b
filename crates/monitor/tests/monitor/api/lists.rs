//! Runs one by one and in pages.

use super::*;

#[tokio::test]
async fn a_run_is_answered_as_its_verdict_json() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Fail), Vec::new());
    let running = serve(&world, &evaluator).await;
    let id = running.until("fail", "fresh").await["last_run_id"]
        .as_str()
        .unwrap()
        .to_owned();
    let run = running.get(&format!("/api/v1/runs/{id}")).await.json();
    let expected = serde_json::to_value([window(1, Verdict::Fail)]).unwrap();
    assert_eq!(
        (&run["run_id"], &run["windows"]),
        (&id.as_str().into(), &expected)
    );
    running.stop().await;
}

#[tokio::test]
async fn lists_come_in_pages_that_repeat_and_miss_nothing() {
    let world = World::new().await;
    let evaluators: Vec<Arc<dyn Evaluator>> = ["a", "b", "c", "d", "e"]
        .map(|name| {
            let evaluator: Arc<dyn Evaluator> =
                FakeEvaluator::named(name, concludes(1, Verdict::Pass), Vec::new());
            evaluator
        })
        .to_vec();
    let running = world.serve(evaluators).await;
    for _ in 0..500 {
        if running.get("/api/v1/runs").await.json()["items"]
            .as_array()
            .unwrap()
            .len()
            == 5
        {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    for (list, key) in [("monitors", "id"), ("runs", "monitor")] {
        let mut seen = Vec::new();
        let mut path = format!("/api/v1/{list}?page_size=2");
        loop {
            let page = running.get(&path).await.json();
            assert_eq!(page["page_size"], 2);
            for item in page["items"].as_array().unwrap() {
                assert!(item["id"].is_string());
                seen.push(item[key].as_str().unwrap().to_owned());
            }
            match page["next_page_token"].as_str() {
                Some(token) => path = format!("/api/v1/{list}?page_size=2&page_token={token}"),
                None => break,
            }
        }
        seen.sort_unstable();
        assert_eq!(seen, ["a", "b", "c", "d", "e"], "{list}");
    }
    let page = running
        .get("/api/v1/runs?page_size=5000&monitor=c")
        .await
        .json();
    assert_eq!(
        (&page["page_size"], &page["items"][0]["monitor"]),
        (&1000.into(), &"c".into())
    );
    assert_eq!(page["items"].as_array().unwrap().len(), 1);
    assert_eq!(page["next_page_token"], Value::Null);

    // A token of one list, or of one filter, is none of another.
    let token = running.get("/api/v1/runs?page_size=2").await.json()["next_page_token"]
        .as_str()
        .unwrap()
        .to_owned();
    for path in [
        format!("/api/v1/monitors?page_token={token}"),
        format!("/api/v1/runs?verdict=pass&page_token={token}"),
        "/api/v1/runs?page_token=AAAA".to_owned(),
        "/api/v1/runs?page_token=".to_owned(),
    ] {
        let answer = running.get(&path).await;
        assert_eq!(answer.status, 400, "{path}");
        assert_eq!(answer.json()["errors"][0]["name"], "page_token");
    }
    running.stop().await;
}
