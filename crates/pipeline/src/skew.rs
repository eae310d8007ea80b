//! Row-level skew in words and for programs.

use driftline_engine::{FeatureSkew, RowSkew, SkewPair, SkewValue};
use driftline_verdict::{Verdict, report::aligned};
use serde_json::{Value, json};

/// The share of the pairs that differ in a column.
fn share(skew: &RowSkew, feature: &FeatureSkew) -> f64 {
    feature.diff_count() as f64 / skew.keys.pairs.max(1) as f64
}

/// Without a pair of rows nothing is known; a column that differs in more than the largest
/// share fails, any other difference warns.
pub fn verdict(skew: &RowSkew, max_share: Option<f64>) -> Verdict {
    let above = |limit: f64| skew.features.iter().any(|f| share(skew, f) > limit);
    if skew.keys.pairs == 0 {
        Verdict::Unknown
    } else if max_share.is_some_and(above) {
        Verdict::Fail
    } else if skew.skewed_pairs > 0 {
        Verdict::Warn
    } else {
        Verdict::Pass
    }
}

/// The comparison for people: how the keys meet, one line a column, then sampled pairs.
pub fn table(skew: &RowSkew, verdict: Verdict) -> String {
    let keys = &skew.keys;
    let mut text = format!(
        "{}: {} of {} pairs of rows differ\n",
        verdict.name(),
        skew.skewed_pairs,
        keys.pairs
    );
    text.push_str(&format!(
        "keys: {} in all, {} missing in base, {} missing in test, {} duplicate; rows without \
         a key: {} in base, {} in test\n\n",
        keys.keys,
        keys.keys_missing_in_base,
        keys.keys_missing_in_test,
        keys.duplicate_keys,
        keys.base_without_key,
        keys.test_without_key,
    ));
    let heading = [
        "feature",
        "base",
        "test",
        "match",
        "base only",
        "test only",
        "mismatch",
        "differ",
        "share",
    ];
    let mut lines = vec![heading.map(str::to_owned).to_vec()];
    for feature in &skew.features {
        let counts = [
            feature.base_count,
            feature.test_count,
            feature.match_count,
            feature.base_only,
            feature.test_only,
            feature.mismatch_count,
            feature.diff_count(),
        ];
        let mut line = vec![feature.feature.clone()];
        line.extend(counts.map(|count| count.to_string()));
        line.push(format!("{:.2} %", 100.0 * share(skew, feature)));
        lines.push(line);
    }
    text.push_str(&aligned(&lines));
    if !skew.samples.is_empty() {
        let mut lines = vec![
            ["key", "feature", "base", "test"]
                .map(str::to_owned)
                .to_vec(),
        ];
        for pair in &skew.samples {
            let differing = pair
                .mismatched
                .iter()
                .chain(&pair.base_only)
                .chain(&pair.test_only);
            for value in differing {
                let side = |side: &Option<String>| match side {
                    Some(value) => value.escape_debug().to_string(),
                    None => "–".to_owned(),
                };
                lines.push(vec![
                    pair.key.join(", "),
                    value.feature.clone(),
                    side(&value.base),
                    side(&value.test),
                ]);
            }
        }
        text.push('\n');
        text.push_str(&aligned(&lines));
    }
    text
}

/// The comparison for programs. Names of counts are those of TFDV's `FeatureSkew` and
/// `MatchStats`.
pub fn json(skew: &RowSkew, verdict: Verdict) -> Value {
    let keys = &skew.keys;
    let features: Vec<Value> = skew
        .features
        .iter()
        .map(|feature| {
            json!({
                "feature_name": feature.feature,
                "base_count": feature.base_count,
                "test_count": feature.test_count,
                "match_count": feature.match_count,
                "base_only": feature.base_only,
                "test_only": feature.test_only,
                "mismatch_count": feature.mismatch_count,
                "diff_count": feature.diff_count(),
            })
        })
        .collect();
    json!({
        "verdict": verdict,
        "match_stats": {
            "base_with_id_count": keys.base_with_key,
            "test_with_id_count": keys.test_with_key,
            "identifiers_count": keys.keys,
            "ids_missing_in_base_count": keys.keys_missing_in_base,
            "ids_missing_in_test_count": keys.keys_missing_in_test,
            "matching_pairs_count": keys.pairs,
            "base_missing_id_count": keys.base_without_key,
            "test_missing_id_count": keys.test_without_key,
            "duplicate_id_count": keys.duplicate_keys,
        },
        "skewed_pairs": skew.skewed_pairs,
        "features": features,
        "samples": skew.samples.iter().map(sample).collect::<Vec<_>>(),
    })
}

fn sample(pair: &SkewPair) -> Value {
    let values = |values: &[SkewValue]| -> Vec<Value> {
        let values = values.iter();
        values
            .map(
                |value| json!({ "feature": value.feature, "base": value.base, "test": value.test }),
            )
            .collect()
    };
    json!({
        "key": pair.key,
        "matched": pair.matched,
        "mismatched": values(&pair.mismatched),
        "base_only": values(&pair.base_only),
        "test_only": values(&pair.test_only),
    })
}
