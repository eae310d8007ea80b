//! Tokens of an identity provider: an issuer on this machine, good tokens and bad ones.

use crate::support::{FakeEvaluator, Running, World, concludes};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use driftline_monitor::{Clock, OidcSettings, ServeOptions, api::ApiSettings};
use driftline_verdict::Verdict;
use hmac::{Hmac, KeyInit, Mac};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair};
use serde_json::{Value, json};
use std::time::Duration;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

const MONITORS: &str = "/api/v1/monitors";
const RUNS: &str = "/api/v1/monitors/titles/runs";

/// A key of the issuer.
struct Key {
    id: &'static str,
    pair: EcdsaKeyPair,
}

impl Key {
    fn new(id: &'static str) -> Self {
        let (algorithm, random) = (&ECDSA_P256_SHA256_FIXED_SIGNING, SystemRandom::new());
        let document = EcdsaKeyPair::generate_pkcs8(algorithm, &random).unwrap();
        let pair = EcdsaKeyPair::from_pkcs8(algorithm, document.as_ref(), &random).unwrap();
        Self { id, pair }
    }

    fn public(&self) -> Value {
        let point = self.pair.public_key().as_ref();
        let half = |from: usize| URL_SAFE_NO_PAD.encode(&point[from..from + 32]);
        json!({"kty": "EC", "crv": "P-256", "kid": self.id, "use": "sig", "x": half(1), "y": half(33)})
    }

    fn token(&self, claims: &Value) -> String {
        let signed = unsigned(&json!({"alg": "ES256", "kid": self.id}), claims);
        let random = SystemRandom::new();
        let signature = self.pair.sign(&random, signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn unsigned(header: &Value, claims: &Value) -> String {
    let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    format!("{}.{}", part(header), part(claims))
}

struct Provider {
    server: MockServer,
}

impl Provider {
    async fn start(keys: &[&Key]) -> Self {
        let provider = Self {
            server: MockServer::start().await,
        };
        provider.publish(keys).await;
        provider
    }

    fn issuer(&self) -> String {
        format!("{}/realms/a", self.server.uri())
    }

    async fn publish(&self, keys: &[&Key]) {
        self.server.reset().await;
        // A key of a kind that nobody knows yet.
        let mut set = vec![json!({"kty": "new", "kid": "other"})];
        set.extend(keys.iter().map(|key| key.public()));
        let set = json!({"keys": set});
        let described = json!({
            "issuer": self.issuer(),
            "jwks_uri": format!("{}/keys", self.server.uri()),
        });
        for (place, answer) in [
            ("/realms/a/.well-known/openid-configuration", described),
            ("/keys", set),
        ] {
            Mock::given(path(place))
                .respond_with(ResponseTemplate::new(200).set_body_json(answer))
                .mount(&self.server)
                .await;
        }
    }

    async fn asked_for_keys(&self) -> usize {
        let requests = self.server.received_requests().await.unwrap();
        let keys = |request: &&wiremock::Request| request.url.path() == "/keys";
        requests.iter().filter(keys).count()
    }

    fn claims(&self, world: &World, scope: &str) -> Value {
        json!({
            "iss": self.issuer(),
            "aud": "driftline",
            "sub": "ada",
            "exp": world.clock.now().timestamp() + 300,
            "scope": scope,
        })
    }

    async fn guarded(&self, world: &World) -> Running {
        let oidc = OidcSettings::new(&self.issuer(), "driftline", "scope").unwrap();
        let options = ServeOptions {
            api: ApiSettings {
                require_key: true,
                oidc: Some(oidc),
                ..ApiSettings::default()
            },
            ..world.options()
        };
        let evaluator = FakeEvaluator::new(concludes(1, Verdict::Pass), Vec::new());
        world.serve_with(vec![evaluator], options).await
    }
}

/// The status, and what is said.
async fn ask(running: &Running, method: &str, path: &str, token: &str) -> (u16, String) {
    let request = running
        .client
        .request(method.parse().unwrap(), running.url(path))
        .bearer_auth(token)
        .json(&json!({}));
    let answer = crate::support::answered(request).await;
    (answer.status, answer.text)
}

fn with(claims: &Value, claim: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[claim] = value;
    claims
}

#[tokio::test]
async fn a_token_opens_what_its_scope_opens_and_its_subject_is_in_the_audit_log() {
    let (world, key) = (World::new().await, Key::new("one"));
    let provider = Provider::start(&[&key]).await;
    let running = provider.guarded(&world).await;
    for (scope, may) in [
        ("openid driftline:read", [200, 403, 403]),
        ("driftline:write", [200, 202, 403]),
        ("driftline:admin", [200, 202, 200]),
        ("openid profile", [403, 403, 403]),
    ] {
        let token = key.token(&provider.claims(&world, scope));
        let asked = [
            ask(&running, "GET", MONITORS, &token).await.0,
            ask(&running, "POST", RUNS, &token).await.0,
            ask(&running, "GET", "/api/v1/audit", &token).await.0,
        ];
        assert_eq!(asked, may, "{scope}");
    }
    let admin = key.token(&provider.claims(&world, "driftline:admin"));
    let (_, log) = ask(&running, "GET", "/api/v1/audit", &admin).await;
    let log: Value = serde_json::from_str(&log).unwrap();
    let actor = format!("ada ({})", provider.issuer());
    assert_eq!(log["items"][0]["actor"], actor, "{log}");
    assert_eq!(provider.asked_for_keys().await, 1);
    running.stop().await;
}

#[tokio::test]
async fn expired_foreign_forged_and_unsigned_tokens_open_nothing() {
    let (world, key, stranger) = (World::new().await, Key::new("one"), Key::new("one"));
    let provider = Provider::start(&[&key]).await;
    let running = provider.guarded(&world).await;
    let good = provider.claims(&world, "driftline:admin");
    let now = world.clock.now().timestamp();
    let signed = key.token(&good);
    assert_eq!(ask(&running, "GET", MONITORS, &signed).await.0, 200);

    let none = unsigned(&json!({"alg": "none", "kid": "one"}), &good);
    // A public key, taken for the secret of an HMAC.
    let hmac = {
        let signed = unsigned(&json!({"alg": "HS256", "kid": "one"}), &good);
        let secret = key.public().to_string();
        let mut hmac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        hmac.update(signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(hmac.finalize().into_bytes());
        format!("{signed}.{signature}")
    };
    let (head, signature) = signed.rsplit_once('.').unwrap();
    let (header, _) = head.split_once('.').unwrap();
    let more = unsigned(&json!({}), &with(&good, "sub", json!("eve")));
    let altered = format!("{header}.{}.{signature}", more.split_once('.').unwrap().1);
    for (token, why) in [
        (key.token(&with(&good, "exp", json!(now - 61))), "expired"),
        (key.token(&with(&good, "exp", Value::Null)), "no end"),
        (
            key.token(&with(&good, "nbf", json!(now + 120))),
            "not valid yet",
        ),
        (
            key.token(&with(&good, "aud", json!("grafana"))),
            "another audience",
        ),
        (
            key.token(&with(&good, "iss", json!("https://evil.example"))),
            "another issuer",
        ),
        (Key::new("two").token(&good), "none of its issuer's"),
        (stranger.token(&good), "signature is wrong"),
        (altered, "signature is wrong"),
        (format!("{none}."), "algorithm is not taken"),
        (none, "no token"),
        (hmac, "algorithm is not taken"),
        ("a.b.c".to_owned(), "no token"),
        ("x".repeat(10_000), "no token"),
    ] {
        let (status, said) = ask(&running, "GET", MONITORS, &token).await;
        assert_eq!(status, 401, "{why}: {said}");
        assert!(said.contains(why), "{why}: {said}");
    }
    // Whatever came, the issuer was asked once.
    assert_eq!(provider.asked_for_keys().await, 1);
    running.stop().await;
}

#[tokio::test]
async fn keys_rotate_and_an_issuer_that_is_away_locks_nobody_out() {
    let (world, old, new) = (World::new().await, Key::new("old"), Key::new("new"));
    let provider = Provider::start(&[&old]).await;
    let running = provider.guarded(&world).await;
    let asked = async |key: &Key| {
        let token = key.token(&provider.claims(&world, "driftline:read"));
        ask(&running, "GET", MONITORS, &token).await.0
    };
    assert_eq!(asked(&old).await, 200);
    provider.publish(&[&old, &new]).await;
    // It was asked just now: a key that it does not have is looked for a minute later.
    assert_eq!(asked(&new).await, 401);
    world.clock.advance(Duration::from_secs(61));
    assert_eq!((asked(&new).await, asked(&old).await), (200, 200));
    // A key that was withdrawn is not taken for longer than an hour.
    provider.publish(&[&new]).await;
    assert_eq!(asked(&old).await, 200);
    world.clock.advance(Duration::from_secs(3_601));
    assert_eq!((asked(&old).await, asked(&new).await), (401, 200));

    provider.server.reset().await;
    world.clock.advance(Duration::from_secs(20 * 3_600));
    assert_eq!(asked(&new).await, 200);
    world.clock.advance(Duration::from_secs(5 * 3_600));
    assert_eq!(asked(&new).await, 503);
    provider.publish(&[&new]).await;
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(asked(&new).await, 200);
    running.stop().await;
}
