//! Rows of one side of a pipeline, prepared and scored once, with what is known of
//! their columns.

use crate::{
    PipelineError, challenger,
    config::{ModelConfig, Name, Pipeline, SourceConfig},
};
use driftline_engine::{ColumnInfo, Engine, PartitionRange, ProfileColumn, Rows, Source, Tz};
use driftline_schema::Role;
use driftline_scorer::{Manifest, TOKEN_FIELDS};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// One side's rows: prepared, scored and kept in temporary files.
pub(crate) struct PreparedRows {
    pub(crate) rows: Rows,
    /// First and last instant, in microseconds; `None` without a time column or rows.
    pub(crate) range: Option<(i64, i64)>,
    /// Whether they are known to be in the order of the files.
    pub(crate) in_file_order: bool,
    /// The columns that models added.
    pub(crate) scored: Vec<ScoredColumn>,
}

/// Which files of a source are read, and what they do not tell; all and nothing by default.
#[derive(Debug, Default)]
pub(crate) struct Part {
    /// Only folders that may hold rows of this time.
    pub(crate) within: Option<PartitionRange>,
    /// Only files of these names.
    pub(crate) only: Option<Arc<BTreeSet<String>>>,
    /// What columns are, where the files do not tell.
    pub(crate) types: Vec<ColumnInfo>,
}

impl PreparedRows {
    /// Opens a source, runs `prepare`, scores, and reads everything once.
    pub(crate) async fn read(
        engine: &Engine,
        pipeline: &Pipeline,
        side: &SourceConfig,
    ) -> Result<Self, PipelineError> {
        Self::read_part(engine, pipeline, side, false, Part::default()).await
    }

    /// As [`read`](Self::read), of a part of the files; where `in_order`, by one thread, so that
    /// rows keep the order of the files where `prepare` does.
    pub(crate) async fn read_part(
        engine: &Engine,
        pipeline: &Pipeline,
        side: &SourceConfig,
        in_order: bool,
        part: Part,
    ) -> Result<Self, PipelineError> {
        let written = async |rows: &Rows| match in_order {
            true => rows.materialise_in_order().await,
            false => rows.materialise().await,
        };
        let source = Source {
            skip_corrupt: pipeline.skip_corrupt,
            within: part.within,
            only: part.only,
            types: part.types,
            ..Source::new(pipeline.source(side))
        };
        let mut rows = engine.open(&source).await?;
        if let Some(sql) = &side.prepare {
            rows = rows.prepare(sql).await?;
        }
        if let Some(sql) = &pipeline.prepare {
            rows = rows.prepare(sql).await?;
        }
        let in_file_order = in_order && rows.is_in_file_order();
        rows = written(&rows).await?;
        let mut scored = Vec::new();
        if !pipeline.models.is_empty() {
            for (name, model) in &pipeline.models {
                let scorer = engine.scorer(name.as_str())?;
                let keeps = challenger::keeps(engine, (name, model), &rows)?;
                let manifest = scorer.manifest();
                let added =
                    score_columns(pipeline, (name, model), manifest, &rows, keeps.as_deref())?;
                let sql: Vec<(String, String)> = added
                    .iter()
                    .map(|(column, sql)| (column.name.clone(), sql.clone()))
                    .collect();
                rows = rows.with_columns(&sql).await?;
                scored.extend(added.into_iter().map(|(column, _)| column));
            }
            rows = written(&rows).await?;
        }
        let range = match &pipeline.time {
            Some(time) => rows.time_range(&time.column, time_zone(pipeline)?).await?,
            None => None,
        };
        Ok(Self {
            rows,
            range,
            in_file_order,
            scored,
        })
    }

    /// Whether a column is what a model makes of a row: no property of the data.
    pub(crate) fn is_scored(&self, column: &str) -> bool {
        self.scored.iter().any(|scored| scored.name == column)
    }

    /// Columns that are profiled, in order, with their Arrow types.
    pub(crate) fn columns(&self, pipeline: &Pipeline) -> Vec<ColumnInfo> {
        let mut columns = self.rows.columns();
        let is_kept = |name: &str| {
            let mut scored = self.scored.iter();
            scored.any(|scored| scored.name == name && scored.field == PROBABILITIES)
        };
        columns.retain(|column| !pipeline.ignore.contains(&column.name) && !is_kept(&column.name));
        columns
    }
}

/// The pipeline's time zone; UTC without a time column.
pub(crate) fn time_zone(pipeline: &Pipeline) -> Result<Tz, PipelineError> {
    match &pipeline.time {
        Some(time) => Ok(driftline_engine::time_zone(&time.time_zone)?),
        None => Ok(Tz::UTC),
    }
}

/// A column that a model adds.
#[derive(Debug, Clone)]
pub(crate) struct ScoredColumn {
    /// Its name.
    pub(crate) name: String,
    /// The field of the score that it holds.
    pub(crate) field: String,
}

/// The field of a score that holds the probability of each label: kept where true values are
/// held against it, and never profiled.
pub(crate) const PROBABILITIES: &str = "probabilities";

/// The name of the column that holds a field of a model's score.
pub(crate) fn scored_name(model: &Name, field: &str) -> String {
    format!("{model}_{field}")
}

/// A model's columns, as the rows name them.
fn read_columns(
    name: &Name,
    model: &ModelConfig,
    manifest: &Manifest,
    rows: &Rows,
) -> Result<Vec<String>, PipelineError> {
    let wrong = |message: String| PipelineError::Configuration { message };
    let asked = manifest.columns();
    if let Some(unknown) = model
        .columns
        .keys()
        .find(|key| !asked.contains(&key.as_str()))
    {
        return Err(wrong(format!(
            "`models.{name}.columns` names `{unknown}`, which the manifest of {} does not read; it \
             reads {}",
            manifest.id(),
            asked.join(", ")
        )));
    }
    if model.text.is_some() && manifest.text_column() != Some(driftline_scorer::TEXT_COLUMN) {
        return Err(wrong(format!(
            "`models.{name}.text` is for a manifest that names no column of texts; that of {} reads \
             {}: name them in `columns` where they are called otherwise",
            manifest.id(),
            asked.join(", ")
        )));
    }
    let known: Vec<String> = rows
        .columns()
        .into_iter()
        .map(|column| column.name)
        .collect();
    asked
        .into_iter()
        .map(|column| {
            let text = || {
                model
                    .text
                    .as_ref()
                    .filter(|_| manifest.text_column() == Some(column))
            };
            let here = model.columns.get(column).or_else(text);
            let here = here.map_or(column, String::as_str);
            if known.iter().any(|name| name == here) {
                return Ok(here.to_owned());
            }
            Err(wrong(format!(
                "the model `{name}` reads the column `{here}`, which the rows do not have; their \
                 columns are {}; say which it is: `columns: {{{column}: …}}`",
                known.join(", ")
            )))
        })
        .collect()
}

/// The columns that a model adds, and their SQL; null where a condition does not hold.
pub(crate) fn score_columns(
    pipeline: &Pipeline,
    (name, model): (&Name, &ModelConfig),
    manifest: &Manifest,
    rows: &Rows,
    only: Option<&str>,
) -> Result<Vec<(ScoredColumn, String)>, PipelineError> {
    let columns = read_columns(name, model, manifest, rows)?;
    let columns: Vec<String> = columns.iter().map(|column| quoted(column)).collect();
    let asked = manifest.columns();
    let text = asked
        .iter()
        .position(|&asked| manifest.text_column() == Some(asked));
    let text = text.and_then(|at| columns.get(at));
    let read = columns.join(", ");
    let row = match columns.as_slice() {
        [one] => one.clone(),
        _ => format!("concat_ws('\u{1f}', {read})"),
    };
    // A sample by a seeded hash, so that the same rows are drawn each time.
    let chosen = model.rows.map(|rows| {
        let seed = pipeline.seed;
        match &pipeline.time {
            Some(time) => format!(
                "row_number() OVER (PARTITION BY \
                 window_start(event_time({}, '{}', '{zone}'), '{}', '{zone}', '1970-01-05') \
                 ORDER BY seeded_hash({row}, {seed})) <= {rows}",
                quoted(&time.column),
                time.column.replace('\'', "''"),
                time.gap.or(time.slide).unwrap_or(time.window),
                zone = time.time_zone,
            ),
            None => format!("row_number() OVER (ORDER BY seeded_hash({row}, {seed})) <= {rows}"),
        }
    });
    let chosen: Vec<String> = chosen.into_iter().chain(only.map(str::to_owned)).collect();
    let chosen = (!chosen.is_empty()).then(|| chosen.join(" AND "));
    let kept = pipeline.targets.is_some() && driftline_scorer::gives_probabilities(manifest);
    let kept = kept.then(|| PROBABILITIES.to_owned());
    let scored = driftline_scorer::monitored_fields(manifest).into_iter();
    let scored = scored.chain(kept).map(|field| {
        let score = format!("score('{name}', {read})['{field}']");
        (field, score)
    });
    let tokens: Vec<(String, String)> = match (model.tokens, text) {
        (false, _) => Vec::new(),
        (true, Some(text)) => TOKEN_FIELDS
            .map(|field| {
                (
                    field.to_owned(),
                    format!("tokens('{name}', {text})['{field}']"),
                )
            })
            .into(),
        (true, None) => {
            return Err(PipelineError::Configuration {
                message: format!(
                    "`models.{name}.tokens` is for a model that reads texts; {} reads {}",
                    manifest.id(),
                    asked.join(", ")
                ),
            });
        }
    };
    Ok(scored
        .chain(tokens)
        .map(|(field, value)| {
            let expression = match &chosen {
                Some(chosen) => format!("CASE WHEN {chosen} THEN {value} END"),
                None => value,
            };
            let name = scored_name(name, &field);
            (ScoredColumn { name, field }, expression)
        })
        .collect())
}

/// A column's name as SQL.
pub(crate) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// The role of every column: as configured, else as the first rows suggest.
pub(crate) async fn roles(
    prepared: &PreparedRows,
    pipeline: &Pipeline,
    given: Option<&driftline_schema::Schema>,
) -> Result<BTreeMap<String, Role>, PipelineError> {
    let mut roles = BTreeMap::new();
    let sample = prepared.rows.roles_sample().await?;
    for (info, profile) in &sample {
        let role = given
            .and_then(|schema| schema.column(&info.name)?.role)
            .or_else(|| driftline_schema::infer_role(profile));
        roles.extend(role.map(|role| (info.name.clone(), role)));
    }
    for column in &prepared.scored {
        let role = match column.field.as_str() {
            "label" => Role::Label,
            "confidence" => Role::Confidence,
            PROBABILITIES => continue,
            _ => Role::Score,
        };
        roles.insert(column.name.clone(), role);
    }
    for text in pipeline
        .models
        .values()
        .filter_map(|model| model.text.as_ref())
    {
        roles.insert(text.clone(), Role::Text);
    }
    if let Some(time) = &pipeline.time {
        roles.insert(time.column.clone(), Role::Time);
    }
    for (column, role) in &pipeline.roles {
        if !sample.iter().any(|(info, _)| info.name == *column) {
            return Err(unknown_column(prepared, "roles", column));
        }
        roles.insert(column.clone(), role.0);
    }
    if let Some(terms) = &pipeline.terms {
        if !sample.iter().any(|(info, _)| info.name == terms.column) {
            return Err(unknown_column(prepared, "terms", &terms.column));
        }
        roles.insert(terms.column.clone(), Role::Text);
    }
    for column in pipeline.drift.columns.keys() {
        if !sample.iter().any(|(info, _)| info.name == *column) {
            return Err(unknown_column(prepared, "drift", column));
        }
    }
    Ok(roles)
}

fn unknown_column(prepared: &PreparedRows, key: &str, column: &str) -> PipelineError {
    let columns: Vec<String> = prepared
        .rows
        .columns()
        .into_iter()
        .map(|c| c.name)
        .collect();
    PipelineError::Configuration {
        message: format!(
            "`{key}` names the column `{column}`, which the baseline does not have; its columns are {}",
            columns.join(", ")
        ),
    }
}

/// What to profile: every column, text as text.
pub(crate) fn profile_columns(
    columns: &[ColumnInfo],
    roles: &BTreeMap<String, Role>,
) -> Vec<ProfileColumn> {
    columns
        .iter()
        .map(|column| ProfileColumn {
            name: column.name.clone(),
            text: roles.get(&column.name) == Some(&Role::Text),
        })
        .collect()
}
