//! How a schema is inferred and how grave its breaches are: TFDV's two configurations.

use super::anomaly_info::{Reason, Severity, Type};
use super::data_validation::{
    EnumsSimilarConfig, FeatureStatisticsToProtoConfig, ValidationConfig,
};
use super::path::FeaturePath;
use super::reason::graver;
use std::collections::{BTreeMap, BTreeSet};

/// The size up to which a validation takes new strings for a domain.
///
/// The repaired schema of an anomaly uses it; inference asks for another, 100 by default
/// (TFDV, `feature_statistics_validator.cc` and `validation_api.py`).
const DOMAIN_SIZE_OF_REPAIRS: i32 = 400;

/// The configuration of an inference: the largest string domain, and whether fixed
/// lengths become shapes.
pub fn inference_config(
    max_string_domain_size: u32,
    feature_shape: bool,
) -> FeatureStatisticsToProtoConfig {
    FeatureStatisticsToProtoConfig {
        enum_threshold: Some(i32::try_from(max_string_domain_size).unwrap_or(i32::MAX)),
        infer_feature_shape: Some(feature_shape),
        ..Default::default()
    }
}

/// The configuration by which a validation repairs its copy of the schema.
#[expect(
    deprecated,
    reason = "files in use still set `new_features_are_warnings`"
)]
pub(crate) fn repair_config(validation: &ValidationConfig) -> FeatureStatisticsToProtoConfig {
    FeatureStatisticsToProtoConfig {
        enum_threshold: Some(DOMAIN_SIZE_OF_REPAIRS),
        new_features_are_warnings: validation.new_features_are_warnings,
        severity_overrides: validation.severity_overrides.clone(),
        ..Default::default()
    }
}

/// A configuration, looked up instead of searched.
pub(crate) struct Rules {
    config: FeatureStatisticsToProtoConfig,
    ignored: BTreeSet<String>,
    shared_domains: BTreeMap<FeaturePath, String>,
}

impl Rules {
    pub(crate) fn new(config: &FeatureStatisticsToProtoConfig) -> Self {
        let shared_domains = config
            .column_constraint
            .iter()
            .flat_map(|constraint| {
                constraint
                    .column_path
                    .iter()
                    .map(|path| (path.into(), constraint.enum_name().to_owned()))
            })
            .collect();
        Self {
            config: config.clone(),
            ignored: config.column_to_ignore.iter().cloned().collect(),
            shared_domains,
        }
    }

    /// The gravest severity of these reasons; unknown where there are none.
    pub(crate) fn severity(&self, reasons: &[Reason]) -> Severity {
        reasons.iter().fold(Severity::Unknown, |gravest, reason| {
            graver(gravest, self.severity_of(reason.r#type()))
        })
    }

    fn severity_of(&self, kind: Type) -> Severity {
        let overridden = self
            .config
            .severity_overrides
            .iter()
            .rfind(|severity_override| severity_override.r#type() == kind);
        match overridden {
            Some(severity_override) => severity_override.severity(),
            None if kind == Type::SchemaNewColumn && self.config.new_features_are_warnings() => {
                Severity::Warning
            }
            None => Severity::Error,
        }
    }

    /// Whether the column is to be ignored once it is in the schema.
    pub(crate) fn ignores(&self, path: &FeaturePath) -> bool {
        !self.ignored.is_empty() && self.ignored.contains(&path.to_string())
    }

    /// The domain that this column shares with others.
    pub(crate) fn shared_domain(&self, path: &FeaturePath) -> Option<&str> {
        self.shared_domains.get(path).map(String::as_str)
    }

    /// Whether that many strings may become a domain.
    pub(crate) fn makes_a_domain(&self, values: usize) -> bool {
        values > 0
            && usize::try_from(self.config.enum_threshold()).is_ok_and(|limit| values <= limit)
    }

    /// Whether a domain of that size is to be deleted.
    pub(crate) fn domain_too_large(&self, values: usize) -> bool {
        self.config
            .enum_delete_threshold
            .is_some_and(|limit| usize::try_from(limit).map_or(true, |limit| limit <= values))
    }

    pub(crate) fn infers_shape(&self) -> bool {
        self.config.infer_feature_shape()
    }

    pub(crate) fn similarity(&self) -> EnumsSimilarConfig {
        self.config.enums_similar_config.unwrap_or_default()
    }
}
