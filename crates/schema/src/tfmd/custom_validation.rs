//! Validations of one's own, in SQL over the statistics of a feature.
//!
//! TFDV's `CustomValidationConfig` names features and expressions such as
//! `feature.num_stats.num_zeros < 3`; one that is false is an anomaly of type
//! `CUSTOM_VALIDATION` with the severity and words of the configuration. This crate
//! evaluates no SQL: [`questions`] says what must be asked of which values, and
//! [`answered`] what the answers mean.
//!
//! The meaning is that of TFDV 1.16 (`custom_validation.cc`, `validation_api.py`), but for
//! pairs: there TFDV reports every validation of a pair, whether its expression is true or
//! not. Here a pair is an anomaly where the expression is false, as for a single feature.

mod values;

pub use values::{Shape, ShapeKind, statistics_shape};

use super::anomaly_info::{Reason, Severity, Type};
use super::data_validation::{CustomValidationConfig, Validation};
use super::path::FeaturePath;
use super::reason::{graver, reason};
use super::view::DEFAULT_SLICE;
use super::{
    Anomalies, AnomalyInfo, DatasetFeatureStatistics, DatasetFeatureStatisticsList,
    FeatureNameStatistics, Path, feature_name_statistics::FieldId,
};
use crate::{Anomaly, AnomalyType, SchemaError};
use serde_json::Value;

/// What TFDV calls an anomaly of several reasons.
const SEVERAL: &str = "Multiple errors";

/// An expression that must be evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// The expression of SQL, true or false.
    pub sql: String,
    /// The statistics that it names, each of the shape of [`statistics_shape`]: `feature`, or
    /// `feature_test` and `feature_base`.
    pub statistics: Vec<(&'static str, Value)>,
    path: Path,
    severity: Severity,
    reason: Reason,
}

/// The expressions that a configuration asks of statistics in an environment; `base` are
/// the statistics that pairs compare with.
///
/// # Errors
/// [`SchemaError::CustomValidation`] for a slice or a feature that is not there, and for
/// pairs without `base`.
pub fn questions(
    config: &CustomValidationConfig,
    statistics: &DatasetFeatureStatisticsList,
    base: Option<&DatasetFeatureStatisticsList>,
    environment: Option<&str>,
) -> Result<Vec<Question>, SchemaError> {
    let mut asked = Vec::new();
    for about in &config.feature_validations {
        let slice = about.dataset_name();
        let path = about.feature_path.clone().unwrap_or_default();
        let feature = values::of(feature(statistics, slice, &path)?);
        for validation in about.validations.iter().filter(|v| is_in(v, environment)) {
            asked.push(Question {
                sql: validation.sql_expression().to_owned(),
                statistics: vec![("feature", feature.clone())],
                path: path.clone(),
                severity: validation.severity(),
                reason: broken(validation, slice, None),
            });
        }
    }
    for pair in &config.feature_pair_validations {
        let base = base.ok_or_else(|| SchemaError::CustomValidation {
            reason: "it compares pairs of features, and there is nothing to compare with".into(),
            help: "name the other statistics with `--previous`".into(),
        })?;
        let slice = pair.dataset_name();
        let path = pair.feature_test_path.clone().unwrap_or_default();
        let base_slice = pair.base_dataset_name();
        let base_path = pair.feature_base_path.clone().unwrap_or_default();
        let test = values::of(feature(statistics, slice, &path)?);
        let other = values::of(feature(base, base_slice, &base_path)?);
        for validation in pair.validations.iter().filter(|v| is_in(v, environment)) {
            asked.push(Question {
                sql: validation.sql_expression().to_owned(),
                statistics: vec![
                    ("feature_test", test.clone()),
                    ("feature_base", other.clone()),
                ],
                path: path.clone(),
                severity: validation.severity(),
                reason: broken(validation, slice, Some((base_slice, &base_path))),
            });
        }
    }
    Ok(asked)
}

/// Adds what is false to anomalies, which may be those of a validation by schema. There is
/// one answer for each question.
pub fn answered(anomalies: &mut Anomalies, questions: &[Question], answers: &[bool]) {
    let broken = questions.iter().zip(answers).filter(|(_, holds)| !**holds);
    for (question, _) in broken {
        let key = FeaturePath::from(&question.path).to_string();
        let info = anomalies
            .anomaly_info
            .entry(key)
            .or_insert_with(|| AnomalyInfo {
                path: Some(question.path.clone()),
                severity: Some(question.severity.into()),
                ..AnomalyInfo::default()
            });
        let severity = graver(info.severity(), question.severity);
        info.severity = Some(severity.into());
        info.reason.push(question.reason.clone());
        let descriptions: Vec<&str> = info.reason.iter().map(Reason::description).collect();
        info.description = Some(descriptions.join(" "));
        info.short_description = Some(match info.reason.as_slice() {
            [only] => only.short_description().to_owned(),
            _ => SEVERAL.to_owned(),
        });
    }
}

/// What is false as anomalies of its own, one for each question.
pub fn anomalies(questions: &[Question], answers: &[bool]) -> Vec<Anomaly> {
    let broken = questions.iter().zip(answers).filter(|(_, holds)| !**holds);
    broken
        .map(|(question, _)| Anomaly {
            constraint: Some(question.sql.clone()),
            ..Anomaly::new(
                AnomalyType::CustomValidation,
                Some(FeaturePath::from(&question.path).to_string()),
                match question.severity {
                    Severity::Warning => crate::Severity::Warning,
                    // What states no severity is an error, as everything else is.
                    Severity::Error | Severity::Unknown => crate::Severity::Error,
                },
                question.reason.short_description(),
                format!(
                    "{}: {}",
                    question.reason.short_description(),
                    question.reason.description()
                ),
            )
        })
        .collect()
}

/// The reason of an anomaly, in TFDV's words.
fn broken(validation: &Validation, slice: &str, base: Option<(&str, &Path)>) -> Reason {
    let mut words = format!(
        "Custom validation triggered anomaly. Query: {} Test dataset: {}",
        validation.sql_expression(),
        if slice.is_empty() {
            "default slice"
        } else {
            slice
        },
    );
    if let Some((slice, path)) = base {
        words.push_str(&format!(
            " Base dataset: {slice} Base path: {}",
            FeaturePath::from(path)
        ));
    }
    reason(Type::CustomValidation, validation.description(), words)
}

/// Whether a validation is for this environment: one that names none is for all.
fn is_in(validation: &Validation, environment: Option<&str>) -> bool {
    validation.in_environment.is_empty()
        || environment.is_some_and(|here| validation.in_environment.iter().any(|e| e == here))
}

fn feature<'s>(
    list: &'s DatasetFeatureStatisticsList,
    slice: &str,
    path: &Path,
) -> Result<&'s FeatureNameStatistics, SchemaError> {
    let not_there = |reason: String, help: String| SchemaError::CustomValidation { reason, help };
    let named = |name: &str| list.datasets.iter().rfind(|dataset| dataset.name == name);
    let dataset = named(slice).or_else(|| match (slice, list.datasets.as_slice()) {
        ("", [only]) => Some(only),
        ("", _) => named(DEFAULT_SLICE),
        _ => None,
    });
    let dataset: &DatasetFeatureStatistics = dataset.ok_or_else(|| {
        let there: Vec<&str> = list.datasets.iter().map(|d| d.name.as_str()).collect();
        not_there(
            format!("the statistics have no slice `{slice}`"),
            format!("they have {}", there.join(", ")),
        )
    })?;
    let wanted = FeaturePath::from(path);
    let is_wanted = |feature: &&FeatureNameStatistics| match &feature.field_id {
        Some(FieldId::Path(path)) => FeaturePath::from(path) == wanted,
        Some(FieldId::Name(name)) => FeaturePath::new([name.clone()]) == wanted,
        None => wanted.is_empty(),
    };
    let found = dataset.features.iter().rfind(is_wanted);
    found.ok_or_else(|| {
        not_there(
            format!("the statistics have no feature `{wanted}`"),
            "write its path as the statistics have it".into(),
        )
    })
}
