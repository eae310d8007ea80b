//! Cases of generators that look at the values of one feature: times, prose, images,
//! marks for nothing, tokens.

use crate::{
    cases::{batches, message, text},
    generators::{compute, options_of},
    tree::differences,
};
use arrow_array::RecordBatch;
use arrow_schema::{Field, Schema as ArrowSchema};
use driftline_schema::tfmd::{FeatureNameStatistics, Schema, statistics::NaturalLanguageGenerator};
use driftline_statistics::{
    features::{FeatureOptions, NewGenerator, PerFeature},
    semantic::{
        EmptyValueGenerator, ImageGenerator, ImageReader, LanguageGenerator, TimeGenerator,
        Vocabulary,
    },
};
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

/// TFDV's tests write what an image would say of itself as JSON.
struct WrittenImages;

impl ImageReader for WrittenImages {
    fn format(&self, bytes: &[u8]) -> Option<String> {
        let said: Value = serde_json::from_slice(bytes).ok()?;
        said["format"].as_str().map(str::to_owned)
    }

    fn size(&self, bytes: &[u8]) -> Option<(u64, u64)> {
        let said: Value = serde_json::from_slice(bytes).ok()?;
        Some((said["width"].as_u64()?, said["height"].as_u64()?))
    }
}

fn generator(case: &Value, options: &FeatureOptions) -> Arc<dyn NewGenerator> {
    let generator = &case["generator"];
    let arguments = &generator["kwargs"];
    let least = |default| arguments["values_threshold"].as_u64().unwrap_or(default);
    let share = |default| arguments["match_ratio"].as_f64().unwrap_or(default);
    match text(generator, "class") {
        "TimeStatsGenerator" => Arc::new(PerFeature(TimeGenerator {
            least_values: least(100),
            match_share: share(0.8),
        })),
        "NLDomainInferringStatsGenerator" => {
            let mut language = LanguageGenerator {
                least_values: least(100),
                match_share: share(0.8),
                ..LanguageGenerator::default()
            };
            // A judgement given by the test: its own fake one, which knows one word.
            if !generator["args"][0].is_null() {
                language.prose = Arc::new(|value, _| value == "MATCH");
            }
            Arc::new(PerFeature(language))
        }
        "ImageStatsGenerator" => Arc::new(PerFeature(ImageGenerator {
            least_values: least(100),
            match_share: arguments["is_image_ratio_threshold"]
                .as_f64()
                .unwrap_or(0.8),
            sizes: arguments["enable_size_stats"] == true,
            reader: Arc::new(WrittenImages),
        })),
        "EmptyValueCounterGenerator" => Arc::new(PerFeature(EmptyValueGenerator)),
        "NLStatsGenerator" => {
            let schema: Option<Schema> =
                message(&arguments["schema"]).or_else(|| message(&generator["args"][0]));
            let files = [&arguments["vocab_paths"], &generator["args"][1]];
            let vocabularies: BTreeMap<String, Vocabulary> = files
                .into_iter()
                .filter_map(Value::as_object)
                .flatten()
                .map(|(name, file)| {
                    (
                        name.clone(),
                        Vocabulary::new(text(file, "file_text").lines()),
                    )
                })
                .collect();
            let language = NaturalLanguageGenerator::new(
                &asked(schema.unwrap_or_default(), &vocabularies),
                &vocabularies,
                options,
            );
            Arc::new(PerFeature(language.unwrap()))
        }
        other => panic!("no statistic for {other}"),
    }
}

/// The schema without the features whose vocabulary a case does not give: TFDV asks for
/// it when a value comes.
fn asked(mut schema: Schema, vocabularies: &BTreeMap<String, Vocabulary>) -> Schema {
    use driftline_schema::tfmd::feature::DomainInfo;
    schema.feature.retain(|feature| match &feature.domain_info {
        Some(DomainInfo::NaturalLanguageDomain(domain)) => {
            let name = domain.vocabulary();
            name.is_empty() || vocabularies.contains_key(name)
        }
        _ => true,
    });
    schema
}

/// Buckets that a case gives by place or by name; 0 is none.
fn buckets(case: &Value) -> FeatureOptions {
    let generator = &case["generator"];
    let mut options = options_of(&generator["kwargs"]);
    let at = |place: usize| generator["args"][place].as_u64().map(|n| n as usize);
    if let (Some(standard), Some(quantile), Some(rank)) = (at(2), at(3), at(4)) {
        options.standard_buckets = standard;
        options.quantile_buckets = quantile;
        options.rank_buckets = rank;
    }
    options
}

pub(crate) fn check(case: &Value) -> Vec<String> {
    let path = case["feature_path"]["path"][0].as_str().unwrap_or_default();
    let named = |batch: &RecordBatch| {
        let column = batch.column(0);
        let field = Field::new(path, column.data_type().clone(), true);
        let schema = Arc::new(ArrowSchema::new(vec![field]));
        RecordBatch::try_new(schema, vec![Arc::clone(column)]).unwrap()
    };
    let mut batches: Vec<RecordBatch> = batches(&case["input_arrays"]).iter().map(named).collect();
    if batches.is_empty() {
        // A feature that is known and has no rows.
        let nothing: arrow_array::ArrayRef = Arc::new(arrow_array::NullArray::new(0));
        batches.push(RecordBatch::try_from_iter([(path, nothing)]).unwrap());
    }
    let buckets = buckets(case);
    let options = FeatureOptions {
        basic: false,
        tokens: false,
        generators: vec![generator(case, &buckets)],
        ..buckets
    };
    let found = compute(options, &batches).features.into_iter().next();
    let mut found = found.unwrap_or_default();
    found.field_id = None;
    let expected: FeatureNameStatistics = message(&case["expected_result"]).unwrap();
    differences(&found, &expected)
}
