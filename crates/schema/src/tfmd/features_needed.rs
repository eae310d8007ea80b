//! The features that a model needs: of new columns only these are anomalies.

use super::data_validation::{
    FeaturesNeededProto, PathAndReasonFeatureNeeded, ReasonFeatureNeeded,
};
use super::path::FeaturePath;
use crate::SchemaError;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Paths of features, each with the reasons for which it is needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FeaturesNeeded(pub BTreeMap<FeaturePath, Vec<String>>);

impl FeaturesNeeded {
    /// Reads JSON: a list of paths, or an object of paths and lists of reasons. A path is
    /// a list of steps, or one line as in the keys of anomalies.
    ///
    /// # Errors
    /// [`SchemaError::FeaturesNeeded`] where it is neither, [`SchemaError::Path`] for a
    /// path that does not parse.
    pub fn from_json(name: &str, text: &str) -> Result<Self, SchemaError> {
        let wrong = |reason: String| SchemaError::FeaturesNeeded {
            name: name.to_owned(),
            reason,
        };
        let value: Value = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
        let mut needed = BTreeMap::new();
        match value {
            Value::Array(paths) => {
                for path in paths {
                    let path = match path {
                        Value::String(line) => FeaturePath::parse(&line)?,
                        steps => FeaturePath::new(strings(steps).ok_or_else(|| {
                            wrong("a path is neither a string nor a list of strings".to_owned())
                        })?),
                    };
                    needed.insert(path, Vec::new());
                }
            }
            Value::Object(paths) => {
                for (path, reasons) in paths {
                    let reasons = strings(reasons).ok_or_else(|| {
                        wrong(format!("the reasons of `{path}` are no list of strings"))
                    })?;
                    needed.insert(FeaturePath::parse(&path)?, reasons);
                }
            }
            _ => return Err(wrong("it is neither a list nor an object".to_owned())),
        }
        Ok(Self(needed))
    }

    /// The paths alone.
    pub fn paths(&self) -> BTreeSet<FeaturePath> {
        self.0.keys().cloned().collect()
    }

    /// TFDV's message.
    pub fn to_message(&self) -> FeaturesNeededProto {
        FeaturesNeededProto {
            path_and_reason_feature_need: self
                .0
                .iter()
                .map(|(path, reasons)| PathAndReasonFeatureNeeded {
                    path: Some(path.to_message()),
                    reason_feature_needed: reasons
                        .iter()
                        .map(|comment| ReasonFeatureNeeded {
                            comment: comment.clone(),
                        })
                        .collect(),
                })
                .collect(),
        }
    }
}

impl From<&FeaturesNeededProto> for FeaturesNeeded {
    fn from(message: &FeaturesNeededProto) -> Self {
        Self(
            message
                .path_and_reason_feature_need
                .iter()
                .map(|needed| {
                    let path = needed.path.as_ref().map(FeaturePath::from);
                    let reasons = needed
                        .reason_feature_needed
                        .iter()
                        .map(|reason| reason.comment.clone())
                        .collect();
                    (path.unwrap_or_default(), reasons)
                })
                .collect(),
        )
    }
}

fn strings(value: Value) -> Option<Vec<String>> {
    let Value::Array(values) = value else {
        return None;
    };
    values
        .into_iter()
        .map(|value| match value {
            Value::String(text) => Some(text),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_lines_or_lists() {
        let needed = FeaturesNeeded::from_json("f", r#"["a.b", ["a.b"], ["x", "y"]]"#).unwrap();
        let paths: Vec<String> = needed.paths().iter().map(ToString::to_string).collect();
        assert_eq!(paths, ["a.b", "'a.b'", "x.y"]);
    }

    #[test]
    fn a_mistake_has_its_place() {
        let error = FeaturesNeeded::from_json("f.json", "[\n  a\n]").unwrap_err();
        assert!(error.to_string().contains("line 2 column 3"), "{error}");
        assert!(FeaturesNeeded::from_json("f.json", "[[1]]").is_err());
        assert!(FeaturesNeeded::from_json("f.json", "3").is_err());
    }
}
