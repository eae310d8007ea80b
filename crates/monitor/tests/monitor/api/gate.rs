//! One answer for a deployment.

use super::*;

#[tokio::test]
async fn a_gate_passes_what_is_fresh_and_well_and_nothing_else() {
    let world = World::new().await;
    let evaluator = FakeEvaluator::new(concludes(1, Verdict::Warn), Vec::new());
    evaluator.hold();
    let running = serve(&world, &evaluator).await;
    let server = format!("http://{}/", running.address);
    let ask = async |max_age: Option<u64>, fail_on| {
        let max_age = max_age.map(Duration::from_secs);
        ask_gate(&server, MONITOR, max_age, fail_on, None)
            .await
            .unwrap()
            .decision
    };
    assert_eq!(
        ask(None, FailOn::Fail).await,
        Decision::Unknown,
        "no run has ended"
    );
    evaluator.release(1);
    running.until("warn", "fresh").await;
    assert_eq!(ask(None, FailOn::Fail).await, Decision::Pass);
    assert_eq!(ask(None, FailOn::Warn).await, Decision::Fail);
    world.clock.advance(Duration::from_secs(10));
    assert_eq!(ask(Some(10), FailOn::Fail).await, Decision::Pass);
    assert_eq!(
        ask(Some(9), FailOn::Fail).await,
        Decision::Unknown,
        "too old"
    );
    // A client cannot make old news count.
    world.clock.advance(4 * EVERY);
    assert_eq!(ask(Some(9_999), FailOn::Fail).await, Decision::Unknown);

    evaluator.set(concludes(2, Verdict::Fail));
    evaluator.release(1);
    running.until("fail", "fresh").await;
    assert_eq!(ask(None, FailOn::Fail).await, Decision::Fail);
    let error = ask_gate(&server, "a/../b", None, FailOn::Fail, None)
        .await
        .unwrap_err();
    assert!(
        matches!(error, MonitorError::UnknownMonitor { .. }),
        "{error:?}"
    );
    running.stop().await;
}

/// Whatever answers in a server's place: none of it is a pass.
#[tokio::test]
async fn an_answer_that_is_no_gates_is_no_pass() {
    let other = MockServer::start().await;
    let gate = |decision: &str, monitor: &str| {
        json!({"monitor": monitor, "decision": decision, "verdict": "fail", "reason": null,
               "last_window_end": null, "last_evaluated_at": null, "run_id": null})
    };
    for (answer, told) in [
        (ResponseTemplate::new(200), "no gate's"),
        (
            ResponseTemplate::new(200).set_body_string("ok"),
            "no gate's",
        ),
        (
            ResponseTemplate::new(200).set_body_json(gate("pass", MONITOR)),
            "contradicts itself",
        ),
        (
            ResponseTemplate::new(200).set_body_json(gate("fail", "other")),
            "contradicts itself",
        ),
        (
            ResponseTemplate::new(200).set_body_string("x".repeat(70_000)),
            "too long",
        ),
        (
            ResponseTemplate::new(302).insert_header("location", "/"),
            "302",
        ),
        (ResponseTemplate::new(404), "is this a driftline server?"),
        (ResponseTemplate::new(500), "500"),
    ] {
        other.reset().await;
        Mock::given(method("GET"))
            .respond_with(answer)
            .mount(&other)
            .await;
        let error = ask_gate(&other.uri(), MONITOR, None, FailOn::Fail, None)
            .await
            .unwrap_err();
        assert!(matches!(error, MonitorError::Gate { .. }), "{error:?}");
        assert!(error.to_string().contains(told), "{error}");
    }
    for (server, told) in [
        ("http://127.0.0.1:1", "refused"),
        ("here", "no URL"),
        ("mailto:a@b.c", "no URL of a server"),
    ] {
        let error = ask_gate(server, MONITOR, None, FailOn::Fail, None)
            .await
            .unwrap_err();
        assert!(error.to_string().contains(told), "{error}");
    }
}
