//! Statistics against a schema: TFDV's anomalies.
//!
//! For each feature a copy of the schema is made to fit ([`Draft`]); the reasons of the
//! changes are its anomaly. A copy holds only what its feature can touch, the feature
//! and the string domains that it names, so that the time of a validation is that of
//! the features, and not of their square.

mod diff_regions;
mod parts;

use self::parts::Parts;
use super::anomalies::{AnomalyNameFormat, BaselineSchema};
use super::anomaly_info::{Reason, Severity, Type};
use super::data_validation::{FeatureStatisticsToProtoConfig, ValidationConfig};
use super::draft::{Draft, Findings, required};
use super::feature::DomainInfo;
use super::lookup::first_if_all_new;
use super::path::FeaturePath;
use super::reason::{graver, reason};
use super::rules::{Rules, repair_config};
use super::view::{DatasetView, FeatureView};
use super::{Anomalies, AnomalyInfo, DatasetFeatureStatistics, DriftSkewInfo, Feature, Schema};
use crate::SchemaError;
use std::collections::{BTreeMap, BTreeSet};

/// What a validation compares with, and how; by default with nothing.
#[derive(Clone, Copy, Default)]
pub struct Inputs<'a> {
    /// The environment; features outside it are not expected.
    pub environment: Option<&'a str>,
    /// The span before: drift.
    pub previous_span: Option<&'a DatasetFeatureStatistics>,
    /// An earlier version of the same span.
    pub previous_version: Option<&'a DatasetFeatureStatistics>,
    /// What is served: skew.
    pub serving: Option<&'a DatasetFeatureStatistics>,
    /// The new features that are anomalies; all where absent or empty.
    pub features_needed: Option<&'a BTreeSet<FeaturePath>>,
    /// Severities.
    pub config: Option<&'a ValidationConfig>,
    /// Whether each anomaly shows the repaired schema beside the given one.
    pub diff_regions: bool,
}

/// Checks statistics against a schema.
///
/// Statistics of no example give `data_missing` and nothing else. Counts are compared by
/// weight where every feature has weighted counts.
///
/// # Errors
/// [`SchemaError::Statistics`] for statistics that contradict themselves,
/// [`SchemaError::Environment`] for an environment that the schema never mentions.
///
/// TFDV's `validate_statistics`; the definition of each anomaly is with its check.
pub fn validate(
    statistics: &DatasetFeatureStatistics,
    schema: &Schema,
    inputs: &Inputs<'_>,
) -> Result<Anomalies, SchemaError> {
    let config = repair_config(inputs.config.unwrap_or(&ValidationConfig::default()));
    let view = DatasetView::new(statistics)?;
    let by_weight = view.has_weights();
    if let Some(environment) = inputs.environment {
        check_environment(schema, environment)?;
    }
    if statistics.num_examples == 0 {
        return Ok(Anomalies {
            baseline_schema: Some(BaselineSchema::Baseline(schema.clone())),
            data_missing: Some(true),
            ..Anomalies::default()
        });
    }
    let control = |statistics: Option<_>| -> Result<Option<DatasetView<'_>>, SchemaError> {
        statistics
            .map(|statistics| {
                Ok(DatasetView::new(statistics)?
                    .by_weight(by_weight)
                    .in_environment(inputs.environment))
            })
            .transpose()
    };
    let view = view
        .by_weight(by_weight)
        .in_environment(inputs.environment)
        .after(control(inputs.previous_span)?)
        .instead_of(control(inputs.previous_version)?)
        .served_by(control(inputs.serving)?);
    let mut validation = Validation::new(schema.clone(), inputs.diff_regions);
    let needed = inputs.features_needed.filter(|needed| !needed.is_empty());
    validation.find_changes(&view, needed, &config);
    Ok(validation.into_anomalies())
}

/// A name that no part of the schema mentions is a mistake: every feature would be out.
pub(crate) fn check_environment(schema: &Schema, environment: &str) -> Result<(), SchemaError> {
    fn mention<'s>(features: &'s [Feature], into: &mut BTreeSet<&'s str>) {
        for feature in features {
            into.extend(feature.in_environment.iter().map(String::as_str));
            into.extend(feature.not_in_environment.iter().map(String::as_str));
            if let Some(DomainInfo::StructDomain(fields)) = &feature.domain_info {
                mention(&fields.feature, into);
            }
        }
    }
    let mut known: BTreeSet<&str> = schema
        .default_environment
        .iter()
        .map(String::as_str)
        .collect();
    mention(&schema.feature, &mut known);
    if known.contains(environment) {
        return Ok(());
    }
    Err(SchemaError::Environment {
        environment: environment.to_owned(),
        known: known.into_iter().map(str::to_owned).collect(),
    })
}

/// What is wrong with one feature, or with the dataset, and the copy that fits.
#[derive(Default)]
struct Anomaly {
    draft: Draft,
    reasons: Vec<Reason>,
    severity: Severity,
}

impl Anomaly {
    fn add(&mut self, reasons: Vec<Reason>, severity: Severity) {
        self.reasons.extend(reasons);
        self.severity = graver(self.severity, severity);
    }

    /// The anomaly in TFDV's words.
    ///
    /// A new feature with fields is one reason, not one for each field.
    fn into_info(self, path: Option<&FeaturePath>, baseline: Option<&Schema>) -> AnomalyInfo {
        let reasons = first_if_all_new(&self.reasons).to_vec();
        let (short_description, description) = summary(&reasons);
        AnomalyInfo {
            path: path.map(FeaturePath::to_message),
            severity: Some(self.severity.into()),
            description: Some(description),
            short_description: Some(short_description),
            diff_regions: baseline
                .map(|baseline| diff_regions::between(baseline, self.draft.schema()))
                .unwrap_or_default(),
            reason: reasons,
        }
    }
}

/// Several reasons as one. A reason without a long description gives way to the others.
pub(super) fn summary(reasons: &[Reason]) -> (String, String) {
    let mut summary = (String::new(), String::new());
    for reason in reasons {
        let next = (reason.short_description(), reason.description());
        summary = if summary.1.is_empty() {
            (next.0.to_owned(), next.1.to_owned())
        } else if next.1.is_empty() {
            summary
        } else {
            (
                "Multiple errors".to_owned(),
                format!("{} {}", summary.1, next.1),
            )
        };
    }
    summary
}

/// The anomalies of a schema, found in one or several walks.
pub struct Validation {
    baseline: Schema,
    parts: Parts,
    whole_drafts: bool,
    anomalies: BTreeMap<FeaturePath, Anomaly>,
    dataset: Option<Anomaly>,
    drift_skew: BTreeMap<FeaturePath, DriftSkewInfo>,
}

impl Validation {
    /// Diff regions need whole copies of the schema, which cost time and memory for each
    /// feature that has an anomaly.
    pub fn new(baseline: Schema, diff_regions: bool) -> Self {
        Self {
            parts: Parts::of(&baseline),
            baseline,
            whole_drafts: diff_regions,
            anomalies: BTreeMap::new(),
            dataset: None,
            drift_skew: BTreeMap::new(),
        }
    }

    /// Finds everything that does not fit. `needed` are the new features that matter.
    pub fn find_changes(
        &mut self,
        view: &DatasetView<'_>,
        needed: Option<&BTreeSet<FeaturePath>>,
        config: &FeatureStatisticsToProtoConfig,
    ) {
        let rules = Rules::new(config);
        for root in view.roots() {
            self.find_recursively(root, needed, &rules);
        }
        for path in required(&self.baseline, view.environment()) {
            if !view.has(&path) {
                self.observe_missing(&path, &rules);
            }
        }
        let mut dataset = Anomaly {
            draft: Draft::new(self.baseline_for_dataset()),
            ..Anomaly::default()
        };
        let reasons = dataset.draft.update_dataset(view);
        if !reasons.is_empty() {
            // Overrides are of features; a dataset's anomaly is an error.
            dataset.add(reasons, Severity::Error);
            self.dataset = Some(dataset);
        }
    }

    /// Compares with what is served, and checks nothing else.
    pub fn find_skew(&mut self, view: &DatasetView<'_>) {
        for feature in view.features() {
            let path = feature.path();
            self.change(path, |anomaly| {
                let comparison = anomaly.draft.update_skew(feature);
                if !comparison.reasons.is_empty() {
                    anomaly.add(comparison.reasons, Severity::Error);
                }
                (!comparison.measurements.is_empty()).then(|| DriftSkewInfo {
                    path: Some(path.to_message()),
                    skew_measurements: comparison.measurements,
                    ..DriftSkewInfo::default()
                })
            });
        }
    }

    fn find_recursively(
        &mut self,
        view: FeatureView<'_>,
        needed: Option<&BTreeSet<FeaturePath>>,
        rules: &Rules,
    ) {
        let path = view.path();
        let draft = self.draft(path);
        if draft.has(path) {
            if draft.is_deprecated(path) {
                return;
            }
            self.change(path, |anomaly| {
                let Findings {
                    reasons,
                    severity,
                    drift_skew,
                } = anomaly.draft.update_feature(rules, view);
                anomaly.add(reasons, severity);
                drift_skew
            });
            let out_of_use = self
                .anomalies
                .get(path)
                .is_some_and(|anomaly| anomaly.draft.is_deprecated(path));
            if !out_of_use {
                for child in view.children() {
                    self.find_recursively(child, needed, rules);
                }
            }
        } else if needed.is_none_or(|needed| needed.contains(path)) {
            let anomaly = self
                .anomalies
                .entry(path.clone())
                .or_insert_with(|| Anomaly {
                    draft,
                    ..Anomaly::default()
                });
            let findings = anomaly.draft.update_recursively(rules, view, needed);
            anomaly.add(findings.reasons, findings.severity);
        }
    }

    fn observe_missing(&mut self, path: &FeaturePath, rules: &Rules) {
        self.change(path, |anomaly| {
            anomaly.reasons.push(reason(
                Type::SchemaMissingColumn,
                "Column dropped",
                "Column is completely missing",
            ));
            let severity = rules.severity(&anomaly.reasons);
            anomaly.severity = graver(anomaly.severity, severity);
            anomaly.draft.deprecate(path);
            None
        });
    }

    /// Changes the anomaly of a path, or makes one, which is kept where it has a reason.
    fn change(
        &mut self,
        path: &FeaturePath,
        change: impl FnOnce(&mut Anomaly) -> Option<DriftSkewInfo>,
    ) {
        let drift_skew = if let Some(anomaly) = self.anomalies.get_mut(path) {
            change(anomaly)
        } else {
            let mut anomaly = Anomaly {
                draft: self.draft(path),
                ..Anomaly::default()
            };
            let drift_skew = change(&mut anomaly);
            // What is overridden to no severity is no problem.
            if anomaly.severity != Severity::Unknown {
                self.anomalies.insert(path.clone(), anomaly);
            }
            drift_skew
        };
        if let Some(found) = drift_skew {
            let info = self
                .drift_skew
                .entry(path.clone())
                .or_insert_with(|| DriftSkewInfo {
                    path: Some(path.to_message()),
                    ..DriftSkewInfo::default()
                });
            info.drift_measurements.extend(found.drift_measurements);
            info.skew_measurements.extend(found.skew_measurements);
        }
    }

    /// The copy of the schema that the check of a path changes.
    fn draft(&self, path: &FeaturePath) -> Draft {
        Draft::new(if self.whole_drafts {
            self.baseline.clone()
        } else {
            self.parts.for_path(&self.baseline, path)
        })
    }

    fn baseline_for_dataset(&self) -> Schema {
        if self.whole_drafts {
            return self.baseline.clone();
        }
        Schema {
            dataset_constraints: self.baseline.dataset_constraints,
            ..Schema::default()
        }
    }

    /// Everything that was found.
    pub fn into_anomalies(self) -> Anomalies {
        let shown = self.whole_drafts.then_some(&self.baseline);
        let anomaly_info = self
            .anomalies
            .into_iter()
            .map(|(path, anomaly)| {
                let info = anomaly.into_info(Some(&path), shown);
                (path.to_string(), info)
            })
            .collect();
        let dataset_anomaly_info = self.dataset.map(|anomaly| anomaly.into_info(None, shown));
        Anomalies {
            anomaly_name_format: Some(AnomalyNameFormat::SerializedPath.into()),
            anomaly_info,
            dataset_anomaly_info,
            drift_skew_info: self.drift_skew.into_values().collect(),
            baseline_schema: Some(BaselineSchema::Baseline(self.baseline)),
            ..Anomalies::default()
        }
    }
}
