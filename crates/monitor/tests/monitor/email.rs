//! E-mail arrives, once or again, and its server is told nothing in plain that is secret.

use crate::support::{FakeEvaluator, MONITOR, Outcome, World, window};
use crate::tls::Authority;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use driftline_monitor::delivery::{DeliveryOutcome, DeliveryReport, Email, Selection, Target};
use driftline_monitor::{EventSettings, run_once};
use driftline_pipeline::config::{EmailTarget, SecretReference, TlsConfig, Topic};
use driftline_verdict::{Finding, FindingKind, Severity, Verdict};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// How a server answers.
#[derive(Clone)]
struct Manners {
    tls: Option<TlsAcceptor>,
    is_tls_first: bool,
    /// The answers to one `RCPT` after the other; the last is given for ever.
    to_recipients: Vec<&'static str>,
    to_login: &'static str,
    after_starttls: &'static str,
}

impl Manners {
    fn plain() -> Self {
        Self {
            tls: None,
            is_tls_first: false,
            to_recipients: vec!["250 ok"],
            to_login: "235 welcome",
            after_starttls: "",
        }
    }
}

/// What a server heard: commands, each with whether it came by TLS, and mails with their dots taken out.
#[derive(Clone, Default)]
struct Heard {
    commands: Arc<Mutex<Vec<(bool, String)>>>,
    mails: Arc<Mutex<Vec<Vec<String>>>>,
}

impl Heard {
    fn mail(&self, place: usize) -> Vec<String> {
        self.mails.lock().unwrap()[place].clone()
    }

    fn has(&self, is_tls: bool, command: &str) -> bool {
        let commands = self.commands.lock().unwrap();
        let mut commands = commands.iter();
        commands.any(|(by_tls, said)| *by_tls == is_tls && said.starts_with(command))
    }
}

/// A mail server on this machine. Returns its port.
async fn serve(manners: Manners) -> (u16, Heard) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let heard = Heard::default();
    let told = heard.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (manners, heard) = (manners.clone(), told.clone());
            tokio::spawn(async move {
                let tls = manners.tls.clone();
                let plain = match manners.is_tls_first {
                    true => stream,
                    false => match converse(stream, false, &manners, &heard).await {
                        Some(stream) => stream,
                        None => return,
                    },
                };
                if let Ok(stream) = tls.unwrap().accept(plain).await {
                    converse(stream, true, &manners, &heard).await;
                }
            });
        }
    });
    (port, heard)
}

/// Talks until the end, or until TLS is wanted.
async fn converse<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    is_tls: bool,
    manners: &Manners,
    heard: &Heard,
) -> Option<S> {
    let mut stream = BufReader::new(stream);
    if !is_tls || manners.is_tls_first {
        stream.write_all(b"220 mail.example.com\r\n").await.ok()?;
    }
    let mut recipients = manners.to_recipients.iter();
    let mut to_recipient = "250 ok";
    let mut line = String::new();
    let mut is_data = false;
    let mut mail = Vec::new();
    loop {
        line.clear();
        if stream.read_line(&mut line).await.ok()? == 0 {
            return None;
        }
        let said = line.strip_suffix("\r\n").unwrap();
        if is_data {
            if said != "." {
                mail.push(said.strip_prefix('.').unwrap_or(said).to_owned());
                continue;
            }
            is_data = false;
            heard.mails.lock().unwrap().push(std::mem::take(&mut mail));
            stream.write_all(b"250 taken\r\n").await.ok()?;
            continue;
        }
        heard
            .commands
            .lock()
            .unwrap()
            .push((is_tls, said.to_owned()));
        let verb = said.split_whitespace().next().unwrap_or_default();
        let answer = match verb {
            "EHLO" if manners.tls.is_some() && !is_tls => "250-mail.example.com\r\n250 STARTTLS",
            "EHLO" => "250-mail.example.com\r\n250-8BITMIME\r\n250 AUTH PLAIN",
            "STARTTLS" => {
                let ready = format!("220 go ahead\r\n{}", manners.after_starttls);
                stream.write_all(ready.as_bytes()).await.ok()?;
                return Some(stream.into_inner());
            }
            "AUTH" => manners.to_login,
            "RCPT" => {
                to_recipient = recipients.next().unwrap_or(&to_recipient);
                to_recipient
            }
            "DATA" => {
                is_data = true;
                "354 go on"
            }
            _ => "250 ok",
        };
        stream
            .write_all(format!("{answer}\r\n").as_bytes())
            .await
            .ok()?;
        // A server that says 421 hangs up.
        if answer.starts_with("421") {
            return None;
        }
    }
}

fn config(port: u16) -> EmailTarget {
    EmailTarget {
        name: "people".parse().unwrap(),
        on: vec![Topic::Notify],
        url: format!("smtp://127.0.0.1:{port}"),
        from: "driftline@example.com".to_owned(),
        to: vec!["team@example.com".to_owned(), "boss@example.org".to_owned()],
        user: None,
        password: None,
        ordered: false,
        allow_plain: true,
        allow_addresses: vec!["127.0.0.0/8".parse().unwrap()],
        tls: None,
    }
}

/// One failing window of this monitor, in which this was found; tried once.
async fn fail_once(
    world: &World,
    config: EmailTarget,
    monitor: &str,
    found: &str,
) -> DeliveryReport {
    let mut failed = window(1, Verdict::Fail);
    failed.findings = vec![Finding::new(FindingKind::Drift, Severity::Error, found)];
    let targets = vec![Target::email(config).unwrap()];
    let evaluator = FakeEvaluator::named(monitor, Outcome::Run(vec![failed], Vec::new()), targets);
    let (clock, settings) = (&*world.clock, EventSettings::default());
    let deliverer = world.deliverer();
    let run = run_once(
        &*evaluator,
        &world.store,
        clock,
        &settings,
        Some(&deliverer),
    );
    run.await.unwrap().deliveries.remove(0)
}

fn header<'a>(mail: &'a [String], name: &str) -> &'a str {
    let mut lines = mail.iter();
    lines.find_map(|line| line.strip_prefix(name)).unwrap()
}

fn error_of(report: &DeliveryReport) -> &str {
    match &report.outcome {
        DeliveryOutcome::Retry { error, .. } => error,
        other => panic!("{other}"),
    }
}

/// A mail's lines before and after the first empty one.
fn parts(mail: &[String]) -> (&[String], &[String]) {
    let at = mail.iter().position(String::is_empty).unwrap();
    (&mail[..at], &mail[at + 1..])
}

#[tokio::test]
async fn an_event_is_a_mail_with_its_id_and_its_text() {
    let world = World::new().await;
    let (port, heard) = serve(Manners::plain()).await;
    let found = format!(".5 bits {}", "x".repeat(500));
    let report = fail_once(&world, config(port), MONITOR, &found).await;
    assert_eq!(report.outcome, DeliveryOutcome::Delivered { status: 250 });

    let mail = heard.mail(0);
    let id = format!("<{}@example.com>", report.event_id);
    assert_eq!(header(&mail, "Message-ID: "), id);
    assert_eq!(header(&mail, "From: "), "<driftline@example.com>");
    assert_eq!(header(&mail, "Auto-Submitted: "), "auto-generated");
    assert!(header(&mail, "Subject: ").starts_with("titles: the window until 2024-01-02"));
    assert!(heard.has(false, "MAIL FROM:<driftline@example.com>"));
    assert!(heard.has(false, "RCPT TO:<boss@example.org>"));
    // RFC 5322, section 2.1.1, without the line's end.
    assert!(mail.iter().all(|line| line.len() <= 998 && line.is_ascii()));
    // Soft line breaks of quoted-printable, or none: what begins with a dot still does.
    let (_, body) = parts(&mail);
    assert!(
        body.concat().replace("=", "").contains(".5 bits xxx"),
        "{body:?}"
    );
}

#[tokio::test]
async fn a_subject_and_a_text_in_any_script_arrive() {
    let world = World::new().await;
    let (port, heard) = serve(Manners::plain()).await;
    let (monitor, found) = (
        "заголовки объявлений о товарах",
        "слово «жидкий» стало чаще",
    );
    let report = fail_once(&world, config(port), monitor, found).await;
    assert!(report.outcome.is_delivered(), "{report:?}");
    let mail = heard.mail(0);
    assert!(
        mail.iter().all(|line| line.len() <= 998 && line.is_ascii()),
        "{mail:?}"
    );
    let (headers, body) = parts(&mail);
    let headers = headers.concat();
    let words = headers.split("=?utf-8?B?").skip(1);
    let words = words.map(|word| BASE64_STANDARD.decode(word.split("?=").next().unwrap()));
    let subject: Vec<u8> = words.flat_map(Result::unwrap).collect();
    let subject = String::from_utf8(subject).unwrap();
    assert!(subject.starts_with(monitor), "{subject}");
    assert!(
        headers.contains("Content-Transfer-Encoding: base64"),
        "{headers}"
    );
    let text = BASE64_STANDARD.decode(body.concat()).unwrap();
    assert!(String::from_utf8(text).unwrap().contains(found));
}

#[tokio::test]
async fn a_no_for_now_is_tried_again_under_the_same_id() {
    let world = World::new().await;
    let manners = Manners {
        to_recipients: vec!["421 come back later"],
        ..Manners::plain()
    };
    let (busy, _) = serve(manners).await;
    let first = fail_once(&world, config(busy), MONITOR, "moved").await;
    assert_eq!(error_of(&first), "answered 421: come back later");
    world.clock.advance(Duration::from_secs(7));
    let (port, heard) = serve(Manners::plain()).await;
    let targets = [Target::email(config(port)).unwrap()];
    let deliverer = world.deliverer();
    let again = deliverer.deliver(MONITOR, &targets, &Selection::Due).await;
    let again = again.unwrap().remove(0);
    assert!(again.outcome.is_delivered(), "{again:?}");
    let id = format!("<{}@example.com>", first.event_id);
    assert_eq!(header(&heard.mail(0), "Message-ID: "), id);
}

#[tokio::test]
async fn a_no_for_ever_to_one_of_the_people_is_given_up() {
    let world = World::new().await;
    let manners = Manners {
        to_recipients: vec!["250 ok", "550 no such user"],
        ..Manners::plain()
    };
    let (port, heard) = serve(manners).await;
    let report = fail_once(&world, config(port), MONITOR, "moved").await;
    let error = "answered 550: no such user".to_owned();
    assert_eq!(report.outcome, DeliveryOutcome::Dead { error });
    assert!(heard.mails.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_password_is_told_by_tls_alone() {
    let world = World::new().await;
    let folder = world.folder.path();
    let authority = Authority::new();
    for (name, content) in [
        ("ca", &*authority.pem),
        ("user", "me\n"),
        ("password", "T0KEN"),
    ] {
        std::fs::write(folder.join(name), content).unwrap();
    }
    let file = |name: &str| Some(SecretReference::File(folder.join(name)));
    let with_login = |scheme: &str, port: u16| EmailTarget {
        url: format!("{scheme}://127.0.0.1:{port}"),
        user: file("user"),
        password: file("password"),
        allow_plain: false,
        tls: Some(TlsConfig {
            ca: file("ca"),
            client_certificate: None,
            client_key: None,
        }),
        ..config(port)
    };
    let login = format!("AUTH PLAIN {}", BASE64_STANDARD.encode("\0me\0T0KEN"));
    let with_tls = Manners {
        tls: Some(authority.acceptor(false)),
        ..Manners::plain()
    };
    let sent = async |manners: Manners, scheme: &str| {
        let (port, heard) = serve(manners).await;
        let world = World::new().await;
        let report = fail_once(&world, with_login(scheme, port), MONITOR, "moved").await;
        assert!(!heard.has(false, "AUTH") && !heard.has(false, "MAIL"));
        (report, heard)
    };

    let (report, heard) = sent(with_tls.clone(), "smtp").await;
    assert!(report.outcome.is_delivered(), "{report:?}");
    assert!(heard.has(true, &login) && heard.has(true, "MAIL"));

    let first = Manners {
        is_tls_first: true,
        ..with_tls.clone()
    };
    let (report, _) = sent(first, "smtps").await;
    assert!(report.outcome.is_delivered(), "{report:?}");

    // A password may be put right: the mail is not given up.
    let refusing = Manners {
        to_login: "535 wrong",
        ..with_tls.clone()
    };
    let (report, _) = sent(refusing, "smtp").await;
    assert_eq!(error_of(&report), "answered 535: wrong");

    let (report, _) = sent(Manners::plain(), "smtp").await;
    assert!(
        error_of(&report).contains("offers no STARTTLS"),
        "{report:?}"
    );

    let injected = Manners {
        after_starttls: "250 trust me\r\n",
        ..with_tls
    };
    let (report, _) = sent(injected, "smtp").await;
    assert!(error_of(&report).contains("before TLS"), "{report:?}");
}

#[tokio::test]
async fn a_private_address_is_not_reached_and_a_url_is_a_mail_server() {
    let world = World::new().await;
    let (port, heard) = serve(Manners::plain()).await;
    let closed = |url: String| EmailTarget {
        url,
        allow_addresses: Vec::new(),
        ..config(port)
    };
    let refused = |url: &str| Email::new(closed(url.to_owned())).unwrap_err().to_string();
    assert!(refused("smtp://127.0.0.1:25").contains("`allow_addresses`"));
    assert!(refused("https://example.com").contains("`smtps://`"));
    for url in [
        "smtp://me:T0KEN@example.com",
        "smtp://example.com/path",
        "smtp:example.com",
    ] {
        let said = refused(url);
        assert!(said.contains("smtp://mail.example.com:587"), "{said}");
        assert!(!said.contains("T0KEN"), "{said}");
    }
    let named = closed(format!("smtp://localhost:{port}"));
    let report = fail_once(&world, named, MONITOR, "moved").await;
    assert!(
        error_of(&report).contains("`allow_addresses`"),
        "{report:?}"
    );
    assert!(heard.commands.lock().unwrap().is_empty());
}
