//! Statistics to a schema: inference, update, and domains that seem to be one.

use super::data_validation::{ColumnConstraint, FeatureStatisticsToProtoConfig};
use super::draft::{Draft, similar_string_domains};
use super::feature::DomainInfo;
use super::path::FeaturePath;
use super::rules::Rules;
use super::view::DatasetView;
use super::{DatasetFeatureStatistics, Schema};
use crate::SchemaError;
use std::collections::{BTreeMap, BTreeSet};

/// The schema that the statistics meet, as narrow as is sensible.
///
/// Features without common statistics, the sparse and weighted ones, are passed over:
/// statistics do not say what they are made of.
///
/// # Errors
/// [`SchemaError::Statistics`] for statistics that contradict themselves.
///
/// TFDV's `infer_schema`.
pub fn infer(
    statistics: &DatasetFeatureStatistics,
    config: &FeatureStatisticsToProtoConfig,
) -> Result<Schema, SchemaError> {
    let mut known = statistics.clone();
    known.features.retain(|feature| feature.stats.is_some());
    update(&Schema::default(), &known, config, &Scope::default())
}

/// What of a schema is updated; by default all of it.
#[derive(Clone, Copy, Default)]
pub struct Scope<'a> {
    /// Only these features.
    pub paths: Option<&'a BTreeSet<FeaturePath>>,
    /// The environment that the statistics are of.
    pub environment: Option<&'a str>,
}

/// The schema, changed where the statistics do not meet it, and widened only.
///
/// # Errors
/// [`SchemaError::Statistics`] for statistics that contradict themselves.
///
/// TFDV's `update_schema`.
pub fn update(
    schema: &Schema,
    statistics: &DatasetFeatureStatistics,
    config: &FeatureStatisticsToProtoConfig,
    scope: &Scope<'_>,
) -> Result<Schema, SchemaError> {
    let view = DatasetView::new(statistics)?;
    let by_weight = view.has_weights();
    let view = view.by_weight(by_weight).in_environment(scope.environment);
    let mut draft = Draft::new(schema.clone());
    draft.update(&Rules::new(config), &view, scope.paths);
    Ok(draft.into_schema())
}

/// The configuration, with a constraint for each group of columns whose strings are so
/// alike that they seem to be of one domain.
///
/// # Errors
/// [`SchemaError::Statistics`] for statistics that contradict themselves.
///
/// TFDV's `Schema::GetRelatedEnums`; only features at the root are looked at.
pub fn relate_string_domains(
    statistics: &DatasetFeatureStatistics,
    config: &FeatureStatisticsToProtoConfig,
) -> Result<FeatureStatisticsToProtoConfig, SchemaError> {
    let schema = update(&Schema::default(), statistics, config, &Scope::default())?;
    let similarity = Rules::new(config).similarity();
    let mut users: BTreeMap<&str, BTreeSet<FeaturePath>> = BTreeMap::new();
    for feature in &schema.feature {
        if let Some(DomainInfo::Domain(name)) = &feature.domain_info {
            users
                .entry(name)
                .or_default()
                .insert(FeaturePath::new([feature.name()]));
        }
    }
    let mut config = config.clone();
    for (index, domain) in schema.string_domain.iter().enumerate() {
        let mut group: BTreeSet<&str> = schema
            .string_domain
            .iter()
            .skip(index + 1)
            .filter(|other| similar_string_domains(domain, other, &similarity))
            .map(|other| other.name())
            .collect();
        if group.is_empty() {
            continue;
        }
        group.insert(domain.name());
        // The shortest name; the first in order of several.
        let name = group.iter().min_by_key(|name| name.len()).copied();
        config.column_constraint.push(ColumnConstraint {
            column_path: group
                .iter()
                .filter_map(|name| users.get(name))
                .flatten()
                .map(FeaturePath::to_message)
                .collect(),
            enum_name: name.map(str::to_owned),
        });
    }
    Ok(config)
}
