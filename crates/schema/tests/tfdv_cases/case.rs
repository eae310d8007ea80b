//! One case: what goes in, what has to come out.

use crate::messages::{close, difference, read};
use driftline_schema::tfmd::{
    Anomalies, DatasetFeatureStatistics, DatasetFeatureStatisticsList, DatasetView, FeaturePath,
    HistogramSelection, Inputs, Schema, Scope, Validation,
    data_validation::{FeatureStatisticsToProtoConfig, ValidationConfig},
    distance, histogram_selection, infer, inference_config, of_all_examples, update, validate,
};
use serde_json::Value;
use std::collections::BTreeSet;

/// A case, and how the statistics of another case are found by their id.
pub(crate) struct Case<'c> {
    pub(crate) value: &'c Value,
    pub(crate) statistics_of: &'c dyn Fn(&str) -> Option<String>,
}

impl Case<'_> {
    pub(crate) fn id(&self) -> &str {
        self.text("id").unwrap_or("?")
    }

    fn text(&self, key: &str) -> Option<&str> {
        self.value.get(key)?.as_str()
    }

    /// Whether the expectation is in dispute between TFDV's tests and its release.
    pub(crate) fn counts(&self) -> bool {
        self.value["oracle"]["agree"] != Value::Bool(false)
    }

    /// Runs it; `Err` says what differs.
    pub(crate) fn run(&self) -> Result<(), String> {
        match self.text("kind") {
            Some("validate" | "drift" | "skew") => self.validate(),
            Some("validate-sequence") => self.validate_sequence(),
            Some("infer") => self.schema(true),
            Some("update") => self.schema(false),
            Some("distance") => self.distance(),
            Some("schema-roundtrip") => self.round_trip(),
            kind => Err(format!("kind {kind:?} is not known")),
        }
    }

    fn statistics(
        &self,
        text: &str,
        reference: &str,
    ) -> Result<Option<DatasetFeatureStatistics>, String> {
        let text = match (self.text(text), self.text(reference)) {
            (Some(text), _) => text.to_owned(),
            (None, Some(id)) => {
                (self.statistics_of)(id).ok_or_else(|| format!("no statistics {id}"))?
            }
            (None, None) => return Ok(None),
        };
        if let Ok(list) = read::<DatasetFeatureStatisticsList>(&text)
            && !list.datasets.is_empty()
        {
            return of_all_examples(&list)
                .cloned()
                .map(Some)
                .map_err(|error| error.to_string());
        }
        read(&text).map(Some)
    }

    fn config(&self) -> Result<FeatureStatisticsToProtoConfig, String> {
        config(self.value)
    }

    fn validate(&self) -> Result<(), String> {
        let schema: Schema = read(self.text("schema_pbtxt").unwrap_or(""))?;
        let mut statistics = self
            .statistics("statistics_pbtxt", "statistics_ref")?
            .unwrap_or_default();
        if let Some(examples) = self.value["oracle"]["num_examples_set"].as_u64()
            && statistics.num_examples == 0
        {
            statistics.num_examples = examples;
        }
        let previous = self.statistics("previous_span_statistics_pbtxt", "previous_ref")?;
        let version = self.statistics("previous_version_statistics_pbtxt", "")?;
        let serving = self.statistics("serving_statistics_pbtxt", "serving_ref")?;
        let needed = features_needed(self.value)?;
        let validation = validation_config(self.value)?;
        // What was skipped without examples is only told by the function under test.
        if self.text("entry") == Some("FindChanges") && !self.value["oracle"]["note"].is_null() {
            return self.find_changes(schema);
        }
        let found = validate(
            &statistics,
            &schema,
            &Inputs {
                environment: self.text("environment"),
                previous_span: previous.as_ref(),
                previous_version: version.as_ref(),
                serving: serving.as_ref(),
                features_needed: needed.as_ref(),
                config: Some(&validation),
                diff_regions: false,
            },
        )
        .map_err(|error| error.to_string())?;
        let expected: Anomalies = read(self.text("expected_anomalies_pbtxt").unwrap_or(""))?;
        compare(&expected, &found, &self.value["expected_complete"])
    }

    fn find_changes(&self, schema: Schema) -> Result<(), String> {
        let statistics = self
            .statistics("statistics_pbtxt", "statistics_ref")?
            .unwrap_or_default();
        let view = DatasetView::new(&statistics).map_err(|error| error.to_string())?;
        let mut validation = Validation::new(schema, false);
        validation.find_changes(
            &view,
            features_needed(self.value)?.as_ref(),
            &self.config()?,
        );
        let expected: Anomalies = read(self.text("expected_anomalies_pbtxt").unwrap_or(""))?;
        compare(
            &expected,
            &validation.into_anomalies(),
            &self.value["expected_complete"],
        )
    }

    fn validate_sequence(&self) -> Result<(), String> {
        let schema: Schema = read(self.text("schema_pbtxt").unwrap_or(""))?;
        let mut validation = Validation::new(schema, false);
        for step in self.value["sequence"].as_array().into_iter().flatten() {
            let statistics: DatasetFeatureStatistics =
                read(step["statistics_pbtxt"].as_str().unwrap_or(""))?;
            let view = DatasetView::new(&statistics).map_err(|error| error.to_string())?;
            let needed = features_needed(step)?;
            validation.find_changes(&view, needed.as_ref(), &config(step)?);
        }
        let expected: Anomalies = read(self.text("expected_anomalies_pbtxt").unwrap_or(""))?;
        let parts = serde_json::json!(["anomaly_info", "drift_skew_info"]);
        compare(&expected, &validation.into_anomalies(), &parts)
    }

    fn schema(&self, from_nothing: bool) -> Result<(), String> {
        let schema: Schema = read(self.text("schema_pbtxt").unwrap_or(""))?;
        let statistics = self
            .statistics("statistics_pbtxt", "statistics_ref")?
            .unwrap_or_default();
        let config = match self.value["max_string_domain_size"].as_u64() {
            Some(size) => inference_config(
                u32::try_from(size).map_err(|error| error.to_string())?,
                from_nothing && self.value["infer_feature_shape"] != Value::Bool(false),
            ),
            None => self.config()?,
        };
        let paths = paths(&self.value["paths_to_consider"])?;
        let found = if from_nothing && schema == Schema::default() {
            infer(&statistics, &config)
        } else {
            update(
                &schema,
                &statistics,
                &config,
                &Scope {
                    paths: paths.as_ref(),
                    environment: self.text("environment"),
                },
            )
        }
        .map_err(|error| error.to_string())?;
        let expected: Schema = read(self.text("expected_schema_pbtxt").unwrap_or(""))?;
        difference(&expected, &found).map_or(Ok(()), Err)
    }

    fn distance(&self) -> Result<(), String> {
        let side = |text: &str, ranks: &str| -> Result<DatasetFeatureStatistics, String> {
            let feature = match (self.text(text), self.value[ranks].as_object()) {
                (Some(text), _) => read(text)?,
                (None, Some(ranks)) => {
                    let buckets: String = ranks
                        .iter()
                        .map(|(label, count)| {
                            format!("buckets {{ label: {label:?} sample_count: {count} }}")
                        })
                        .collect();
                    read(&format!(
                        "name: 'a' type: STRING string_stats {{ rank_histogram {{ {buckets} }} }}"
                    ))?
                }
                (None, None) => return Err(format!("neither {text} nor {ranks}")),
            };
            Ok(DatasetFeatureStatistics {
                features: vec![feature],
                ..DatasetFeatureStatistics::default()
            })
        };
        let a = side("feature_a_pbtxt", "rank_a")?;
        let b = side("feature_b_pbtxt", "rank_b")?;
        let a = DatasetView::new(&a).map_err(|error| error.to_string())?;
        let b = DatasetView::new(&b).map_err(|error| error.to_string())?;
        let (Some(a), Some(b)) = (a.features().next(), b.features().next()) else {
            return Err("a side has no feature".to_owned());
        };
        let mut source = HistogramSelection::default();
        if self.text("histogram") == Some("QUANTILES") {
            source.set_type(histogram_selection::Type::Quantiles);
        }
        let found = match self.text("metric") {
            Some("L_INFTY") => distance::l_infinity(a, b).distance,
            Some("NORMALIZED_ABSOLUTE_DIFFERENCE") => {
                distance::normalized_absolute_difference(a, b).distance
            }
            Some("JENSEN_SHANNON_DIVERGENCE") => {
                distance::jensen_shannon(a, b, source).map_err(|error| error.to_string())?
            }
            metric => return Err(format!("metric {metric:?} is not known")),
        };
        let expected = self.value["expected"].as_f64().unwrap_or(f64::NAN);
        let tolerance = self.value["tolerance"].as_f64().unwrap_or(0.0);
        if (expected - found).abs() <= tolerance || close(expected, found, 1e-6) {
            Ok(())
        } else {
            Err(format!("expected {expected}, found {found}"))
        }
    }

    fn round_trip(&self) -> Result<(), String> {
        let schema: Schema = read(self.text("schema_pbtxt").unwrap_or(""))?;
        let expected: Schema = read(self.text("expected_schema_pbtxt").unwrap_or(""))?;
        let unchanged = update(
            &schema,
            &DatasetFeatureStatistics::default(),
            &FeatureStatisticsToProtoConfig::default(),
            &Scope {
                paths: Some(&BTreeSet::new()),
                environment: None,
            },
        )
        .map_err(|error| error.to_string())?;
        difference(&expected, &unchanged).map_or(Ok(()), Err)
    }
}

fn config(value: &Value) -> Result<FeatureStatisticsToProtoConfig, String> {
    read(
        value["config"]["FeatureStatisticsToProtoConfig"]
            .as_str()
            .unwrap_or(""),
    )
}

/// What of a case's configuration concerns validation.
#[expect(deprecated, reason = "the cases use `new_features_are_warnings`")]
fn validation_config(value: &Value) -> Result<ValidationConfig, String> {
    if let Some(text) = value["config"]["ValidationConfig"].as_str() {
        return read(text);
    }
    let config = config(value)?;
    let mut validation = ValidationConfig {
        new_features_are_warnings: config.new_features_are_warnings,
        severity_overrides: config.severity_overrides,
    };
    if value["validation_options"]["new_features_are_warnings"] == Value::Bool(true) {
        validation.new_features_are_warnings = Some(true);
    }
    Ok(validation)
}

fn paths(value: &Value) -> Result<Option<BTreeSet<FeaturePath>>, String> {
    let Some(paths) = value.as_array() else {
        return Ok(None);
    };
    paths
        .iter()
        .map(|steps| {
            let steps: Vec<String> =
                serde_json::from_value(steps.clone()).map_err(|error| error.to_string())?;
            Ok(FeaturePath::new(steps))
        })
        .collect::<Result<_, String>>()
        .map(Some)
}

fn features_needed(value: &Value) -> Result<Option<BTreeSet<FeaturePath>>, String> {
    if let Some(recorded) = value["validation_options"]["features_needed"].as_object() {
        // The keys are themselves JSON: {"path": [step, ...]}.
        return recorded
            .keys()
            .map(|key| {
                let key: Value = serde_json::from_str(key).map_err(|error| error.to_string())?;
                let steps: Vec<String> = serde_json::from_value(key["path"].clone())
                    .map_err(|error| error.to_string())?;
                Ok(FeaturePath::new(steps))
            })
            .collect::<Result<_, String>>()
            .map(Some);
    }
    paths(&value["features_needed"])
}

/// Compares the parts of the anomalies that the case is complete in.
fn compare(expected: &Anomalies, found: &Anomalies, complete: &Value) -> Result<(), String> {
    let part = |anomalies: &Anomalies, name: &str| {
        let mut part = Anomalies::default();
        match name {
            "anomaly_info" => part.anomaly_info.clone_from(&anomalies.anomaly_info),
            "drift_skew_info" => part.drift_skew_info.clone_from(&anomalies.drift_skew_info),
            "dataset_anomaly_info" => part
                .dataset_anomaly_info
                .clone_from(&anomalies.dataset_anomaly_info),
            _ => part = anomalies.clone(),
        }
        part
    };
    for name in complete.as_array().into_iter().flatten() {
        let name = name.as_str().unwrap_or("all");
        if let Some(difference) = difference(&part(expected, name), &part(found, name)) {
            return Err(format!("{name}: {difference}"));
        }
    }
    Ok(())
}
