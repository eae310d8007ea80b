//! Constraints that nobody could check, and what would help.

use super::{Data, theirs::by_value, theirs::walk};
use crate::{
    Column, ColumnType, Schema,
    tfmd::{
        self, Anomalies, DatasetView, Feature, FeatureComparator, FeaturePath, Inputs,
        drift_skew_info::{Measurement, measurement},
        feature::{DomainInfo, PresenceConstraints},
    },
};
use std::collections::BTreeMap;

/// A constraint of a schema that was not checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unevaluated {
    /// The column's path; absent where it is about the rows as a whole.
    pub column: Option<String>,
    /// The key of the schema.
    pub constraint: &'static str,
    /// Why, and the way out.
    pub reason: String,
    /// Whether the data therefore cannot be said to fit: not so where the key only says
    /// what values mean.
    pub required: bool,
}

struct Found(Vec<Unevaluated>);

impl Found {
    fn add(&mut self, column: Option<&str>, key: &'static str, why: &str, required: bool) {
        self.0.push(Unevaluated {
            column: column.map(str::to_owned),
            constraint: key,
            reason: why.to_owned(),
            required,
        });
    }
}

pub(super) fn find(
    schema: &Schema,
    theirs: &tfmd::Schema,
    data: &Data<'_>,
    inputs: &Inputs<'_>,
    view: &DatasetView<'_>,
    tfdv: &Anomalies,
) -> Vec<Unevaluated> {
    let mut found = Found(Vec::new());
    rows(theirs, inputs, &mut found);
    let all = tfmd::Schema::from(schema);
    walk(
        &all.feature,
        &FeaturePath::default(),
        &mut |path, feature| {
            let out = tfmd::feature_is_deprecated(feature)
                || !tfmd::is_in_environment(feature, &all.default_environment, inputs.environment);
            if out {
                return;
            }
            if data.skipped.contains(&path) {
                skipped(&path, feature, &mut found);
            } else if view.feature(&path).is_some_and(|seen| !seen.is_absent()) {
                comparators(&path, feature, inputs, view, tfdv, &mut found);
                domains(&path, feature, &mut found);
            }
        },
    );
    let profiled: BTreeMap<&str, ()> = data
        .profiles
        .iter()
        .map(|(name, _)| (name.as_str(), ()))
        .collect();
    own_keys(
        &schema.columns,
        &FeaturePath::default(),
        view,
        data,
        &profiled,
        &mut found,
    );
    found.0
}

fn rows(theirs: &tfmd::Schema, inputs: &Inputs<'_>, found: &mut Found) {
    let Some(constraints) = &theirs.dataset_constraints else {
        return;
    };
    if constraints.num_examples_drift_comparator.is_some() && inputs.previous_span.is_none() {
        found.add(
            None,
            "num_examples_drift_comparator",
            "nothing to compare with; give the span before by `--previous`",
            true,
        );
    }
    if constraints.num_examples_version_comparator.is_some() && inputs.previous_version.is_none() {
        found.add(
            None,
            "num_examples_version_comparator",
            "nothing to compare with; give the earlier version by `--previous-version`",
            true,
        );
    }
}

/// A feature without statistics: its presence and type are checked on a profile, what
/// else TensorFlow Metadata states of it is not.
fn skipped(path: &FeaturePath, feature: &Feature, found: &mut Found) {
    const WHY: &str = "values of this type have no statistics; cast the column to a number or a \
                       string in `--prepare`";
    let name = path.to_string();
    let top = path.len() == 1;
    if !top && feature.presence_constraints.is_some() {
        found.add(Some(&name), "presence", WHY, true);
    }
    if feature.drift_comparator.is_some() {
        found.add(Some(&name), "drift_comparator", WHY, true);
    }
    if feature.skew_comparator.is_some() {
        found.add(Some(&name), "skew_comparator", WHY, true);
    }
    if feature.domain_info.is_some() {
        found.add(Some(&name), "domain", WHY, true);
    }
}

fn comparators(
    path: &FeaturePath,
    feature: &Feature,
    inputs: &Inputs<'_>,
    view: &DatasetView<'_>,
    tfdv: &Anomalies,
    found: &mut Found,
) {
    let name = path.to_string();
    let message = path.to_message();
    let info = tfdv
        .drift_skew_info
        .iter()
        .find(|info| info.path.as_ref() == Some(&message));
    let measured = |drift: bool| -> &[Measurement] {
        match info {
            Some(info) if drift => &info.drift_measurements,
            Some(info) => &info.skew_measurements,
            None => &[],
        }
    };
    for (key, comparator, control, drift) in [
        (
            "drift_comparator",
            &feature.drift_comparator,
            inputs.previous_span,
            true,
        ),
        (
            "skew_comparator",
            &feature.skew_comparator,
            inputs.serving,
            false,
        ),
    ] {
        let Some(comparator) = comparator.as_ref().filter(|comparator| states(comparator)) else {
            continue;
        };
        let Some(control) = control else {
            let flag = if drift { "--previous" } else { "--serving" };
            let why = format!("nothing to compare with; give it by `{flag}`");
            found.add(Some(&name), key, &why, true);
            continue;
        };
        let other = DatasetView::new(control).ok();
        let Some(other) = other.as_ref().and_then(|other| other.feature(path)) else {
            // An anomaly of its own.
            continue;
        };
        let divergence = comparator.jensen_shannon_divergence.as_ref();
        let was_measured = measured(drift)
            .iter()
            .any(|m| m.r#type() == measurement::Type::JensenShannonDivergence);
        if divergence.is_some_and(|norm| norm.threshold.is_some()) && !was_measured {
            found.add(
                Some(&name),
                key,
                "the Jensen-Shannon divergence of these values is not defined: they are empty, \
                 or numbers on one side and labels on the other",
                true,
            );
        }
        let labels = view.feature(path).map(|seen| seen.string_counts());
        let empty =
            labels.is_none_or(|labels| labels.is_empty()) && other.string_counts().is_empty();
        if by_value(feature) && empty {
            found.add(
                Some(&name),
                key,
                "the share of each value is not known of numbers; make them categories by \
                 `is_categorical`, or compare by `jensen_shannon_divergence`",
                true,
            );
        }
    }
}

fn states(comparator: &FeatureComparator) -> bool {
    comparator
        .infinity_norm
        .as_ref()
        .is_some_and(|n| n.threshold.is_some())
        || comparator
            .jensen_shannon_divergence
            .as_ref()
            .is_some_and(|n| n.threshold.is_some())
        || comparator
            .normalized_abs_difference
            .as_ref()
            .is_some_and(|n| n.threshold.is_some())
}

/// Constraints that TFDV reads and never checks.
fn domains(path: &FeaturePath, feature: &Feature, found: &mut Found) {
    let name = path.to_string();
    let key = match &feature.domain_info {
        Some(DomainInfo::MidDomain(_)) => Some("mid_domain"),
        Some(DomainInfo::UrlDomain(_)) => Some("url_domain"),
        Some(DomainInfo::TimeDomain(_)) => Some("time_domain"),
        _ => None,
    };
    if let Some(key) = key {
        found.add(
            Some(&name),
            key,
            "says what the values mean; values are not checked against it",
            false,
        );
    }
    if let Some(PresenceConstraints::GroupPresence(_)) = &feature.presence_constraints {
        found.add(
            Some(&name),
            "group_presence",
            "presence of groups is not counted; state `presence`",
            true,
        );
    }
}

/// Keys of Driftline's own, where there is no profile to check them on.
fn own_keys(
    columns: &[Column],
    above: &FeaturePath,
    view: &DatasetView<'_>,
    data: &Data<'_>,
    profiled: &BTreeMap<&str, ()>,
    found: &mut Found,
) {
    for column in columns {
        let path = above.child(column.other.name.as_deref().unwrap_or(&column.name));
        let seen = view.feature(&path).filter(|seen| !seen.is_absent());
        if tfmd::feature_is_deprecated(&column.other) {
            continue;
        }
        let has_profile = above.is_empty() && profiled.contains_key(column.name.as_str());
        if column.length.is_some() && seen.is_some() && !has_profile {
            let why = if data.types.is_empty() {
                "statistics do not hold the lengths of strings; give the source"
            } else {
                "lengths are counted of columns at the top only"
            };
            let strings = matches!(
                seen.map(|seen| seen.feature_type()),
                Some(tfmd::FeatureType::Bytes)
            );
            // Another type is an anomaly of its own.
            if strings {
                found.add(Some(&path.to_string()), "length", why, true);
            }
        }
        let time = matches!(column.column_type, ColumnType::Timestamp | ColumnType::Date);
        if time && data.types.is_empty() && seen.is_none() && column.is_required() {
            found.add(
                Some(&path.to_string()),
                "type",
                "statistics know no times; give the source",
                true,
            );
        }
        own_keys(&column.columns, &path, view, data, profiled, found);
    }
}
