//! One side of a comparison: rows, or a profile in their place.

use crate::{PipelineError, baseline::stored_profiles, preset::NamedColumn, single::SingleSource};
use driftline_drift::preset::{Column, Kind, Refused, Values};
use driftline_engine::{ColumnInfo, Engine, Rows};
use driftline_statistics::ColumnProfile;
use std::{collections::BTreeMap, path::Path};

/// Where the columns of a side come from.
pub(crate) enum Side {
    /// From rows.
    Rows {
        rows: Box<Rows>,
        columns: Vec<ColumnInfo>,
    },
    /// From a baseline's folder or a profile file.
    Profiles(BTreeMap<String, ColumnProfile>),
}

/// One column of a side.
pub(crate) enum Loaded {
    Rows(Column),
    Profile(ColumnProfile),
}

impl Loaded {
    /// Rows, nulls included.
    pub(crate) fn rows(&self) -> u64 {
        match self {
            Self::Rows(column) => column.rows() as u64,
            Self::Profile(profile) => profile.rows,
        }
    }

    /// What it holds.
    pub(crate) fn values(&self, kind: Kind) -> Result<Values, Refused> {
        match self {
            Self::Rows(column) => Ok(column.values()),
            Self::Profile(profile) => Values::of_profile(profile, kind),
        }
    }
}

impl Side {
    pub(crate) async fn open(
        engine: &Engine,
        source: &SingleSource,
    ) -> Result<Self, PipelineError> {
        if let Some(profiles) = stored_profiles(Path::new(&source.source))? {
            if source.prepare.is_some() {
                return Err(super::configuration(format!(
                    "`prepare` is SQL over rows, and {} is a profile; give the source itself",
                    source.source
                )));
            }
            return Ok(Self::Profiles(profiles));
        }
        Ok(Self::of_rows(source.rows(engine).await?))
    }

    pub(crate) fn of_rows(rows: Rows) -> Self {
        Self::Rows {
            columns: rows.columns(),
            rows: Box::new(rows),
        }
    }

    pub(crate) fn names(&self) -> Vec<String> {
        match self {
            Self::Rows { columns, .. } => columns.iter().map(|c| c.name.clone()).collect(),
            Self::Profiles(profiles) => profiles.keys().cloned().collect(),
        }
    }

    /// What a column is taken for by its type.
    pub(crate) fn kind(&self, name: &str) -> Option<Kind> {
        match self {
            Self::Rows { columns, .. } => {
                let column = columns.iter().find(|column| column.name == name)?;
                Kind::of(&column.data_type)
            }
            Self::Profiles(profiles) => Kind::of_value_type(profiles.get(name)?.value_type),
        }
    }

    /// The type of a column, for people.
    pub(crate) fn type_name(&self, name: &str) -> String {
        match self {
            Self::Rows { columns, .. } => columns
                .iter()
                .find(|column| column.name == name)
                .map(|column| column.data_type.to_string()),
            Self::Profiles(profiles) => profiles
                .get(name)
                .map(|profile| profile.value_type.name().to_owned()),
        }
        .unwrap_or_default()
    }

    /// Some columns, each as its kind or why it cannot be read so.
    pub(crate) async fn load(
        &self,
        wanted: &[NamedColumn],
    ) -> Result<Vec<Result<Loaded, Refused>>, PipelineError> {
        match self {
            Self::Profiles(profiles) => Ok(wanted
                .iter()
                .map(|column| {
                    profiles
                        .get(&column.name)
                        .cloned()
                        .map(Loaded::Profile)
                        .ok_or_else(|| Refused::NotOfKind {
                            data_type: String::new(),
                            kind: column.kind,
                        })
                })
                .collect()),
            Self::Rows { rows, .. } => {
                let names: Vec<&str> = wanted.iter().map(|column| column.name.as_str()).collect();
                let read = rows.in_order(&names, None).await?;
                Ok(wanted
                    .iter()
                    .zip(&read.columns)
                    .map(|(column, arrays)| Column::of(arrays, column.kind).map(Loaded::Rows))
                    .collect())
            }
        }
    }
}
