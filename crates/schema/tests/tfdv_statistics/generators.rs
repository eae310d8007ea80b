//! `stats.jsonl`, one generator of TFDV a case, and `stats-end-to-end.jsonl`, all of
//! them by `StatsOptions`.

use crate::{
    cases::{self, Tally, batches, message, text},
    semantic,
    tree::{Tree, differences},
};
use arrow_array::RecordBatch;
use driftline_schema::tfmd::{
    CrossFeatureStatistics, DatasetFeatureStatistics, DatasetFeatureStatisticsList,
    FeatureNameStatistics, Path, Schema, feature_name_statistics::FieldId, from_text, statistics,
};
use driftline_statistics::{
    StatisticsError,
    features::{
        Crosses, CustomStatistic, DatasetStatistics, FeatureGenerator, FeatureOptions, FeaturePath,
        FeatureRows, HistogramFeatures, PerFeature, Weights,
    },
};
use prost::Message as _;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// Statistics of all batches, once in one accumulator and once merged from one for each
/// batch: both must be the same.
pub(crate) fn compute(
    options: FeatureOptions,
    batches: &[RecordBatch],
) -> DatasetFeatureStatistics {
    let options = Arc::new(options);
    let mut whole = DatasetStatistics::new(Arc::clone(&options));
    let mut merged = DatasetStatistics::new(Arc::clone(&options));
    for batch in batches {
        whole.update(batch).unwrap();
        let mut part = DatasetStatistics::new(Arc::clone(&options));
        part.update(batch).unwrap();
        merged.merge(part).unwrap();
    }
    let whole = statistics::message(&whole, "").unwrap();
    let merged = statistics::message(&merged, "").unwrap();
    assert_eq!(differences(&merged, &whole), Vec::<String>::new());
    whole
}

fn number(arguments: &Value, key: &str) -> Option<f64> {
    arguments[key].as_f64()
}

fn set(field: &mut usize, arguments: &Value, key: &str) {
    if let Some(value) = arguments[key].as_u64() {
        *field = usize::try_from(value).unwrap();
    }
}

/// The options that TFDV's arguments of these names stand for.
pub(crate) fn options_of(arguments: &Value) -> FeatureOptions {
    let mut options = FeatureOptions::default();
    set(&mut options.top_values, arguments, "num_top_values");
    set(
        &mut options.rank_buckets,
        arguments,
        "num_rank_histogram_buckets",
    );
    set(
        &mut options.length_buckets,
        arguments,
        "num_values_histogram_buckets",
    );
    set(
        &mut options.standard_buckets,
        arguments,
        "num_histogram_buckets",
    );
    set(
        &mut options.quantile_buckets,
        arguments,
        "num_quantiles_histogram_buckets",
    );
    if let Some(threshold) = arguments["frequency_threshold"].as_u64() {
        options.frequency_threshold = threshold;
    }
    if let Some(threshold) = number(arguments, "weighted_frequency_threshold") {
        options.weighted_frequency_threshold = threshold;
    }
    if let Some(epsilon) = number(arguments, "epsilon") {
        options.epsilon = epsilon;
    }
    options.tokens_as_custom = arguments["store_output_in_custom_stats"] == true;
    options
}

/// The recorded arguments say only that there is a map of weights. TFDV's tests call
/// the columns `w`, or `w_a` for all features but `b`, whose own is `w_b`; with `w` and
/// `w_b` that is the one of `fb`. The test of feature partitions weighs by `a`.
fn weights_of(arguments: &Value, batches: &[RecordBatch]) -> Weights {
    if arguments["example_weight_map"].is_null() {
        return Weights::default();
    }
    let has = |name: &str| batches.iter().any(|b| b.column_by_name(name).is_some());
    let own = |feature: &str| {
        if has("w_b") {
            BTreeMap::from([(FeaturePath::column(feature), "w_b".to_owned())])
        } else {
            BTreeMap::new()
        }
    };
    if has("w_a") {
        Weights {
            column: Some("w_a".into()),
            per_feature: own("b"),
        }
    } else if has("w") {
        Weights {
            column: Some("w".into()),
            per_feature: own("fb"),
        }
    } else if arguments["name"] == "BasicStatsGenerator" {
        Weights {
            column: Some("a".into()),
            ..Weights::default()
        }
    } else {
        Weights::default()
    }
}

/// Options for a case of one generator; `None` for a generator that has its own cases.
fn options_for(case: &Value, batches: &[RecordBatch]) -> Option<FeatureOptions> {
    let generator = &case["generator"];
    let arguments = &generator["kwargs"];
    let schema: Option<Schema> =
        message(&arguments["schema"]).or_else(|| message(&generator["args"][0]));
    let claims = schema.as_ref().map(statistics::claims).unwrap_or_default();
    let mut options = FeatureOptions {
        basic: false,
        tokens: false,
        weights: weights_of(arguments, batches),
        ..options_of(arguments)
    };
    match text(generator, "class") {
        "BasicStatsGenerator" => {
            options.basic = true;
            options.claims = claims;
            if !arguments["feature_config"].is_null() {
                // Which features it names is not recorded: TFDV's test includes two.
                options.histograms = HistogramFeatures::Only(
                    ["a", "b"].into_iter().map(FeaturePath::column).collect(),
                );
            }
            if arguments["name"] == "BasicStatsGenerator" {
                // A copy for one of two partitions of features, which holds `b`.
                options.columns = Some(["b".to_owned()].into());
            }
        }
        "TopKUniquesStatsGenerator" => {
            options.tokens = true;
            options.whole_values = true;
            options.claims = claims;
        }
        "TopKUniquesSketchStatsGenerator" => {
            options.tokens = true;
            options.claims = claims;
        }
        "SparseFeatureStatsGenerator" => options.claims.sparse = claims.sparse,
        "WeightedFeatureStatsGenerator" => options.claims.weighted = claims.weighted,
        "CrossFeatureStatsGenerator" => {
            options.crosses = match arguments["feature_crosses"].as_array() {
                None => Crosses::All,
                Some(pairs) => Crosses::Pairs(
                    pairs
                        .iter()
                        .map(|pair| {
                            let name = |at: usize| pair[at].as_str().unwrap().to_owned();
                            (name(0), name(1))
                        })
                        .collect(),
                ),
            };
        }
        _ => return None,
    }
    Some(options)
}

fn path_of(feature: &FeatureNameStatistics) -> Vec<String> {
    match &feature.field_id {
        Some(FieldId::Path(Path { step })) => step.clone(),
        Some(FieldId::Name(name)) => vec![name.clone()],
        None => Vec::new(),
    }
}

fn by_path(features: Vec<FeatureNameStatistics>) -> BTreeMap<Vec<String>, FeatureNameStatistics> {
    let mut by_path = BTreeMap::<Vec<String>, FeatureNameStatistics>::new();
    for mut feature in features {
        let path = path_of(&feature);
        if let Some(known) = by_path.get_mut(&path) {
            // Parts of one feature stand in messages of their own: fields add up.
            feature.field_id = None;
            known.merge(feature.encode_to_vec().as_slice()).unwrap();
        } else {
            by_path.insert(path, feature);
        }
    }
    by_path
}

fn check(case: &Value, found: DatasetFeatureStatistics) -> Vec<String> {
    let mut wrong = Vec::new();
    let expected = match case["expected_feature_stats"].as_object() {
        Some(features) => features.values().filter_map(message).collect(),
        None => case["expected_results"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(message::<DatasetFeatureStatistics>)
            .flat_map(|dataset| dataset.features)
            .collect(),
    };
    let (mine, expected) = (by_path(found.features), by_path(expected));
    for (path, expected) in &expected {
        match mine.get(path) {
            Some(mine) => wrong.extend(
                differences(mine, expected)
                    .into_iter()
                    .map(|difference| format!("{path:?}{difference}")),
            ),
            None => wrong.push(format!("{path:?}: absent")),
        }
    }
    if case["only_match_expected_feature_stats"] != true {
        let surplus = mine.keys().filter(|path| !expected.contains_key(*path));
        wrong.extend(surplus.map(|path| format!("{path:?}: not expected")));
    }
    if let Some(crosses) = case["expected_cross_feature_stats"].as_object() {
        let mut expected: Vec<CrossFeatureStatistics> =
            crosses.values().filter_map(message).collect();
        let mut mine = found.cross_features;
        let key = |cross: &CrossFeatureStatistics| format!("{:?}{:?}", cross.path_x, cross.path_y);
        expected.sort_by_key(key);
        mine.sort_by_key(key);
        let dataset = |cross_features| DatasetFeatureStatistics {
            cross_features,
            ..DatasetFeatureStatistics::default()
        };
        wrong.extend(differences(&dataset(mine), &dataset(expected)));
    }
    wrong
}

#[test]
fn generators_give_what_tfdvs_give() {
    let Some(cases) = cases::read("stats.jsonl") else {
        return;
    };
    let mut tally = Tally::default();
    for case in &cases {
        let id = text(case, "id");
        let batches = batches(if case["batches"].is_null() {
            &case["examples"]
        } else {
            &case["batches"]
        });
        if text(case, "entry") == "feature-combiner" {
            tally.add(id, semantic::check(case));
            continue;
        }
        match options_for(case, &batches) {
            Some(options) => tally.add(id, check(case, compute(options, &batches))),
            None => tally.unsupported.push(id.to_owned()),
        }
    }
    tally.report("stats.jsonl");
    assert!(tally.share() >= 0.98, "{}", tally.share());
}

/// TFDV's test counts with two statistics of its own: values, and lists that are there.
#[derive(Debug, Clone)]
enum Counter {
    Values,
    Examples,
}

impl FeatureGenerator for Counter {
    type State = u64;

    fn start(&self, _: &FeaturePath) -> u64 {
        0
    }

    fn update(&self, count: &mut u64, rows: &FeatureRows<'_>) -> Result<(), StatisticsError> {
        let level = &rows.nested.levels[0];
        *count += match self {
            Self::Values => (0..level.len()).map(|at| level.length(at)).sum::<usize>(),
            Self::Examples => level.present(),
        } as u64;
        Ok(())
    }

    fn merge(&self, count: &mut u64, other: u64) {
        *count += other;
    }

    fn finish(&self, _: &FeaturePath, count: &u64) -> Vec<CustomStatistic> {
        let name = match self {
            Self::Values => "_ValueCounter",
            Self::Examples => "_ExampleCounter",
        };
        vec![CustomStatistic::number(name, *count as f64)]
    }

    fn size_bytes(&self, _: &u64) -> usize {
        0
    }
}

#[test]
fn all_statistics_together_are_tfdvs() {
    let Some(cases) = cases::read("stats-end-to-end.jsonl") else {
        return;
    };
    let mut tally = Tally::default();
    for case in &cases {
        let given = &case["params"];
        let arguments = &given["options"]["StatsOptions"];
        let mut options = options_of(arguments);
        let defaults = arguments["add_default_generators"] != false;
        (options.basic, options.tokens) = (defaults, defaults);
        if let Some(schema) = message::<Schema>(&arguments["schema"]) {
            options.claims = statistics::claims(&schema);
        }
        if let Some(column) = arguments["weight_feature"].as_str() {
            options.weights.column = Some(column.to_owned());
        }
        for generator in arguments["generators"].as_array().into_iter().flatten() {
            let of = |counter| Arc::new(PerFeature(counter));
            match text(generator, "repr") {
                repr if repr.contains("_ValueCounter") => {
                    options.generators.push(of(Counter::Values))
                }
                repr if repr.contains("_ExampleCounter") => {
                    options.generators.push(of(Counter::Examples));
                }
                other => panic!("{other} is no statistic of TFDV's tests known here"),
            }
        }
        let by_name = |mut list: DatasetFeatureStatisticsList| {
            let datasets = list.datasets.iter_mut();
            for feature in datasets.flat_map(|dataset| &mut dataset.features) {
                feature.custom_stats.sort_by(|a, b| a.name.cmp(&b.name));
            }
            list
        };
        let found = DatasetFeatureStatisticsList {
            datasets: vec![compute(options, &batches(&given["record_batches"]))],
        };
        let expected: DatasetFeatureStatisticsList =
            from_text("case", text(given, "expected_result_proto_text")).unwrap();
        // TFDV compares these without histograms, and custom statistics in any order.
        let (found, expected) = (by_name(found), by_name(expected));
        let histograms = ["num_values_histogram", "histograms"];
        let mut wrong = Vec::new();
        Tree::of(&found).without(&histograms).differences(
            &Tree::of(&expected).without(&histograms),
            "",
            &mut wrong,
        );
        tally.add(text(case, "id"), wrong);
    }
    tally.report("stats-end-to-end.jsonl");
    assert!(tally.share() >= 0.98, "{}", tally.share());
}
