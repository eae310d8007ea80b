//! The shipped sentiment model, held to figures that its training script and
//! onnxruntime wrote.

#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int8Type};
use arrow_array::{Array, ArrayRef, LargeStringArray, StringArray, StringViewArray};
use driftline_scorer::{Prediction, Scorer, ScorerError};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use proptest::prelude::*;
use serde::Deserialize;

#[derive(Deserialize)]
struct Expected {
    source: String,
    rows: Vec<usize>,
    probability: Vec<f32>,
    held_out_rows: Vec<usize>,
}

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn sentiment() -> Scorer {
    Scorer::load(&repository().join("fixtures/models/sentiment")).unwrap()
}

fn expected() -> Expected {
    let path = repository().join("fixtures/models/sentiment/1/reference.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Texts and labels (1 is positive) of a labelled Parquet file.
fn labelled(path: &Path) -> Vec<(String, usize)> {
    let file = std::fs::File::open(path).unwrap();
    let reader = ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let mut rows = Vec::new();
    for batch in reader.build().unwrap() {
        let batch = batch.unwrap();
        let labels = batch.column_by_name("label").unwrap();
        let labels = labels.as_primitive::<Int8Type>().values();
        let texts = batch.column_by_name("text").unwrap();
        let texts = texts.as_string::<i64>().iter().flatten();
        rows.extend(
            texts
                .zip(labels)
                .map(|(text, label)| (text.to_owned(), usize::from(*label == 1))),
        );
    }
    rows
}

fn reviews() -> Vec<(String, usize)> {
    labelled(&repository().join(expected().source))
}

fn score(scorer: &Scorer, texts: &[&str]) -> Vec<Option<Prediction>> {
    scorer.score(texts.iter().copied().map(Some)).unwrap()
}

/// Probability of the second label.
fn positive(prediction: &Prediction) -> f32 {
    match prediction.label {
        1 => prediction.confidence,
        _ => 1.0 - prediction.confidence,
    }
}

/// Share of texts whose predicted label is the given one.
fn accuracy(scorer: &Scorer, rows: &[&(String, usize)]) -> f64 {
    let predictions = scorer.score(rows.iter().map(|(text, _)| Some(text.as_str())));
    let right = predictions
        .unwrap()
        .iter()
        .zip(rows)
        .filter(|(prediction, (_, label))| prediction.is_some_and(|p| p.label == *label))
        .count();
    right as f64 / rows.len() as f64
}

#[test]
fn scores_equal_those_of_onnxruntime_on_a_thousand_texts() {
    let (scorer, expected, reviews) = (sentiment(), expected(), reviews());
    let texts: Vec<&str> = expected
        .rows
        .iter()
        .map(|&at| reviews[at].0.as_str())
        .collect();
    assert_eq!(texts.len(), 1000);
    let gap = score(&scorer, &texts)
        .iter()
        .zip(&expected.probability)
        .map(|(prediction, expected)| (positive(&prediction.unwrap()) - expected).abs())
        .fold(0.0, f32::max);
    println!("largest difference: {gap:e}");
    assert!(gap <= 1e-4, "{gap}");
}

#[test]
fn accuracy_on_held_out_reviews_is_what_the_manifest_says() {
    let (scorer, reviews) = (sentiment(), reviews());
    let rows: Vec<_> = expected()
        .held_out_rows
        .iter()
        .map(|&at| &reviews[at])
        .collect();
    let stated = &scorer.manifest().accuracy[0];
    assert_eq!(stated.rows, rows.len() as u64);
    let measured = accuracy(&scorer, &rows);
    println!("{}: {measured:.4}, stated {:.4}", stated.data, stated.share);
    assert!(measured >= stated.share - 0.01, "{measured}");
}

#[test]
fn accuracy_on_weibo_posts_is_what_the_manifest_says() {
    // No licence allows shipping these posts: they are read where they lie.
    let path = repository().join("../shared/data/zh-sentiment/weibo-senti-subset.parquet");
    let scorer = sentiment();
    let stated = scorer
        .manifest()
        .accuracy
        .iter()
        .find(|a| a.data == "Weibo posts");
    let Some(stated) = stated.filter(|_| path.exists()) else {
        println!(
            "SKIPPED: accuracy on Weibo posts was NOT checked; it needs a figure in the manifest, and {}",
            path.display()
        );
        return;
    };
    let posts = labelled(&path);
    assert_eq!(stated.rows, posts.len() as u64);
    let measured = accuracy(&scorer, &posts.iter().collect::<Vec<_>>());
    println!("{}: {measured:.4}, stated {:.4}", stated.data, stated.share);
    assert!((measured - stated.share).abs() <= 0.01, "{measured}");
}

#[test]
fn a_text_scores_the_same_alone_in_a_full_and_in_a_filled_up_batch() {
    let scorer = sentiment();
    let batch_size = scorer.manifest().batch_size.unwrap();
    let reviews = reviews();
    let mut of_length_20: Vec<&str> = reviews
        .iter()
        .map(|(text, _)| text.as_str())
        .filter(|text| text.chars().count() == 20 && !text.contains(char::is_whitespace))
        .collect();
    of_length_20.sort_unstable();
    of_length_20.dedup();
    let full = &of_length_20[..batch_size];
    let in_full = score(&scorer, full);
    let in_filled_up = score(&scorer, &full[..batch_size / 2 + 1]);
    assert_eq!(in_filled_up, in_full[..batch_size / 2 + 1]);
    for (text, prediction) in full.iter().zip(&in_full).step_by(7) {
        assert_eq!(score(&scorer, &[text])[0], *prediction, "{text}");
    }
}

#[test]
fn plain_praise_is_positive_and_a_plain_complaint_negative() {
    let scorer = sentiment();
    let praise = score(&scorer, &["非常好，很喜欢，值得推荐！"])[0].unwrap();
    let complaint = score(&scorer, &["太差了，很失望，不值得买！"])[0].unwrap();
    assert_eq!(scorer.manifest().labels[praise.label], "positive");
    assert_eq!(scorer.manifest().labels[complaint.label], "negative");
    assert!(praise.confidence > 0.8 && complaint.confidence > 0.8);
}

#[test]
fn null_and_blank_rows_are_null_and_all_others_are_scored() {
    let rows = [
        None,
        Some(""),
        Some(" \t\n\u{3000}\0"),
        Some("好"),
        Some("𠮷😀"),
        Some("a\u{301}"),
    ];
    let predictions = sentiment().score(rows).unwrap();
    assert_eq!(
        predictions.iter().map(Option::is_some).collect::<Vec<_>>(),
        [false, false, false, true, true, true]
    );
    assert_eq!(sentiment().score([]).unwrap(), []);
}

#[test]
fn ten_megabytes_of_text_score_as_their_beginning() {
    let scorer = sentiment();
    let long = "这本书很好看".repeat(600_000);
    let beginning: String = long.chars().take(scorer.manifest().max_length).collect();
    let predictions = score(&scorer, &[&long, &beginning]);
    assert_eq!(predictions[0], predictions[1]);
}

#[test]
fn spacing_width_and_case_do_not_change_a_score() {
    let predictions = score(&sentiment(), &["iPhone13很好!", "ＩＰＨＯＮＥ１３ 很 好！"]);
    assert_eq!(predictions[0], predictions[1]);
}

#[test]
fn threads_share_one_scorer_and_agree() {
    let scorer = sentiment();
    let reviews = reviews();
    let texts: Vec<&str> = reviews
        .iter()
        .take(200)
        .map(|(text, _)| text.as_str())
        .collect();
    let alone = score(&scorer, &texts);
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (scorer, texts) = (scorer.clone(), &texts);
                scope.spawn(move || score(&scorer, texts))
            })
            .collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), alone);
        }
    });
}

#[test]
fn every_arrow_string_type_gives_the_same_labels_and_confidences() {
    let scorer = sentiment();
    let texts = vec![Some("很好"), None, Some(""), Some("太差了")];
    let columns: [ArrayRef; 3] = [
        Arc::new(StringArray::from(texts.clone())),
        Arc::new(LargeStringArray::from(texts.clone())),
        Arc::new(StringViewArray::from(texts.clone())),
    ];
    let predictions = scorer.score(texts).unwrap();
    for column in columns {
        let scored = scorer.score_columns(&[column]).unwrap();
        assert_eq!(scored.data_type(), &scorer.score_type());
        let labels = scored.column_by_name("label").unwrap().as_string::<i32>();
        let confidences = scored.column_by_name("confidence").unwrap();
        let confidences = confidences.as_primitive::<Float64Type>();
        for (row, prediction) in predictions.iter().enumerate() {
            assert_eq!(scored.is_valid(row), prediction.is_some());
            assert_eq!(labels.is_valid(row), prediction.is_some());
            if let Some(prediction) = prediction {
                assert_eq!(
                    labels.value(row),
                    scorer.manifest().labels[prediction.label]
                );
                assert!((confidences.value(row) - f64::from(prediction.confidence)).abs() < 1e-12);
            }
        }
    }
}

#[test]
fn a_column_of_numbers_is_refused_by_type() {
    let numbers: ArrayRef = Arc::new(arrow_array::Int64Array::from(vec![1]));
    let error = sentiment().score_columns(&[numbers]).unwrap_err();
    assert!(matches!(error, ScorerError::NotText { .. }));
    assert_eq!(
        error.to_string(),
        "a model scores text, not Int64; cast the column to a string type"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(16) })]
    #[test]
    fn order_and_company_of_rows_change_no_score(
        texts in prop::collection::vec("[的一是不了很好差 a-cA-C!！。]{0,12}", 1..100),
        seed in any::<u64>(),
    ) {
        thread_local!(static SCORER: Scorer = sentiment());
        SCORER.with(|scorer| {
            let rows: Vec<&str> = texts.iter().map(String::as_str).collect();
            let mut order: Vec<usize> = (0..rows.len()).collect();
            order.sort_by_key(|&at| (at as u64).wrapping_mul(seed | 1).rotate_left(17));
            let shuffled: Vec<&str> = order.iter().map(|&at| rows[at]).collect();
            let straight = score(scorer, &rows);
            for (prediction, &at) in score(scorer, &shuffled).iter().zip(&order) {
                prop_assert_eq!(prediction, &straight[at]);
            }
            prop_assert_eq!(score(scorer, &rows[..1])[0], straight[0]);
            Ok(())
        })?;
    }
}
