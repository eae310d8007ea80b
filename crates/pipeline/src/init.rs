//! A first pipeline and schema, from nothing but the data.
//!
//! The data is looked at as a stranger would: which column says when a row happened, what
//! the other columns are for, how long a window must be for drift to show, where the
//! training data ends. Each choice is written beside its reason, so that a person who knows
//! better can change it.

mod columns;
mod time;
mod yaml;

use crate::{
    PipelineError,
    config::{Duration, Name, Pipeline, SourceConfig, TimeConfig},
    rows::quoted,
};
use columns::Chosen;
use driftline_engine::{ColumnInfo, Engine, ProfileColumn, ProfileRequest, Rows, Source, Windows};
use driftline_schema::{InferConfig, Ranges, Role, Schema};
use driftline_statistics::ColumnProfile;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
pub(crate) use time::TimeColumn;

/// The share of the rows that is training data where no column says when they happened.
const TRAINING_SHARE: f64 = 0.8;

/// What a starter is made for.
#[derive(Debug, Clone)]
pub struct InitRequest {
    /// The training data, or all data.
    pub source: String,
    /// The live data, where that is another source.
    pub live: Option<String>,
    /// The pipeline's name; by default that of the source's file.
    pub name: Option<Name>,
    /// The folder that the files go to; relative sources are named so that they are found
    /// from there.
    pub folder: PathBuf,
}

/// A pipeline and its schema, to be written into one folder.
#[derive(Debug, Clone)]
pub struct Starter {
    /// `pipeline.yaml`.
    pub pipeline: String,
    /// `schema.yaml`.
    pub schema: String,
    /// What was chosen, one sentence each.
    pub choices: Vec<String>,
}

impl Starter {
    /// Name of the pipeline's file.
    pub const PIPELINE: &'static str = "pipeline.yaml";
    /// Name of the schema's file.
    pub const SCHEMA: &'static str = "schema.yaml";
}

/// Everything that is chosen, before it is put into YAML.
struct Choice {
    name: Name,
    baseline: SourceConfig,
    live: SourceConfig,
    /// Why the sides are parted as they are.
    parted: String,
    time: Option<ChosenTime>,
    prepare: Option<String>,
    /// The text column that terms are sought in.
    text: Option<String>,
    /// A column that slices the rows well.
    slice: Option<String>,
    /// Rows that a window must have.
    min_rows: Option<u64>,
    baseline_rows: u64,
    columns: Vec<Chosen>,
    schema: Schema,
}

struct ChosenTime {
    column: TimeColumn,
    window: Duration,
    windows: u64,
}

/// Looks at data and writes a pipeline and a schema that fit it.
///
/// # Errors
/// Those of reading the source; [`PipelineError::Configuration`] for a source that cannot
/// be read twice or has no rows.
pub async fn starter(engine: &Engine, request: &InitRequest) -> Result<Starter, PipelineError> {
    let unfit = |message: String| PipelineError::Configuration { message };
    if request.source == "-" || request.live.as_deref() == Some("-") {
        return Err(unfit(
            "a pipeline reads its data again on every run, which standard input cannot; write it to a file first".into(),
        ));
    }
    let rows = engine.open(&Source::new(&request.source)).await?;
    let sample = rows.first_profiles().await?;
    let total = rows.count().await?;
    if total == 0 {
        return Err(unfit(format!(
            "{} has no rows, so nothing can be learnt from it",
            request.source
        )));
    }
    let name = match &request.name {
        Some(name) => name.clone(),
        None => name_of(&request.source),
    };
    let mut baseline = SourceConfig::of(found_from(&request.source, &request.folder)?);
    let mut live = match &request.live {
        Some(live) => SourceConfig::of(found_from(live, &request.folder)?),
        None => baseline.clone(),
    };
    let found = time::find(&rows, &sample).await?;
    let time = found.map(|column| {
        let (window, windows) = time::window(&column, total);
        ChosenTime {
            column,
            window,
            windows,
        }
    });
    let prepare = time.as_ref().and_then(|time| time.column.conversion());
    let parted = match (&request.live, &time) {
        (Some(_), _) => "two sources were given".to_owned(),
        (None, Some(time)) => {
            let cut = time::cut(&time.column, time.window)?;
            baseline.prepare = Some(time.column.side(&cut, "<"));
            live.prepare = Some(time.column.side(&cut, ">="));
            format!(
                "there is one source: rows before {} are the training data, those from then on are live",
                cut.day
            )
        }
        (None, None) => {
            let training = ((total as f64 * TRAINING_SHARE) as u64).max(1);
            let part = |sign: &str| {
                format!("SELECT * FROM source QUALIFY row_number() OVER () {sign} {training}")
            };
            baseline.prepare = Some(part("<="));
            live.prepare = Some(part(">"));
            format!(
                "there is one source and no time in it: its first {training} rows are the training data, those after them are live"
            )
        }
    };
    let mut training = rows;
    for sql in [&baseline.prepare, &prepare].into_iter().flatten() {
        training = training.prepare(sql).await?;
    }
    let training = training.materialise().await?;
    let windows = time
        .as_ref()
        .map(|time| TimeConfig::of(time.column.name.clone(), time.window).windows());
    let windows = windows.transpose()?;
    let profiles = profile(&training, time.as_ref()).await?;
    let baseline_rows = profiles.iter().map(|(_, p)| p.rows).max().unwrap_or(0);
    if baseline_rows == 0 {
        return Err(unfit(format!(
            "{}: no row is left for training data",
            request.source
        )));
    }
    let time_name = time.as_ref().map(|time| time.column.name.as_str());
    let columns = columns::choose(&profiles, time_name);
    let roles: BTreeMap<String, Role> = columns
        .iter()
        .filter_map(|column| Some((column.name.clone(), column.role?)))
        .collect();
    let borrowed: Vec<(String, &ColumnProfile)> = profiles
        .iter()
        .map(|(name, profile)| (name.clone(), profile))
        .collect();
    let mut schema = driftline_schema::infer(
        &borrowed,
        &InferConfig {
            roles,
            ranges: Ranges::None,
            ..InferConfig::default()
        },
    );
    for column in &mut schema.columns {
        // What the calendar has brought so far is not all that it brings.
        if column.role == Some(Role::Time) {
            column.boolean = None;
        }
    }
    let min_rows = match &windows {
        Some(windows) => least_rows(&training, windows).await?,
        None => None,
    };
    let choice = Choice {
        name,
        baseline,
        live,
        parted,
        prepare,
        text: columns::text(&profiles, &columns).filter(|_| time.is_some()),
        slice: columns::slice(&profiles, &columns),
        time,
        min_rows,
        baseline_rows,
        columns,
        schema,
    };
    let starter = Starter {
        pipeline: yaml::pipeline(&choice),
        schema: yaml::schema(&choice),
        choices: choice.told(),
    };
    // What is written must be what is read: a mistake here is ours.
    let internal = |error: &dyn std::fmt::Display| PipelineError::Internal {
        message: format!("the files that were made up are wrong: {error}"),
    };
    Pipeline::parse(&starter.pipeline, Starter::PIPELINE, Default::default())
        .map_err(|error| internal(&error))?;
    Schema::from_yaml(Starter::SCHEMA, &starter.schema).map_err(|error| internal(&error))?;
    Ok(starter)
}

impl Choice {
    fn told(&self) -> Vec<String> {
        let mut told = vec![self.parted.clone()];
        match &self.time {
            Some(time) => {
                told.push(format!(
                    "`{}` is the time of a row: {}",
                    time.column.name, time.column.reason
                ));
                told.push(format!(
                    "a window is {}: that makes {} windows of all the data",
                    time.window, time.windows
                ));
            }
            None => told.push(
                "no column says when a row happened, so drift is at most a warning".to_owned(),
            ),
        }
        if let Some(text) = &self.text {
            told.push(format!("new words are sought in `{text}`"));
        }
        told
    }
}

/// Profiles of every column, by the roles that a sample suggests.
async fn profile(
    rows: &Rows,
    time: Option<&ChosenTime>,
) -> Result<Vec<(String, ColumnProfile)>, PipelineError> {
    let sample = rows.first_profiles().await?;
    let text = |info: &ColumnInfo, profile: &ColumnProfile| {
        time.is_none_or(|time| time.column.name != info.name)
            && driftline_schema::infer_role(profile) == Some(Role::Text)
    };
    let request = ProfileRequest {
        columns: sample
            .iter()
            .map(|(info, profile)| ProfileColumn {
                name: info.name.clone(),
                text: text(info, profile),
            })
            .collect(),
        ..ProfileRequest::default()
    };
    let profiles = rows.profile(&request).await?.into_iter();
    Ok(profiles.map(|row| (row.column, row.profile)).collect())
}

/// Half of the rows of the emptiest window that the data fills.
async fn least_rows(rows: &Rows, windows: &Windows) -> Result<Option<u64>, PipelineError> {
    let counted = [("rows".to_owned(), "count(*)".to_owned())];
    let mut counts: Vec<f64> = rows
        .aggregate(&counted, Some(windows))
        .await?
        .into_iter()
        .filter(|row| row.span.is_some())
        .filter_map(|row| row.values.first().copied().flatten())
        .collect();
    // The first and the last may be cut by the ends of the data.
    if counts.len() > 3 {
        counts = counts.split_off(1);
        counts.pop();
    }
    let least = counts.into_iter().min_by(f64::total_cmp);
    Ok(least
        .map(|least| (least / 2.0) as u64)
        .filter(|least| *least > 0))
}

/// A source as the pipeline file names it, whose paths are read against its folder.
fn found_from(source: &str, folder: &Path) -> Result<String, PipelineError> {
    let path = Path::new(source);
    if source.contains("://") || path.is_absolute() {
        return Ok(source.to_owned());
    }
    let here = |path: &Path| {
        std::path::absolute(path).map_err(|error| PipelineError::Unreadable {
            path: path.to_owned(),
            reason: error.to_string(),
        })
    };
    let (folder, whole) = (here(folder)?, here(path)?);
    let inside = whole.strip_prefix(&folder);
    Ok(inside.unwrap_or(&whole).display().to_string())
}

/// A name for a pipeline from that of its source: its letters and digits.
fn name_of(source: &str) -> Name {
    let names = Path::new(source)
        .iter()
        .rev()
        .map(|part| part.to_string_lossy());
    let mut stems = names.map(|part| part.split('.').next().unwrap_or_default().to_owned());
    let stem = stems
        .find(|stem| stem.contains(|c: char| c.is_ascii_alphanumeric()))
        .unwrap_or_default();
    let mut name = String::new();
    for c in stem.chars() {
        match c {
            c if c.is_ascii_alphanumeric() || c == '_' => name.push(c),
            _ if !name.is_empty() && !name.ends_with('-') => name.push('-'),
            _ => {}
        }
    }
    let name: String = name.trim_end_matches('-').chars().take(64).collect();
    name.parse()
        .or_else(|_| "data".parse())
        .expect("a plain word is a name")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pipeline_is_called_like_its_source() {
        for (source, name) in [
            ("data/taxi-2013.parquet", "taxi-2013"),
            ("taxi-201[34].csv.gz", "taxi-201-34"),
            ("s3://bucket/我.csv", "bucket"),
            ("folder/", "folder"),
            ("data/taxi/*.parquet", "taxi"),
        ] {
            assert_eq!(name_of(source).as_str(), name, "{source}");
        }
    }
}
