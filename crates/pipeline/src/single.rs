//! Parts of the way by themselves, for one source: profile, infer, validate, score.

use crate::PipelineError;
use driftline_engine::{
    ColumnInfo, Engine, EngineError, FeatureRequest, ProfileColumn, ProfileRequest, ProfileRow,
    ProfileRows, Rows, SkippedColumn, Source, Tz, Width, Windows,
};
use driftline_schema::{
    InferConfig, Role, Schema,
    tfmd::{self, DatasetFeatureStatistics, data_validation::FeatureStatisticsToProtoConfig},
};
use driftline_statistics::{
    CategoricalProfile, ColumnProfile, NumericProfile, Summary, ValueType, features::FeatureOptions,
};
use serde::{
    Serialize, Serializer,
    ser::{Error, SerializeMap, SerializeSeq},
};
use serde_json::{Map, Value, json};
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    io,
    iter::Peekable,
};

/// One source, and how its rows are read.
#[derive(Debug, Clone, Default)]
pub struct SingleSource {
    /// Path, pattern, directory or `-`.
    pub source: String,
    /// Damaged records of TFRecord files to be left out, at most.
    pub skip_corrupt: u64,
    /// SQL over the table `source`.
    pub prepare: Option<String>,
    /// Roles of columns, where they are not what the data suggests.
    pub roles: BTreeMap<String, Role>,
    /// The time column, for windows.
    pub time: Option<String>,
    /// Width of a window.
    pub window: Option<Width>,
    /// Zone of times without one.
    pub time_zone: Option<String>,
    /// Columns whose values split the rows.
    pub by: Vec<String>,
}

/// The profiles of a source.
#[derive(Debug)]
pub struct SourceProfile {
    /// One for each column, window and slice, by window and slice.
    pub rows: SourceProfiles,
    /// Columns that are counted, but not summarised.
    pub skipped: Vec<SkippedColumn>,
}

/// Profiles of a source's rows and of the values of its lists, which are rows of their own,
/// by window and slice.
#[derive(Debug)]
pub struct SourceProfiles(Vec<Peekable<ProfileRows>>);

impl Iterator for SourceProfiles {
    type Item = Result<ProfileRow, EngineError>;

    fn next(&mut self) -> Option<Self::Item> {
        let key = |part: &mut Peekable<ProfileRows>| match part.peek()? {
            // What could not be read is told before anything else.
            Err(_) => Some((false, None, None)),
            Ok(row) => Some((row.span.is_none(), row.span, row.slice.clone())),
        };
        let parts = self.0.iter_mut().enumerate();
        let first = parts.filter_map(|(place, part)| Some((key(part)?, place)));
        let (_, first) = first.min()?;
        self.0[first].next()
    }
}

impl SingleSource {
    /// Opens and prepares the rows.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn rows(&self, engine: &Engine) -> Result<Rows, PipelineError> {
        let source = Source {
            skip_corrupt: self.skip_corrupt,
            ..Source::new(&self.source)
        };
        let rows = engine.open(&source).await?;
        match &self.prepare {
            Some(sql) => Ok(rows.prepare(sql).await?.materialise().await?),
            // Read twice, for roles and for profiles: standard input is spooled anyway.
            None => Ok(rows),
        }
    }

    /// Profiles every column, nested ones to their leaves, by slice and window where
    /// asked.
    ///
    /// # Errors
    /// Those of the engine, and [`PipelineError::Configuration`] for a role of a column
    /// that is not there.
    pub async fn profile(&self, engine: &Engine) -> Result<SourceProfile, PipelineError> {
        let windows = self.windows()?;
        let keep: Vec<String> = self.time.iter().chain(&self.by).cloned().collect();
        let leaves = self.rows(engine).await?.leaves(&keep)?;
        let mut samples = Vec::new();
        for part in &leaves.parts {
            samples.push(part.rows.roles_sample().await?);
        }
        self.check_roles(samples.iter().flatten().map(|(info, _)| info.name.as_str()))?;
        let mut parts = Vec::new();
        for (part, sample) in leaves.parts.iter().zip(&samples) {
            let roles = self.column_roles(sample, &BTreeMap::new());
            let request = ProfileRequest {
                columns: part
                    .columns
                    .iter()
                    .map(|name| asked(name, &roles))
                    .collect(),
                windows: windows.clone(),
                slices: self.by.clone(),
            };
            parts.push(part.rows.profiles(&request).await?.peekable());
        }
        Ok(SourceProfile {
            rows: SourceProfiles(parts),
            skipped: leaves.skipped,
        })
    }

    /// The profile of each column as a whole, with roles of columns that may not be
    /// there.
    async fn whole(
        &self,
        engine: &Engine,
        hints: &BTreeMap<String, Role>,
    ) -> Result<Vec<(String, ColumnProfile)>, PipelineError> {
        let rows = self.rows(engine).await?;
        let sample = rows.roles_sample().await?;
        self.check_roles(sample.iter().map(|(info, _)| info.name.as_str()))?;
        let roles = self.column_roles(&sample, hints);
        let columns = rows.columns();
        let request = ProfileRequest {
            columns: columns.iter().map(|c| asked(&c.name, &roles)).collect(),
            ..ProfileRequest::default()
        };
        let profiles = rows.profile(&request).await?.into_iter();
        Ok(profiles.map(|row| (row.column, row.profile)).collect())
    }

    fn windows(&self) -> Result<Option<Windows>, PipelineError> {
        match (&self.time, self.window) {
            (Some(column), Some(width)) => {
                let mut windows = Windows::new(column, width);
                if let Some(zone) = &self.time_zone {
                    windows.time_zone = driftline_engine::time_zone(zone)?;
                }
                Ok(Some(windows))
            }
            (None, None) => Ok(None),
            _ => Err(PipelineError::Configuration {
                message:
                    "windows need both a time column and a width: give `--time` and `--window`"
                        .into(),
            }),
        }
    }

    /// The schema that the data suggests, nested columns to their leaves.
    ///
    /// # Errors
    /// As [`profile`](Self::profile).
    pub async fn infer(
        &self,
        engine: &Engine,
        config: InferConfig,
        feature_shape: bool,
    ) -> Result<Schema, PipelineError> {
        let profiles = self.whole(engine, &BTreeMap::new()).await?;
        let config = InferConfig {
            roles: self.roles.clone(),
            ..config
        };
        let mut schema = driftline_schema::infer(&borrowed(&profiles), &config);
        let nested: BTreeSet<String> = profiles
            .iter()
            .filter(|(_, profile)| profile.value_type == ValueType::Nested)
            .map(|(name, _)| name.clone())
            .collect();
        if nested.is_empty() {
            return Ok(schema);
        }
        let options = FeatureOptions {
            columns: Some(nested),
            ..FeatureOptions::default()
        };
        let (statistics, _) = self.statistics(engine, options).await?;
        let size = u32::try_from(config.max_string_domain_size).unwrap_or(u32::MAX);
        let inference = tfmd::inference_config(size, feature_shape);
        driftline_schema::infer_nested(&mut schema, &statistics, &inference, config.ranges)?;
        Ok(schema)
    }

    /// The schema that TFDV infers from the data, and columns that it cannot see, each
    /// with the reason.
    ///
    /// # Errors
    /// As [`profile`](Self::profile), and those of [`tfmd::infer`].
    pub async fn infer_tfmd(
        &self,
        engine: &Engine,
        config: &FeatureStatisticsToProtoConfig,
    ) -> Result<(tfmd::Schema, Vec<String>), PipelineError> {
        let (statistics, skipped) = self.statistics(engine, FeatureOptions::default()).await?;
        Ok((tfmd::infer(&statistics, config)?, skipped))
    }

    async fn statistics(
        &self,
        engine: &Engine,
        options: FeatureOptions,
    ) -> Result<(DatasetFeatureStatistics, Vec<String>), PipelineError> {
        let request = FeatureRequest {
            options,
            ..FeatureRequest::default()
        };
        let found = self
            .rows(engine)
            .await?
            .feature_statistics(&request)
            .await?;
        let skipped = found.all.skipped().values().map(ToString::to_string);
        let skipped = skipped.collect();
        Ok((tfmd::statistics::message(&found.all, "")?, skipped))
    }

    pub(crate) fn check_roles<'a>(
        &self,
        columns: impl Iterator<Item = &'a str>,
    ) -> Result<(), PipelineError> {
        let columns: Vec<&str> = columns.collect();
        match self.roles.keys().find(|c| !columns.contains(&c.as_str())) {
            None => Ok(()),
            Some(column) => Err(PipelineError::Configuration {
                message: format!(
                    "a role is given for `{column}`, which is no column; there are {}",
                    columns.join(", ")
                ),
            }),
        }
    }

    fn column_roles(
        &self,
        sample: &[(ColumnInfo, ColumnProfile)],
        hints: &BTreeMap<String, Role>,
    ) -> BTreeMap<String, Role> {
        sample
            .iter()
            .filter_map(|(info, profile)| {
                let given = self.roles.get(&info.name).or(hints.get(&info.name));
                let role = given
                    .copied()
                    .or_else(|| driftline_schema::infer_role(profile))?;
                Some((info.name.clone(), role))
            })
            .collect()
    }
}

fn asked(column: &str, roles: &BTreeMap<String, Role>) -> ProfileColumn {
    ProfileColumn {
        name: column.to_owned(),
        text: roles.get(column) == Some(&Role::Text),
    }
}

/// Writes profiles for programs: one entry a column, window and slice.
///
/// # Errors
/// [`WriteError`].
pub fn write_profile_json(
    profile: SourceProfile,
    out: &mut dyn io::Write,
) -> Result<(), WriteError> {
    let skipped: Vec<Value> = profile
        .skipped
        .iter()
        .map(|skipped| {
            json!({
                "name": skipped.column,
                "type": skipped.data_type.to_string(),
                "reason": skipped.reason,
            })
        })
        .collect();
    let columns = Columns {
        rows: RefCell::new(profile.rows),
        failed: RefCell::new(None),
    };
    let mut serializer = serde_json::Serializer::pretty(out);
    let written = (|| {
        let mut document = serializer.serialize_map(None)?;
        document.serialize_entry("format_version", &1)?;
        document.serialize_entry("columns", &columns)?;
        if !skipped.is_empty() {
            document.serialize_entry("skipped", &skipped)?;
        }
        SerializeMap::end(document)
    })();
    match columns.failed.take() {
        Some(error) => Err(PipelineError::from(error).into()),
        None => Ok(written.map_err(io::Error::from)?),
    }
}

/// Why a result was not written while it was made.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// It could not be made.
    #[error(transparent)]
    Made(#[from] PipelineError),
    /// It could not be written.
    #[error(transparent)]
    Written(#[from] io::Error),
}

/// A list that is made while it is written.
struct Columns {
    rows: RefCell<SourceProfiles>,
    failed: RefCell<Option<EngineError>>,
}

impl Serialize for Columns {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(None)?;
        for row in &mut *self.rows.borrow_mut() {
            match row {
                Ok(row) => list.serialize_element(&column_json(&row))?,
                Err(error) => {
                    *self.failed.borrow_mut() = Some(error);
                    return Err(S::Error::custom("a profile could not be read"));
                }
            }
        }
        list.end()
    }
}

fn column_json(row: &ProfileRow) -> Value {
    let profile = &row.profile;
    let mut column = Map::new();
    let mut put = |key: &str, value: Value| {
        if !value.is_null() {
            column.insert(key.to_owned(), value);
        }
    };
    put("name", json!(row.column));
    if let Some(span) = row.span {
        put(
            "window_start",
            json!(crate::report::instant(span.start_us, Tz::UTC)),
        );
        put(
            "window_end",
            json!(crate::report::instant(span.end_us, Tz::UTC)),
        );
    }
    if let Some(slice) = &row.slice {
        put(
            "slice",
            json!({ "column": slice.column, "value": slice.value }),
        );
    }
    put("type", json!(profile.value_type.name()));
    put("rows", json!(profile.rows));
    put("nulls", json!(profile.nulls));
    put("distinct", json!(profile.distinct()));
    match &profile.summary {
        Summary::Counts => {}
        Summary::Numeric(numeric) => put_numbers(&mut put, numeric),
        Summary::Categorical(categorical) => {
            put("mean_bytes", json!(categorical.mean_bytes()));
            put("max_bytes", json!(categorical.max_bytes));
            put("empty", json!(categorical.empty));
            put("top_values", top_values(categorical));
        }
        Summary::Text(text) => {
            let mut lengths = |name: &str, numeric: &NumericProfile| {
                let mut length = Map::new();
                put_numbers(
                    &mut |key, value| {
                        if !value.is_null() {
                            length.insert(key.to_owned(), value);
                        }
                    },
                    numeric,
                );
                put(name, Value::Object(length));
            };
            lengths("characters", text.characters());
            lengths("tokens", text.units());
            lengths("bytes", text.bytes());
            let share = |count: u64| (text.texts() > 0).then(|| count as f64 / text.texts() as f64);
            put("emoji_share", json!(share(text.with_emoji())));
            put("url_share", json!(share(text.with_link())));
            put("repeat_share", json!(share(text.with_repeat())));
            put(
                "duplicate_share",
                json!(
                    share(text.texts())
                        .map(|_| { (1.0 - text.distinct().value / text.texts() as f64).max(0.0) })
                ),
            );
            let scripts: Map<String, Value> = text
                .scripts()
                .filter(|(_, count)| *count > 0)
                .map(|(script, count)| (script.name().to_owned(), json!(count)))
                .collect();
            put("scripts", Value::Object(scripts));
            put("top_values", top_values(text.values()));
        }
    }
    Value::Object(column)
}

fn put_numbers(put: &mut dyn FnMut(&str, Value), numeric: &NumericProfile) {
    let view = numeric.quantiles();
    put("mean", json!(numeric.mean()));
    put("std_dev", json!(numeric.std_dev()));
    put("min", json!(numeric.min()));
    put("max", json!(numeric.max()));
    put("zeros", json!(numeric.zeros));
    put("non_finite", json!(numeric.non_finite()));
    put("nan", json!(numeric.nan));
    let quantiles: Map<String, Value> = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99]
        .into_iter()
        .filter_map(|q| Some((q.to_string(), json!(view.quantile(q)?))))
        .collect();
    put("median", json!(view.quantile(0.5)));
    put("quantiles", Value::Object(quantiles));
    put("quantiles_exact", json!(view.is_exact()));
    put("quantiles_rank_error", json!(view.rank_error()));
    put("histogram", json!(numeric.histogram(10)));
}

fn top_values(categorical: &CategoricalProfile) -> Value {
    let values = categorical.values();
    json!({
        "exact": categorical.is_exact(),
        "count_error": categorical.count_error(),
        "values": values.iter().take(20).collect::<Vec<_>>(),
    })
}

/// Profiles for people: one line a column, window and slice, then what was not
/// summarised.
///
/// # Errors
/// That of a profile that cannot be read.
pub fn profile_table(profile: SourceProfile) -> Result<String, PipelineError> {
    let mut lines = vec![
        [
            "window",
            "slice",
            "column",
            "type",
            "rows",
            "nulls",
            "distinct",
            "mean",
            "min",
            "median",
            "max",
            "top value",
        ]
        .map(str::to_owned)
        .to_vec(),
    ];
    for row in profile.rows {
        lines.push(line(&row?));
    }
    // A column that says nothing on any line is left out.
    let said: Vec<bool> = (0..lines[0].len())
        .map(|at| lines.len() == 1 || lines[1..].iter().any(|line| !line[at].is_empty()))
        .collect();
    let lines: Vec<Vec<String>> = lines
        .into_iter()
        .map(|line| {
            line.into_iter()
                .zip(&said)
                .filter(|(_, said)| **said)
                .map(|(t, _)| t)
                .collect()
        })
        .collect();
    let mut table = driftline_verdict::report::aligned(&lines);
    for skipped in &profile.skipped {
        table.push_str(&format!(
            "not summarised: `{}` ({}): {}\n",
            skipped.column, skipped.data_type, skipped.reason
        ));
    }
    Ok(table)
}

fn line(row: &ProfileRow) -> Vec<String> {
    let profile = &row.profile;
    let number = |value: Option<f64>| value.map_or(String::new(), crate::findings::number);
    let lengths = profile.text().map(|text| text.characters());
    let numeric = profile.numeric().or(lengths);
    let time = matches!(
        profile.value_type,
        driftline_statistics::ValueType::Timestamp | driftline_statistics::ValueType::Date
    );
    let value = |value: Option<f64>| match value {
        Some(seconds) if time => crate::report::instant((seconds * 1e6) as i64, Tz::UTC),
        other => number(other),
    };
    let values = profile
        .categorical()
        .or(profile.text().map(|text| text.values()));
    let top = values.and_then(|values| values.values().into_iter().next());
    let distinct = profile.distinct().map_or(String::new(), |distinct| {
        let about = if distinct.exact { "" } else { "≈" };
        format!("{about}{:.0}", distinct.value)
    });
    vec![
        row.span.map_or(String::new(), |span| {
            crate::report::instant(span.start_us, Tz::UTC)
        }),
        row.slice.as_ref().map_or(String::new(), |slice| {
            format!(
                "{}={}",
                slice.column,
                slice.value.as_deref().unwrap_or("null")
            )
        }),
        row.column.clone(),
        if lengths.is_some() {
            "text (length)".to_owned()
        } else {
            profile.value_type.name().to_owned()
        },
        profile.rows.to_string(),
        profile.nulls.to_string(),
        distinct,
        value(numeric.and_then(NumericProfile::mean)),
        value(numeric.and_then(NumericProfile::min)),
        value(numeric.and_then(|n| n.quantiles().quantile(0.5))),
        value(numeric.and_then(NumericProfile::max)),
        top.map_or(String::new(), |top| {
            let short: String = top.value.chars().take(24).collect();
            let short: String = short
                .chars()
                .map(|c| if c.is_control() { ' ' } else { c })
                .collect();
            format!("{short} ({})", top.count)
        }),
    ]
}

fn borrowed(profiles: &[(String, ColumnProfile)]) -> Vec<(String, &ColumnProfile)> {
    profiles
        .iter()
        .map(|(name, profile)| (name.clone(), profile))
        .collect()
}
