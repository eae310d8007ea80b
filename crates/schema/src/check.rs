//! Data checked against a schema by TFDV's engine, with Driftline's own keys beside it.
//!
//! Whatever TensorFlow Metadata has words for is checked by [`tfmd::validate`] on
//! statistics, so that a source and its statistics give the same anomalies in the same
//! words. What it has no words for (lengths of strings, times, dates) is checked on
//! profiles of the columns that [`own_part`] names. What neither can tell is told as
//! [`Unevaluated`]: a constraint that nobody looked at is never a pass.
//!
//! | what | file |
//! |---|---|
//! | whether profiles are enough for a schema | `beyond` |
//! | the schema that TFDV's engine gets | `theirs` |
//! | what is left for profiles and exact numbers | `own` |
//! | limits, counts and values behind an anomaly | `evidence` |
//! | what nobody could tell | `unevaluated` |

mod beyond;
mod evidence;
mod own;
mod theirs;
mod unevaluated;

pub(crate) use beyond::is_list;
pub use beyond::needs_statistics;
pub use own::{in_environment, own_part};
pub use theirs::claims;
pub use unevaluated::Unevaluated;

use crate::{
    Anomaly, AnomalyType, Schema, SchemaError, Severity,
    tfmd::{
        self, Anomalies, DatasetFeatureStatistics, DatasetView, FeaturePath, Inputs,
        anomaly_info::{self, Reason},
        data_validation::{SeverityOverride, ValidationConfig},
    },
};
use driftline_statistics::{ColumnProfile, ValueType};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of the data.
#[derive(Clone, Copy)]
pub struct Data<'a> {
    /// Its statistics.
    pub statistics: &'a DatasetFeatureStatistics,
    /// The type of each column; empty where only statistics are known.
    pub types: &'a BTreeMap<String, ValueType>,
    /// Features of types that have no statistics, such as times.
    pub skipped: &'a BTreeSet<FeaturePath>,
    /// Profiles of the columns that [`own_part`] asks for.
    pub profiles: &'a [(String, &'a ColumnProfile)],
}

/// What a check found.
#[derive(Debug, Clone, PartialEq)]
pub struct Checked {
    /// Every broken constraint: of the rows as a whole, of the schema's columns in its
    /// order, of new columns.
    pub anomalies: Vec<Anomaly>,
    /// Constraints that could not be checked.
    pub unevaluated: Vec<Unevaluated>,
    /// The anomalies as TFDV has them.
    pub tfdv: Anomalies,
}

/// Checks data against a schema.
///
/// # Errors
/// Those of [`tfmd::validate`].
pub fn check(
    schema: &Schema,
    data: &Data<'_>,
    inputs: &Inputs<'_>,
) -> Result<Checked, SchemaError> {
    let theirs = theirs::schema(schema, data);
    let config = severities(schema, inputs.config);
    let tfdv = tfmd::validate(
        data.statistics,
        &theirs,
        &Inputs {
            config: Some(&config),
            ..*inputs
        },
    )?;
    if tfdv.data_missing() {
        return Ok(Checked {
            anomalies: crate::validate(schema, &[], 0),
            unevaluated: Vec::new(),
            tfdv,
        });
    }
    let view = DatasetView::new(data.statistics)?;
    let mut anomalies: Vec<Anomaly> = listed(&tfdv, schema, inputs.config)
        .into_iter()
        .filter(|anomaly| !own::is_left_open(schema, data, anomaly))
        .map(|anomaly| evidence::add(anomaly, &theirs, &view, &tfdv))
        .collect();
    let own = own::check(schema, data, inputs, &view);
    let known: BTreeSet<(Option<String>, AnomalyType)> = anomalies
        .iter()
        .map(|anomaly| (anomaly.column.clone(), anomaly.kind))
        .collect();
    anomalies.extend(
        own.into_iter()
            .filter(|anomaly| !known.contains(&(anomaly.column.clone(), anomaly.kind))),
    );
    in_order(&mut anomalies, schema);
    Ok(Checked {
        unevaluated: unevaluated::find(schema, &theirs, data, inputs, &view, &tfdv),
        anomalies,
        tfdv,
    })
}

/// The severities of a schema, and on top of them those of a configuration.
fn severities(schema: &Schema, given: Option<&ValidationConfig>) -> ValidationConfig {
    let mut config = given.cloned().unwrap_or_default();
    let own = schema
        .severity_overrides
        .iter()
        .filter_map(|(kind, severity)| {
            let kind = anomaly_info::Type::from_str_name(kind.name())?;
            // TFDV knows nothing milder than a warning.
            let severity = match severity {
                Severity::Error => anomaly_info::Severity::Error,
                Severity::Warning | Severity::Info => anomaly_info::Severity::Warning,
            };
            Some(SeverityOverride {
                r#type: Some(kind.into()),
                severity: Some(severity.into()),
            })
        });
    // The last one that fits counts.
    config.severity_overrides = own.chain(config.severity_overrides).collect();
    config
}

/// TFDV's reasons, one anomaly each; those overridden to no severity are left out.
fn listed(tfdv: &Anomalies, schema: &Schema, given: Option<&ValidationConfig>) -> Vec<Anomaly> {
    let none = ValidationConfig::default();
    let config = given.unwrap_or(&none);
    let dataset = tfdv.dataset_anomaly_info.iter().map(|info| (None, info));
    let features = tfdv
        .anomaly_info
        .iter()
        .map(|(path, info)| (Some(path.clone()), info));
    let mut anomalies = Vec::new();
    for (column, info) in dataset.chain(features) {
        for reason in &info.reason {
            let Some(kind) = AnomalyType::named(reason.r#type().as_str_name()) else {
                continue;
            };
            let severity = match (&column, own_severity(schema, given, kind)) {
                (_, Some(severity)) => severity,
                // Overrides of a configuration are of features, as in TFDV.
                (None, None) => Severity::Error,
                (Some(_), None) => match configured(config, reason) {
                    Some(severity) => severity,
                    None => continue,
                },
            };
            let description = match reason.description().trim_end() {
                "" => reason.short_description().to_owned(),
                long => long.to_owned(),
            };
            anomalies.push(Anomaly::new(
                kind,
                column.clone(),
                severity,
                reason.short_description(),
                description,
            ));
        }
    }
    anomalies
}

/// The severity that the schema states, unless the configuration states another.
fn own_severity(
    schema: &Schema,
    given: Option<&ValidationConfig>,
    kind: AnomalyType,
) -> Option<Severity> {
    let given = given.is_some_and(|config| {
        let mut stated = config.severity_overrides.iter();
        stated.any(|stated| stated.r#type().as_str_name() == kind.name())
    });
    let own = schema.severity_overrides.get(&kind).copied();
    own.filter(|_| !given)
}

fn configured(config: &ValidationConfig, reason: &Reason) -> Option<Severity> {
    let mut overrides = config.severity_overrides.iter();
    match overrides.rfind(|stated| stated.r#type() == reason.r#type()) {
        Some(stated) => match stated.severity() {
            anomaly_info::Severity::Unknown => None,
            anomaly_info::Severity::Warning => Some(Severity::Warning),
            anomaly_info::Severity::Error => Some(Severity::Error),
        },
        None if reason.r#type() == anomaly_info::Type::SchemaNewColumn
            && config.new_features_are_warnings() =>
        {
            Some(Severity::Warning)
        }
        None => Some(Severity::Error),
    }
}

/// Rows first, then the schema's columns as they stand there, then the others; within a
/// column the order of the checks stays.
fn in_order(anomalies: &mut [Anomaly], schema: &Schema) {
    let places: BTreeMap<&str, usize> = schema
        .columns
        .iter()
        .enumerate()
        .map(|(place, column)| (column.name.as_str(), place))
        .collect();
    let place = |anomaly: &Anomaly| {
        let column = anomaly.column.clone()?;
        let path = FeaturePath::parse(&column).ok();
        let root = path.as_ref().and_then(|path| path.steps().first());
        let place = places
            .get(root.map_or(column.as_str(), String::as_str))
            .copied();
        Some((place.is_none(), place, column))
    };
    anomalies.sort_by_cached_key(place);
}
