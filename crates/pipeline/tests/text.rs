//! What an evaluation says of texts: tokens of a model, watched words, and where a new term
//! comes from.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use driftline_engine::EngineConfig;
use driftline_pipeline::{EvaluationRequest, Evaluator, Pipeline};
use driftline_verdict::{FindingKind, Severity};
use std::{fmt::Write, fs, path::Path};

const WORDS: [&str; 24] = [
    "今天", "我们", "老师", "学校", "电影", "音乐", "天气", "城市", "朋友", "时间", "问题", "工作",
    "孩子", "妈妈", "手机", "火车", "海边", "夏天", "早上", "晚饭", "新闻", "比赛", "故事", "星期",
];

/// Numbers that look random: a linear congruence.
struct Random(u64);

impl Random {
    fn below(&mut self, most: usize) -> usize {
        self.0 = (self.0)
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % most
    }
}

/// Texts of some days, forty a day; from the eighth on some with a new word.
fn texts(seed: u64, days: usize, new: Option<&str>) -> String {
    let mut random = Random(seed);
    let mut csv = String::from("time,author,text\n");
    for day in 0..days {
        for row in 0..40 {
            let mut words: Vec<&str> = (0..6).map(|_| WORDS[random.below(24)]).collect();
            if let Some(new) = new
                && day >= 7
                && row < 8
            {
                words.insert(random.below(7), new);
            }
            let at = format!("{:02}:{:02}:00", random.below(24), random.below(60));
            let (month, day) = (day / 28 + 1, day % 28 + 1);
            let author = random.below(500);
            writeln!(
                csv,
                "2024-{month:02}-{day:02} {at},a{author},{}",
                words.concat()
            )
            .unwrap();
        }
    }
    csv
}

#[tokio::test]
async fn a_new_word_a_watched_one_and_the_models_tokens_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("before.csv"), texts(1, 84, None)).unwrap();
    fs::write(folder.join("now.csv"), texts(2, 28, Some("班味"))).unwrap();
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fixtures/models/sentiment");
    let file = folder.join("p.yaml");
    let yaml = format!(
        "name: texts\nbaseline: {{source: before.csv}}\nlive: {{source: now.csv}}\n\
         time: {{column: time, window: 7d}}\nroles: {{author: author}}\n\
         models: {{mood: {{bundle: '{}', text: text, tokens: true}}}}\n\
         terms: {{column: text, watch: [班味, 天气], watch_limits: {{班味: {{max_share: 0.05}}}}}}\n",
        models.display()
    );
    fs::write(&file, yaml).unwrap();
    let evaluator = Evaluator::new(Pipeline::read(&file).unwrap(), EngineConfig::default());
    let request = EvaluationRequest {
        window: None,
        posted: None,
        read: None,
        run_id: "run".into(),
        now: chrono::DateTime::UNIX_EPOCH,
        range: None,
        progress: &|_| {},
    };
    let evaluation = evaluator.evaluate(&request).await.unwrap();

    for field in driftline_scorer::TOKEN_FIELDS {
        let column = format!("mood_{field}");
        assert!(
            evaluation.baseline.profiles.contains_key(&column),
            "{column}"
        );
    }
    let findings = || {
        evaluation
            .run
            .windows
            .iter()
            .flat_map(|window| &window.findings)
    };
    let watched: Vec<_> = findings()
        .filter(|finding| finding.measure.as_deref() == Some("watched word 班味"))
        .collect();
    assert_eq!(watched.len(), 3);
    assert!(
        watched
            .iter()
            .all(|finding| finding.severity == Severity::Error)
    );
    assert!(!findings().any(|finding| finding.measure.as_deref() == Some("watched word 天气")));
    let term = findings()
        .find(|finding| {
            finding.kind == FindingKind::Term && finding.term.as_deref() == Some("班味")
        })
        .unwrap();
    let origin = term.origin.as_ref().unwrap();
    assert!(
        !origin.coordinated && origin.near_copies < 0.2,
        "{origin:?}"
    );
    assert!(origin.top_authors.unwrap() < 0.3 && origin.ten_minutes.unwrap() < 0.2);
    assert_eq!(term.examples.len(), 3);
}
