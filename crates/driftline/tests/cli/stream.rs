//! A topic of Kafka, read by a server that is killed again and again.
//!
//! The broker is librdkafka's own mock cluster, within this process.

use crate::{
    desk::{Chance, DEARER, Desk, Ended, Shop, TRAINING, until},
    serve::Server,
};
use driftline_engine::topic::rdkafka::{
    ClientConfig, Message as _,
    consumer::{BaseConsumer, Consumer as _},
    mocking::MockCluster,
    producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer},
};
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

const TOPIC: &str = "shop";

/// A broker with a topic of two partitions.
struct Broker {
    cluster: MockCluster<'static, DefaultProducerContext>,
    producer: ThreadedProducer<DefaultProducerContext>,
}

impl Broker {
    fn start() -> Self {
        Self::with_partitions(2)
    }

    fn with_partitions(partitions: i32) -> Self {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic(TOPIC, partitions, 1).unwrap();
        let producer = ClientConfig::new()
            .set("bootstrap.servers", cluster.bootstrap_servers())
            .create()
            .unwrap();
        Self { cluster, producer }
    }

    fn send(&self, partition: i32, payload: impl AsRef<[u8]>) {
        let record = BaseRecord::<(), [u8]>::to(TOPIC)
            .partition(partition)
            .payload(payload.as_ref());
        self.producer
            .send(record)
            .map_err(|(error, _)| error)
            .unwrap();
    }

    fn flush(&self) {
        self.producer.flush(Duration::from_secs(30)).unwrap();
    }

    /// A pipeline over the topic, whose windows are days.
    fn pipeline(&self, desk: &Desk, topic: &str) {
        desk.write("base.csv", TRAINING.csv());
        let live = format!(
            "\n  source: kafka://{}/{TOPIC}\n  topic: {{{topic}}}",
            self.cluster.bootstrap_servers()
        );
        desk.write("p.yaml", pipeline(&live, "window: 1d"));
    }
}

fn pipeline(live: &str, cut: &str) -> String {
    format!(
        "name: shop\nbaseline: {{source: base.csv}}\nlive: {live}\n\
         time: {{column: day, block: 1d, {cut}}}\n"
    )
}

/// Rows by partition as CSV, and one far later in each, which closes the windows before it.
fn rows(shop: &Shop) -> [Vec<String>; 2] {
    let mut parts = [Vec::new(), Vec::new()];
    for (place, line) in shop.csv().lines().skip(1).enumerate() {
        parts[place % 2].push(line.to_owned());
    }
    for part in &mut parts {
        part.push("2024-06-01,100,red".into());
    }
    parts
}

/// A row as JSON.
fn message(row: &str) -> String {
    let [day, amount, colour] = row.split(',').collect::<Vec<_>>().try_into().unwrap();
    format!(r#"{{"day":"{day}","amount":{amount},"colour":"{colour}"}}"#)
}

/// The windows of all runs, by their start.
fn windows(server: &Server) -> BTreeMap<String, Vec<Value>> {
    let runs = server.json("/api/v1/runs?page_size=100");
    let mut windows: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for run in runs["items"].as_array().unwrap() {
        let id = run["run_id"].as_str().or(run["id"].as_str()).unwrap();
        let run = server.json(&format!("/api/v1/runs/{id}"));
        for window in run["windows"].as_array().unwrap() {
            let start = window["start"].as_str().unwrap().to_owned();
            windows.entry(start).or_default().push(window.clone());
        }
    }
    windows
}

/// What is found in a window by itself: sums go over the windows of one run.
fn by_itself(mut window: Value) -> Value {
    let findings = window["findings"].as_array_mut().unwrap();
    findings.retain(|finding| finding["measure"] != "slow_drift");
    window
}

/// Judges the same rows as a file and as a topic, whose server is killed so often meanwhile,
/// and holds the windows against each other.
fn killed(cut: &str, kills: usize, seed: u64) {
    let broker = Broker::start();
    let desk = Desk::new();
    let parts = rows(&DEARER);
    desk.write("base.csv", TRAINING.csv());
    let header = ["day,amount,colour".to_owned()];
    let lines = [&header[..], &parts[0], &parts[1]].concat();
    desk.write("live.csv", lines.join("\n"));
    desk.write("p.yaml", pipeline("{source: live.csv}", cut));
    // In a store of its own: the server's has the server's runs.
    let run = [
        "run",
        "p.yaml",
        "--out",
        "out",
        "--store",
        "sqlite://whole.db",
    ];
    desk.driftline(&run).ends_with(1);
    let whole = desk.json("out/verdict.json");
    let is_judged = |window: &&Value| {
        window["start"].as_str().unwrap().starts_with("2024-03") && window["rows"] != 0
    };
    let whole: Vec<&Value> = whole["windows"]
        .as_array()
        .unwrap()
        .iter()
        .filter(is_judged)
        .collect();

    broker.pipeline(&desk, "out_of_orderness: 1s, allowed_lateness: 1s");
    let over_days = desk.read("p.yaml");
    desk.write("p.yaml", over_days.replace("window: 1d", cut));
    let mut chance = Chance(seed);
    let mut sent = [0, 0];
    for _ in 0..kills {
        let server = Server::start(&desk);
        for (partition, rows) in parts.iter().enumerate() {
            let next = (sent[partition] + rows.len().div_ceil(kills)).min(rows.len());
            for row in &rows[sent[partition]..next] {
                broker.send(partition as i32, message(row));
            }
            sent[partition] = next;
        }
        broker.flush();
        std::thread::sleep(Duration::from_millis((chance.next() * 3_000.0) as u64));
        server.running.signal("KILL");
    }
    let server = Server::start(&desk);
    let mut found = BTreeMap::new();
    until("all windows are judged", || {
        found = windows(&server);
        found.len() >= whole.len()
    });
    for (place, window) in whole.into_iter().enumerate() {
        let start = window["start"].as_str().unwrap();
        let judged = &found[start];
        assert_eq!(
            judged.len(),
            1,
            "{start} has {} runs (seed {seed})",
            judged.len()
        );
        let (judged, window) = (by_itself(judged[0].clone()), by_itself(window.clone()));
        // Files begin somewhere, and how much of their first window they cover is known.
        if place == 0 && cut.contains("slide") {
            assert_eq!(judged["rows"], window["rows"], "{start}");
        } else {
            assert_eq!(judged, window, "{start}");
        }
    }
}

#[test]
fn a_server_that_is_killed_again_and_again_judges_every_row_once() {
    let kills = std::env::var("DRIFTLINE_KILLS").map_or(6, |kills| kills.parse().unwrap());
    killed("window: 1d", kills, 20_260_101);
}

#[test]
fn windows_that_slide_are_those_of_a_file_however_often_the_server_is_killed() {
    killed("window: 2d, slide: 1d", 2, 20_260_102);
}

#[test]
fn sessions_are_those_of_a_file_however_often_the_server_is_killed() {
    killed("window: 4d, gap: 2d", 2, 20_260_103);
}

/// The training data is a year of titles, which takes a while to learn.
#[test]
fn the_shipped_pipeline_of_a_topic_judges_a_week_that_is_over() {
    let broker = Broker::start();
    broker.cluster.create_topic("titles", 1, 1).unwrap();
    for row in 0..600 {
        let (day, number) = (2 + row / 40, row * 7_919 % 1_000);
        let text = format!(
            r#"{{"date":"2023-01-{day:02}","text":"第{number}个话题来了","is_topic":false}}"#
        );
        let record = BaseRecord::<(), str>::to("titles")
            .partition(0)
            .payload(&text);
        broker
            .producer
            .send(record)
            .map_err(|(error, _)| error)
            .unwrap();
    }
    broker.flush();
    let desk = Desk::new();
    let pipeline = crate::desk::root().join("pipelines/stream.yaml");
    let brokers = broker.cluster.bootstrap_servers();
    let server = Server::with(&desk, pipeline.to_str().unwrap(), &[("BROKERS", &brokers)]);
    let begin = std::time::Instant::now();
    let mut found = windows(&server);
    while found.is_empty() && begin.elapsed() < Duration::from_secs(300) {
        std::thread::sleep(Duration::from_millis(200));
        found = windows(&server);
    }
    let (start, judged) = found.first_key_value().expect("no week was judged");
    assert_eq!(start, "2023-01-02T00:00:00+08:00");
    assert_eq!(judged[0]["verdict"], "fail", "{}", judged[0]);
}

fn topic(desk: &Desk) -> Value {
    let shown: Ended = desk.driftline(&[
        "topic",
        "p.yaml",
        "--store",
        "sqlite://s.db",
        "--format",
        "json",
    ]);
    shown.ends_with(0).json()
}

#[test]
fn messages_that_cannot_be_read_are_kept_apart_and_make_a_window_unknown() {
    let broker = Broker::start();
    let desk = Desk::new();
    broker.pipeline(
        &desk,
        "out_of_orderness: 1s, allowed_lateness: 1s, max_dead_share: 0.02",
    );
    let server = Server::start(&desk);
    let [first, second] = rows(&Shop { days: 2, ..DEARER });
    for (place, row) in first.iter().enumerate() {
        if place == 1 || place == 2 {
            broker.send(0, "no row");
        }
        broker.send(0, message(row));
    }
    for row in &second {
        broker.send(1, message(row));
    }
    broker.flush();
    let mut found = BTreeMap::new();
    until("two days are judged", || {
        found = windows(&server);
        found.len() >= 2
    });
    let day = &found["2024-03-04T00:00:00Z"][0];
    assert_eq!(day["rows"], 40);
    let missing = day["not_evaluated"].to_string();
    assert!(
        missing.contains("2 of 42 messages could not be read"),
        "{missing}"
    );
    let shown = topic(&desk);
    let letters = shown["dead_letters"].as_array().unwrap();
    assert_eq!(letters.len(), 2, "{shown}");
    assert_eq!(letters[0]["reason"], "no JSON at line 1 column 2");
    assert_eq!(shown["partitions"].as_array().unwrap().len(), 2);
}

#[test]
fn a_broker_that_goes_away_for_a_while_loses_and_doubles_nothing() {
    let broker = Broker::start();
    let desk = Desk::new();
    broker.pipeline(&desk, "out_of_orderness: 1s, allowed_lateness: 1s");
    let server = Server::start(&desk);
    let parts = rows(&Shop { days: 4, ..DEARER });
    let (half, all) = (parts[0].len() / 2, parts[0].len());
    let send = |rows: std::ops::Range<usize>| {
        for (partition, part) in parts.iter().enumerate() {
            for row in &part[rows.clone()] {
                broker.send(partition as i32, message(row));
            }
        }
        broker.flush();
    };
    send(0..half);
    until("the first half is read", || {
        read_so_far(&desk) == 2 * half as u64
    });
    broker.cluster.broker_down(1).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    broker.cluster.broker_up(1).unwrap();
    send(half..all);
    let mut found = BTreeMap::new();
    until("four days are judged", || {
        found = windows(&server);
        found.len() >= 4
    });
    for (start, judged) in &found {
        assert_eq!(
            (judged.len(), &judged[0]["rows"]),
            (1, &40.into()),
            "{start}"
        );
    }
}

/// Messages that were read, over all partitions, of the topic that `p.yaml` names.
fn read_so_far(desk: &Desk) -> u64 {
    let shown = topic(desk);
    let partitions = shown["partitions"].as_array().unwrap().iter();
    partitions
        .filter_map(|one| one["next_offset"].as_u64())
        .sum()
}

#[test]
fn what_comes_while_nobody_reads_is_read_in_known_and_in_new_partitions() {
    let desk = Desk::new();
    let settings = "start: end, out_of_orderness: 1s, allowed_lateness: 1s";
    let [mut first, mut second] = rows(&Shop { days: 3, ..DEARER });
    let last = first.pop().unwrap();
    second.pop();
    let half = first.len() / 2;
    let send = |broker: &Broker, partition: i32, rows: &[String]| {
        for row in rows {
            broker.send(partition, message(row));
        }
        broker.flush();
    };

    let small = Broker::with_partitions(1);
    send(&small, 0, &["2024-02-01,100,red".to_owned()]);
    small.pipeline(&desk, settings);
    let server = Server::start(&desk);
    until("the end of the topic is known", || read_so_far(&desk) == 1);
    // Nothing was read yet: the server goes, and what comes now is not what was there before.
    drop(server);
    send(&small, 0, &first[..half]);
    let server = Server::start(&desk);
    until("the first half is read", || {
        read_so_far(&desk) == 1 + half as u64
    });
    drop(server);

    // The same topic, grown while nobody read it.
    let grown = Broker::with_partitions(2);
    send(&grown, 0, &["2024-02-01,100,red".to_owned()]);
    send(&grown, 0, &first);
    send(&grown, 1, &second);
    for partition in 0..2 {
        send(&grown, partition, std::slice::from_ref(&last));
    }
    grown.pipeline(&desk, settings);
    let server = Server::start(&desk);
    let mut found = BTreeMap::new();
    until("three days are judged", || {
        found = windows(&server);
        found.len() >= 3
    });
    for (start, judged) in &found {
        assert_eq!(
            (judged.len(), &judged[0]["rows"]),
            (1, &40.into()),
            "{start}"
        );
    }
}

/// The bytes that clients of a schema registry write before a record.
fn framed(id: u32, record: &[u8]) -> Vec<u8> {
    [&[0], &id.to_be_bytes()[..], record].concat()
}

/// A text in Avro: its length as a zigzag number, of a length below 64, and its bytes.
fn avro_text(text: &str) -> Vec<u8> {
    let length = u8::try_from(2 * text.len()).unwrap();
    assert!(length < 128);
    [&[length], text.as_bytes()].concat()
}

/// Sends each row as `encoded` has it, and two broken messages, and returns the topic with what is
/// found of its first day.
fn judged_with_broken(
    desk: &Desk,
    broker: &Broker,
    encoded: impl Fn(usize, &str) -> Vec<u8>,
    broken: &[Vec<u8>],
) -> (Value, Value) {
    let server = Server::start(desk);
    for (partition, rows) in rows(&Shop { days: 2, ..DEARER }).iter().enumerate() {
        for (place, row) in rows.iter().enumerate() {
            // Behind a row of the first day, in which they then fall.
            if partition == 0 && place == 1 {
                for message in broken {
                    broker.send(0, message);
                }
            }
            broker.send(partition as i32, encoded(place, row));
        }
    }
    broker.flush();
    let mut found = BTreeMap::new();
    until("two days are judged", || {
        found = windows(&server);
        found.len() >= 2
    });
    let day = found["2024-03-04T00:00:00Z"][0].clone();
    (topic(desk), day)
}

/// Why messages could not be read, in their order; they are shown newest first.
fn reasons(topic: &Value) -> Vec<&str> {
    let letters = topic["dead_letters"].as_array().unwrap().iter();
    letters
        .rev()
        .map(|letter| letter["reason"].as_str().unwrap())
        .collect()
}

#[test]
fn records_of_avro_are_read_by_the_schemas_of_a_registry() {
    // Two versions of a schema, as a topic holds them after an upgrade of its producers.
    let record = |fields: &str| {
        let schema = format!(r#"{{"type":"record","name":"Sale","fields":[{fields}]}}"#);
        serde_json::json!({ "schema": schema }).to_string()
    };
    let field = |name: &str, kind: &str| format!(r#"{{"name":"{name}","type":"{kind}"}}"#);
    let (day, amount, colour) = (
        field("day", "string"),
        field("amount", "double"),
        field("colour", "string"),
    );
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let registry = runtime.block_on(async {
        let registry = wiremock::MockServer::start().await;
        for (id, schema) in [
            (1, record(&[&*day, &amount, &colour].join(","))),
            (2, record(&[&*colour, &amount, &day].join(","))),
        ] {
            wiremock::Mock::given(wiremock::matchers::path(format!("/schemas/ids/{id}")))
                .respond_with(wiremock::ResponseTemplate::new(200).set_body_string(schema))
                .mount(&registry)
                .await;
        }
        registry
    });
    let broker = Broker::start();
    let desk = Desk::new();
    let settings = format!(
        "out_of_orderness: 1s, allowed_lateness: 1s, max_dead_share: 0.5, format: avro, \
         registry: {{url: '{}'}}",
        registry.uri()
    );
    broker.pipeline(&desk, &settings);
    let encoded = |place: usize, row: &str| {
        let [day, amount, colour] = row.split(',').collect::<Vec<_>>().try_into().unwrap();
        let (day, colour) = (avro_text(day), avro_text(colour));
        let amount = amount.parse::<f64>().unwrap().to_le_bytes();
        match place % 2 {
            0 => framed(1, &[&*day, &amount, &colour].concat()),
            _ => framed(2, &[&*colour, &amount, &day].concat()),
        }
    };
    let whole = encoded(0, "2024-03-04,1,red");
    let broken = [
        framed(9, whole.get(5..).unwrap()),
        whole.get(..9).unwrap().to_vec(),
        b"{}".to_vec(),
    ];
    let (topic, day) = judged_with_broken(&desk, &broker, encoded, &broken);
    assert_eq!(day["rows"], 40);
    let reasons = reasons(&topic);
    assert_eq!(reasons.len(), 3, "{topic}");
    assert!(
        reasons[0].contains('9') && reasons[0].contains("registry"),
        "{reasons:?}"
    );
    assert!(
        reasons[1].starts_with("no record of its Avro schema"),
        "{reasons:?}"
    );
}

/// A message as the topic has it, and the descriptors of it.
mod sale {
    use prost::Message;

    #[derive(Clone, PartialEq, Message)]
    pub(super) struct Sale {
        #[prost(string, tag = "1")]
        pub(super) day: String,
        #[prost(double, tag = "2")]
        pub(super) amount: f64,
        #[prost(string, tag = "3")]
        pub(super) colour: String,
    }

    /// `google.protobuf.FileDescriptorSet`, as far as it is needed.
    #[derive(Clone, PartialEq, Message)]
    struct FileDescriptorSet {
        #[prost(message, repeated, tag = "1")]
        file: Vec<FileDescriptor>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct FileDescriptor {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(string, tag = "2")]
        package: String,
        #[prost(message, repeated, tag = "4")]
        message_type: Vec<Descriptor>,
        #[prost(string, tag = "12")]
        syntax: String,
    }

    #[derive(Clone, PartialEq, Message)]
    struct Descriptor {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(message, repeated, tag = "2")]
        field: Vec<FieldDescriptor>,
    }

    #[derive(Clone, PartialEq, Message)]
    struct FieldDescriptor {
        #[prost(string, tag = "1")]
        name: String,
        #[prost(int32, tag = "3")]
        number: i32,
        /// 1 is optional.
        #[prost(int32, tag = "4")]
        label: i32,
        /// 1 is `double`, 9 `string`.
        #[prost(int32, tag = "5")]
        kind: i32,
    }

    /// What `protoc --descriptor_set_out` writes of `shop.Sale`.
    pub(super) fn descriptors() -> Vec<u8> {
        let fields = [("day", 1, 9), ("amount", 2, 1), ("colour", 3, 9)];
        let field = fields.map(|(name, number, kind)| FieldDescriptor {
            name: name.into(),
            number,
            label: 1,
            kind,
        });
        let set = FileDescriptorSet {
            file: vec![FileDescriptor {
                name: "sale.proto".into(),
                package: "shop".into(),
                message_type: vec![Descriptor {
                    name: "Sale".into(),
                    field: field.into(),
                }],
                syntax: "proto3".into(),
            }],
        };
        set.encode_to_vec()
    }
}

#[test]
fn messages_of_protocol_buffers_are_read_by_their_descriptors() {
    use prost::Message as _;
    let broker = Broker::start();
    let desk = Desk::new();
    desk.write("sale.desc", sale::descriptors());
    broker.pipeline(
        &desk,
        "out_of_orderness: 1s, allowed_lateness: 1s, max_dead_share: 0.5, format: protobuf, \
         schema: sale.desc, message: shop.Sale, framed: true",
    );
    let encoded = |_: usize, row: &str| {
        let [day, amount, colour] = row.split(',').collect::<Vec<_>>().try_into().unwrap();
        let sale = sale::Sale {
            day: day.into(),
            amount: amount.parse().unwrap(),
            colour: colour.into(),
        };
        // The zero behind the schema's number stands for the first message of its file.
        framed(7, &[&[0], &*sale.encode_to_vec()].concat())
    };
    let broken = [framed(7, &[0, 0x0a, 0xff]), b"2024-03-04".to_vec()];
    let (topic, day) = judged_with_broken(&desk, &broker, encoded, &broken);
    assert_eq!(day["rows"], 40);
    assert_eq!(
        reasons(&topic),
        [
            "no message `shop.Sale`",
            "it does not begin as a registry's clients write"
        ]
    );
}

#[test]
fn rows_that_no_window_lets_go_end_at_their_limit() {
    let broker = Broker::start();
    let desk = Desk::new();
    broker.pipeline(&desk, "max_state_mib: 0");
    let server = Server::start(&desk);
    for row in rows(&Shop { days: 1, ..DEARER })[0].iter().take(20) {
        broker.send(0, message(row));
    }
    broker.flush();
    until("the monitor says so", || {
        let status = server.json("/api/v1/monitors/shop/status");
        status.to_string().contains("more than `max_state_mib`")
    });
}

#[test]
fn verdicts_are_messages_of_a_topic_under_ids_that_stay() {
    let broker = Broker::start();
    broker.cluster.create_topic("verdicts", 1, 1).unwrap();
    let desk = Desk::new();
    broker.pipeline(&desk, "out_of_orderness: 1s, allowed_lateness: 1s");
    let told = format!(
        "actions:\n  topics:\n  - name: out\n    on: [verdict]\n    url: kafka://{}/verdicts\n",
        broker.cluster.bootstrap_servers()
    );
    desk.write("p.yaml", desk.read("p.yaml") + &told);
    let server = Server::start(&desk);
    for (partition, rows) in rows(&Shop { days: 3, ..DEARER }).iter().enumerate() {
        for row in rows {
            broker.send(partition as i32, message(row));
        }
    }
    broker.flush();
    let reader: BaseConsumer = ClientConfig::new()
        .set("bootstrap.servers", broker.cluster.bootstrap_servers())
        .set("group.id", "reader")
        .set("auto.offset.reset", "earliest")
        .create()
        .unwrap();
    reader.subscribe(&["verdicts"]).unwrap();
    let mut found: BTreeMap<String, Value> = BTreeMap::new();
    until("three verdicts came", || {
        if let Some(Ok(message)) = reader.poll(Duration::from_millis(100)) {
            let key = String::from_utf8(message.key().unwrap().to_vec()).unwrap();
            let event = serde_json::from_slice(message.payload().unwrap()).unwrap();
            found.insert(key, event);
        }
        found.len() >= 3
    });
    let mut starts = Vec::new();
    for (key, event) in &found {
        assert!(key.starts_with("evt_"), "{key}");
        assert_eq!(event["type"], "window.judged");
        starts.push(event["data"]["window"]["start"].as_str().unwrap());
    }
    starts.sort_unstable();
    assert_eq!(starts[0], "2024-03-04T00:00:00Z");
    drop(server);
}

#[test]
fn a_topic_that_is_not_there_is_no_verdict() {
    let broker = Broker::start();
    let desk = Desk::new();
    broker.pipeline(&desk, "");
    let wrong = desk.read("p.yaml").replace("/shop\n", "/none-of-this\n");
    desk.write("p.yaml", wrong);
    // The mock makes topics that are asked for, so the broker is one that is not there.
    let away = desk
        .read("p.yaml")
        .replace(&broker.cluster.bootstrap_servers(), "127.0.0.1:9");
    desk.write("p.yaml", away);
    let server = Server::start(&desk);
    until("the monitor says so", || {
        let status = server.json("/api/v1/monitors/shop/status");
        status.to_string().contains("no broker answers")
    });
    desk.driftline(&["run", "p.yaml", "--store", "sqlite://s.db"])
        .says("`driftline serve` reads topics, window by window");
}
