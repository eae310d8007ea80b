//! A cluster gives what one process gives: a scheduler and two executors in this process, each
//! query once here and once there.

#![cfg(feature = "cluster")]
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use datafusion::{
    arrow::{compute::concat_batches, util::pretty::pretty_format_batches},
    parquet::{arrow::ArrowWriter, file::properties::WriterProperties},
};
use driftline_engine::{
    ClusterAddress, Engine, EngineConfig, EngineError, ExecutorOptions, MentionsRequest,
    ProfileColumn, ProfileRequest, Rows, SchedulerOptions, Source, Tz, VocabularyRequest,
    VocabularyTime, Windows, run_executor, run_scheduler,
};
use driftline_scorer::Scorer;
use driftline_vocabulary::BaselineVocabulary;
use std::{
    fmt::Write,
    fs::File,
    net::{SocketAddr, TcpListener},
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::{Arc, LazyLock},
    thread,
    time::Duration,
};
use tempfile::TempDir;

const STREAMS: NonZeroUsize = NonZeroUsize::new(4).unwrap();

/// An address whose port is free, and the one after it.
fn free() -> SocketAddr {
    loop {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let next = SocketAddr::new(address.ip(), address.port() + 1);
        if TcpListener::bind(next).is_ok() {
            return address;
        }
    }
}

/// Runs for as long as the tests.
fn on_its_own<F: Future<Output = Result<(), EngineError>>>(
    run: impl FnOnce() -> F + Send + 'static,
) {
    thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        runtime.block_on(run()).unwrap();
    });
}

static CLUSTER: LazyLock<ClusterAddress> = LazyLock::new(|| {
    let listen = free();
    let address: ClusterAddress = format!("df://{listen}").parse().unwrap();
    on_its_own(move || {
        run_scheduler(SchedulerOptions {
            listen,
            advertise: "127.0.0.1".into(),
            executor_timeout: Duration::from_secs(60),
        })
    });
    for _ in 0..2 {
        let (scheduler, listen) = (address.clone(), free());
        on_its_own(move || {
            run_executor(ExecutorOptions {
                scheduler,
                listen,
                advertise: None,
                work_folder: None,
                memory_limit_bytes: 512 << 20,
                threads: NonZeroUsize::new(2),
            })
        });
        thread::sleep(Duration::from_millis(100));
    }
    address
});

/// An engine of this process, and one of the cluster.
fn both(config: &EngineConfig) -> [Engine; 2] {
    [None, Some(CLUSTER.clone())].map(|cluster| {
        Engine::new(EngineConfig {
            threads: Some(STREAMS),
            cluster,
            ..config.clone()
        })
        .unwrap()
    })
}

async fn open(engine: &Engine, path: &Path) -> Rows {
    let source = Source::new(path.display().to_string());
    engine.open(&source).await.unwrap()
}

/// Two folders of days, each of two CSV files; the same rows as JSON Lines, and as a Parquet file
/// of many row groups.
struct Data {
    folder: TempDir,
}

impl Data {
    fn make() -> Self {
        let folder = TempDir::new().unwrap();
        let mut json = String::new();
        for (day, place) in ["2024-01-01", "2024-01-02"].into_iter().zip(0..) {
            let of_day = folder.path().join(format!("text/day={day}"));
            std::fs::create_dir_all(&of_day).unwrap();
            for file in ["a.csv", "b.csv"] {
                let mut csv = "at,amount,city,title\n".to_owned();
                for row in 0..1_500 {
                    let number = (row * 7_919 + place) % 701;
                    let city = ["北京", "上海", "Berlin"][row % 3];
                    let at = format!("{day}T{:02}:{:02}:00Z", row % 24, row % 60);
                    let amount = number as f64 / 4.0;
                    let title = format!("第{number}条热搜 topic 摆烂");
                    writeln!(csv, "{at},{amount},{city},{title}").unwrap();
                    writeln!(
                        json,
                        r#"{{"at":"{at}","amount":{amount},"city":"{city}","title":"{title}"}}"#
                    )
                    .unwrap();
                }
                std::fs::write(of_day.join(file), csv).unwrap();
            }
        }
        std::fs::write(folder.path().join("rows.jsonl"), json).unwrap();
        Self { folder }
    }

    fn text(&self) -> PathBuf {
        self.folder.path().join("text")
    }

    fn json(&self) -> PathBuf {
        self.folder.path().join("rows.jsonl")
    }

    async fn parquet(&self, engine: &Engine) -> PathBuf {
        let path = self.folder.path().join("rows.parquet");
        let rows = open(engine, &self.text()).await;
        let batches = rows.collect().await.unwrap();
        let batch = concat_batches(&batches[0].schema(), &batches).unwrap();
        let properties = WriterProperties::builder()
            .set_max_row_group_row_count(Some(500))
            .build();
        let file = File::create(&path).unwrap();
        let mut writer = ArrowWriter::try_new(file, batch.schema(), Some(properties)).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        path
    }
}

fn request(slices: &[&str]) -> ProfileRequest {
    let columns = ["amount", "city", "title"].map(|name| ProfileColumn {
        name: name.into(),
        text: name == "title",
    });
    ProfileRequest {
        columns: columns.into(),
        windows: Some(Windows::new("at", "1d".parse().unwrap())),
        slices: slices.iter().map(|slice| (*slice).into()).collect(),
    }
}

/// Everything of a profile, as bytes.
async fn profiled(rows: &Rows, request: &ProfileRequest) -> Vec<(String, Vec<u8>)> {
    let profiles = rows.profile(request).await.unwrap();
    let profiles = profiles.into_iter().map(|row| {
        let name = format!("{:?} {:?} {}", row.span, row.slice, row.column);
        (name, row.profile.to_bytes())
    });
    profiles.collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn profiles_of_windows_and_slices_are_the_same_bytes() {
    let data = Data::make();
    let [here, there] = both(&EngineConfig::default());
    let parquet = data.parquet(&here).await;
    for (path, slices) in [
        (data.text(), &[][..]),
        (data.json(), &[][..]),
        (parquet.clone(), &[][..]),
        (parquet, &["city"][..]),
    ] {
        let request = request(slices);
        let one = profiled(&open(&here, &path).await, &request).await;
        let other = profiled(&open(&there, &path).await, &request).await;
        assert!(one.len() >= 6, "{}", path.display());
        let again = profiled(&open(&here, &path).await, &request).await;
        for ((name, one), (_, again)) in one.iter().zip(&again) {
            assert!(
                one == again,
                "{} is not the same twice: {name}",
                path.display()
            );
        }
        for ((name, one), (other_name, other)) in one.iter().zip(&other) {
            assert_eq!(name, other_name);
            let differs = one.iter().zip(other).position(|(a, b)| a != b);
            assert!(
                one == other,
                "{}: {name} differs at byte {differs:?}",
                path.display()
            );
        }
        assert_eq!(one.len(), other.len());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slices_of_text_files_are_told_by_executors_without_a_copy() {
    let data = Data::make();
    let [here, there] = both(&EngineConfig::default());
    let request = request(&["city", "day"]);
    let one = open(&here, &data.text())
        .await
        .profile(&request)
        .await
        .unwrap();
    let other = open(&there, &data.text())
        .await
        .profile(&request)
        .await
        .unwrap();
    assert_eq!(one.len(), other.len());
    for (one, other) in one.iter().zip(&other) {
        assert_eq!((&one.slice, one.span), (&other.slice, other.span));
        assert_eq!(one.profile.rows, other.profile.rows);
        assert_eq!(one.profile.distinct(), other.profile.distinct());
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn prepared_rows_aggregates_and_joins_are_the_same() {
    let data = Data::make();
    let [here, there] = both(&EngineConfig::default());
    let parquet = data.parquet(&here).await;
    let windows = Windows::new("at", "6h".parse().unwrap());
    let expressions = [("mean", "avg(amount)"), ("many", "count(DISTINCT title)")]
        .map(|(name, sql)| (name.to_owned(), sql.to_owned()));
    let sql = "SELECT city, count(*) AS n, sum(amount) AS total, max(title) AS last FROM source \
               WHERE amount > 10 AND city NOT IN (SELECT city FROM source WHERE amount > 900) \
               AND amount < (SELECT avg(amount) FROM source) \
               GROUP BY city ORDER BY city";
    let mut answers = Vec::new();
    for engine in [&here, &there] {
        let rows = open(engine, &parquet).await;
        let aggregates = rows.aggregate(&expressions, Some(&windows)).await.unwrap();
        let distinct = rows
            .prepare("SELECT DISTINCT amount, city, at FROM source")
            .await
            .unwrap()
            .materialise()
            .await
            .unwrap();
        let grouped = rows.prepare(sql).await.unwrap().collect().await.unwrap();
        answers.push((
            aggregates,
            distinct.count().await.unwrap(),
            distinct.time_range("at", Tz::UTC).await.unwrap(),
            rows.text_pairs("city", "title").await.unwrap(),
            pretty_format_batches(&grouped).unwrap().to_string(),
        ));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0.len(), 8, "windows of six hours");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn terms_models_and_rules_go_with_the_query() {
    let data = Data::make();
    let rules = data.folder.path().join("rules.txt");
    std::fs::write(&rules, "seven: 第7条\n").unwrap();
    let [here, there] = both(&EngineConfig {
        advert_rules: Some(rules),
        ..EngineConfig::default()
    });
    let parquet = data.parquet(&here).await;
    let bundle = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/models/sentiment");
    let scorer = Scorer::load(&bundle).unwrap();
    let counting = VocabularyRequest {
        text: "title".into(),
        author: None,
        baseline: true,
        over: VocabularyTime::Unknown,
    };
    let terms = ["摆烂".to_owned()];
    let mentions = MentionsRequest {
        text: "title",
        terms: &terms,
        author: None,
        time: Some(("at", Tz::UTC)),
        examples: 3,
    };
    let mut answers = Vec::new();
    for engine in [&here, &there] {
        let rows = open(engine, &parquet).await;
        let counts = rows.vocabulary(&counting).await.unwrap();
        let vocabulary = BaselineVocabulary::freeze(&counts[0].1);
        let bytes = vocabulary.to_bytes();
        engine.add_vocabulary("title", Arc::new(vocabulary));
        engine.add_scorer("sentiment", scorer.clone());
        let judged = rows
            .prepare(
                "SELECT is_advert(title) AS advert, score('sentiment', title)['label'] AS label, \
                 round(avg(score('sentiment', title)['confidence']), 6) AS confidence, \
                 round(avg(out_of_vocabulary('title', title)), 6) AS out, count(*) AS n \
                 FROM source WHERE amount < 20 GROUP BY 1, 2 ORDER BY 1, 2",
            )
            .await
            .unwrap();
        let judged = judged.collect().await.unwrap();
        let texts = rows.mentions(&mentions).await.unwrap();
        let examples = texts["摆烂"].examples.clone();
        answers.push((
            bytes,
            pretty_format_batches(&judged).unwrap().to_string(),
            examples,
        ));
    }
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0].1.contains("true"), "{}", answers[0].1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rows_that_are_written_keep_their_order_although_streams_are_apart() {
    let data = Data::make();
    let [here, there] = both(&EngineConfig::default());
    let parquet = data.parquet(&here).await;
    let mut written = Vec::new();
    for (engine, name) in [(&here, "here.parquet"), (&there, "there.parquet")] {
        let rows = open(engine, &parquet).await;
        let more = ("twice".to_owned(), "amount * 2".to_owned());
        let rows = rows.with_columns(&[more]).await.unwrap();
        let path = data.folder.path().join(name);
        assert_eq!(rows.write_parquet(&path).await.unwrap(), 6_000);
        let batches = open(&here, &path).await.collect().await.unwrap();
        written.push(pretty_format_batches(&batches).unwrap().to_string());
    }
    assert!(written[0] == written[1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_goes_wrong_there_is_told_as_it_is_here() {
    let data = Data::make();
    let [here, there] = both(&EngineConfig {
        max_groups: 3,
        ..EngineConfig::default()
    });
    let many = ProfileRequest {
        windows: Some(Windows::new("at", "1h".parse().unwrap())),
        ..request(&[])
    };
    let no_time = ProfileRequest {
        windows: Some(Windows::new("title", "1d".parse().unwrap())),
        ..request(&[])
    };
    let one = open(&here, &data.text()).await.profile(&many).await;
    let other = open(&there, &data.text()).await.profile(&many).await;
    assert_eq!(one.unwrap_err(), other.unwrap_err());
    let other = open(&there, &data.text()).await.profile(&no_time).await;
    let error = other.unwrap_err();
    assert!(
        matches!(&error, EngineError::NotATime { column, .. } if column == "title"),
        "{error}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_only_this_process_has_does_not_go_to_a_cluster() {
    let [_, there] = both(&EngineConfig::default());
    let error = there.open(&Source::new("-")).await.unwrap_err();
    assert!(matches!(error, EngineError::Cluster { .. }), "{error}");
    assert!(error.to_string().contains("standard input"), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_scheduler_that_is_not_there_is_said_to_be() {
    let data = Data::make();
    let nobody = free();
    let engine = Engine::new(EngineConfig {
        cluster: Some(format!("df://{nobody}").parse().unwrap()),
        ..EngineConfig::default()
    })
    .unwrap();
    let rows = open(&engine, &data.text()).await;
    let error = rows.count().await.unwrap_err();
    assert!(matches!(error, EngineError::Cluster { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains(&format!("df://{nobody}")) && text.contains("check that the scheduler"),
        "{text}"
    );
}
