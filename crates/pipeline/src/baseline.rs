//! The baseline: what windows are compared with, frozen.
//!
//! A baseline is a directory of ordinary files: `schema.yaml`, `profile.parquet` (one
//! row for each block and column, so that the limits can be learnt again),
//! `vocabulary.bin` and `novel_stretch.json` (of the text column with terms), `multivariate.json` and
//! `multivariate.arrow` (of several columns together) and
//! `manifest.json` with their hashes, whose own hash names the baseline.

use crate::{
    PipelineError,
    config::Pipeline,
    hash::hex,
    multivariate::{self, MultivariateCard},
    novelty::{self, NoveltyCard},
    own_windows::OwnTest,
    rows::{PreparedRows, profile_columns, quoted, roles, time_zone},
    season::hour_of_week,
};
use driftline_drift::{
    Block, Calibrator, ColumnKey, ColumnSettings, Profiles, Settings, rate_share,
};
use driftline_engine::{
    ColumnInfo, Engine, ProfileColumn, ProfileRequest, ProfileRow, Rows, Slice, Span, Tz,
    VocabularyRequest, VocabularyTime,
};
use driftline_schema::{InferConfig, Role, Schema};
use driftline_statistics::{
    ColumnProfile,
    ngrams::{NgramConfig, NgramCounts},
};
use driftline_vocabulary::BaselineVocabulary;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, path::Path, sync::Arc};

const MANIFEST: &str = "manifest.json";
const SCHEMA: &str = "schema.yaml";
const VOCABULARY: &str = "vocabulary.bin";
const NOVELTY: &str = "novel_stretch.json";
const MULTIVARIATE: &str = "multivariate.json";
const MULTIVARIATE_ROWS: &str = "multivariate.arrow";
const PROFILE: &str = "profile.parquet";

/// Folds of a baseline's time, for telling what one part of it says that no other does.
const FOLDS: usize = driftline_statistics::ngrams::FOLDS;
/// Rows of a block where rows have no time: as many blocks as there are rows, within reason.
const UNTIMED_BLOCKS: u64 = 200;
const CHUNK: &str = "driftline_chunk";

/// A baseline ready to judge windows.
pub struct Baseline {
    /// What columns must look like.
    pub schema: Schema,
    /// Role of every column.
    pub roles: BTreeMap<String, Role>,
    /// Profiles of the whole training data.
    pub profiles: BTreeMap<String, ColumnProfile>,
    /// The vocabulary of the text column that terms are sought in.
    pub vocabulary: Option<Arc<BaselineVocabulary>>,
    /// First and last instant, in microseconds.
    pub range: Option<(i64, i64)>,
    /// The zone that its times are shown in.
    pub zone: Tz,
    /// Its rows.
    pub rows: u64,
    /// Blocks with rows.
    pub blocks: Vec<ProfileRow>,
    /// Values of the pipeline's rules in the baseline's own windows, by rule.
    pub rules: Vec<Vec<f64>>,
    /// What stretches of the baseline's own windows say that nothing else does.
    pub novelty: Option<NoveltyCard>,
    /// What several columns together are compared with.
    pub multivariate: Option<MultivariateCard>,
    /// What was measured in its own windows, by test; none where the baseline was read from a folder.
    pub(crate) own_windows: Vec<OwnTest>,
    /// Its rows, prepared and scored; `None` where it was read from a folder.
    pub(crate) source_rows: Option<Rows>,
    /// The limits.
    pub calibrator: Calibrator,
    /// Name of the training data, for people.
    pub source: String,
}

/// What a baseline's directory holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Version of the directory's format.
    pub format_version: u32,
    /// Where the training data came from.
    pub source: String,
    /// Rows of the training data.
    pub rows: u64,
    /// SHA-256 of every file, by name.
    pub files: BTreeMap<String, String>,
}

impl Manifest {
    /// The version that this build writes.
    pub const FORMAT_VERSION: u32 = 1;

    /// The baseline's identity: it changes with the content of any file.
    pub fn id(&self) -> String {
        let files = serde_json::to_vec(&self.files).expect("a map of strings is JSON");
        let mut id = hex(&Sha256::digest(files));
        id.truncate(16);
        id
    }
}

/// Name of the derived column with the share of a text that the vocabulary lacks.
pub(crate) fn out_of_vocabulary_column(text: &str) -> String {
    format!("{text}_out_of_vocabulary")
}

impl Baseline {
    /// Learns the baseline from a pipeline's training data, or reads it where the source
    /// is a baseline's own folder or a profile file.
    pub(crate) async fn learn(engine: &Engine, pipeline: &Pipeline) -> Result<Self, PipelineError> {
        let source = pipeline.source(&pipeline.baseline);
        let path = Path::new(&source);
        // A schema that the pipeline names takes the place of one that was learnt.
        let given = match &pipeline.schema {
            Some(path) => Some(read_schema(&pipeline.path(path))?),
            None => None,
        };
        if path.join(MANIFEST).is_file() {
            return Self::read(engine, pipeline, path, given);
        }
        if driftline_engine::profile_file::is_profile(path) {
            let blocks = driftline_engine::profile_file::read(path)?;
            return Self::of_blocks(engine, pipeline, blocks, given, Learnt::default());
        }
        let mut prepared = PreparedRows::read(engine, pipeline, &pipeline.baseline).await?;
        let roles = roles(&prepared, pipeline, given.as_ref()).await?;
        let vocabulary = match &pipeline.terms {
            Some(terms) => Some(learn_vocabulary(&prepared, pipeline, &terms.column).await?),
            None => None,
        };
        let own = prepared.columns(pipeline);
        let mut columns = profile_columns(&own, &roles);
        if let (Some(terms), Some(vocabulary)) = (&pipeline.terms, &vocabulary) {
            engine.add_vocabulary(&terms.column, Arc::clone(vocabulary));
            let name = out_of_vocabulary_column(&terms.column);
            let share = out_of_vocabulary(pipeline, &terms.column, prepared.range);
            prepared.rows = prepared.rows.with_columns(&[(name.clone(), share)]).await?;
            columns.push(ProfileColumn { name, text: false });
        }
        let blocks = profile_blocks(&prepared, pipeline, columns).await?;
        let profiles = whole(&blocks)?;
        let rows = profiles
            .values()
            .map(|profile| profile.rows)
            .max()
            .unwrap_or(0);
        if rows == 0 {
            return Err(PipelineError::NoTrainingData { baseline: source });
        }
        let schema = match given {
            Some(schema) => schema,
            None => infer_schema(&own, &prepared, &profiles, &roles),
        };
        let rules = rule_values(&prepared, pipeline).await?;
        let scanned = match &vocabulary {
            Some(vocabulary) => {
                novelty::own_windows(&prepared.rows, pipeline, vocabulary, prepared.range).await?
            }
            None => None,
        };
        let novelty = scanned.as_ref();
        let novelty = novelty.and_then(|own| NoveltyCard::learn(pipeline, own));
        let scanned = scanned.filter(|_| novelty.is_some());
        let learnt = multivariate::learn(&prepared, pipeline, &roles).await?;
        let (multivariate, tests) = learnt.unzip();
        let own_windows = scanned.into_iter().chain(tests.into_iter().flatten());
        let shares = of_cards(novelty.as_ref(), multivariate.as_ref());
        let calibrator = calibrator(pipeline, &roles, &blocks, shares)?;
        Ok(Self {
            schema,
            roles,
            profiles,
            vocabulary,
            range: prepared.range,
            zone: time_zone(pipeline)?,
            rows,
            blocks,
            rules,
            novelty,
            multivariate,
            own_windows: own_windows.collect(),
            source_rows: Some(prepared.rows),
            calibrator,
            source: pipeline.baseline.source.clone(),
        })
    }

    /// Reads a baseline's folder, whose files must be those that were written.
    fn read(
        engine: &Engine,
        pipeline: &Pipeline,
        folder: &Path,
        given: Option<Schema>,
    ) -> Result<Self, PipelineError> {
        let manifest = verified(folder)?;
        let schema = match given {
            Some(schema) => schema,
            None => read_schema(&folder.join(SCHEMA))?,
        };
        let vocabulary = match manifest.files.contains_key(VOCABULARY) {
            true => Some(Arc::new(
                BaselineVocabulary::from_bytes(&read_file(folder, VOCABULARY)?)
                    .map_err(|error| damaged(folder, VOCABULARY, &error.to_string()))?,
            )),
            false => None,
        };
        let novelty: Option<NoveltyCard> = match manifest.files.contains_key(NOVELTY) {
            true => Some(
                serde_json::from_slice(&read_file(folder, NOVELTY)?)
                    .map_err(|error| damaged(folder, NOVELTY, &error.to_string()))?,
            ),
            false => None,
        };
        let novelty = novelty.filter(|card| card.fits(pipeline));
        let multivariate = match manifest.files.contains_key(MULTIVARIATE) {
            true => Some(read_multivariate(folder)?),
            false => None,
        };
        let multivariate = multivariate.filter(|card| card.null.fits(pipeline));
        let blocks = driftline_engine::profile_file::read(&folder.join(PROFILE))?;
        let learnt = Learnt {
            vocabulary,
            novelty,
            multivariate,
        };
        Self::of_blocks(engine, pipeline, blocks, Some(schema), learnt)
    }

    /// A baseline of profiles that were made before.
    fn of_blocks(
        engine: &Engine,
        pipeline: &Pipeline,
        blocks: Vec<ProfileRow>,
        schema: Option<Schema>,
        learnt: Learnt,
    ) -> Result<Self, PipelineError> {
        let Learnt {
            vocabulary,
            novelty,
            multivariate,
        } = learnt;
        let profiles = whole(&blocks)?;
        let mut roles: BTreeMap<String, Role> = BTreeMap::new();
        for (name, profile) in &profiles {
            let given = schema.as_ref().and_then(|schema| schema.column(name)?.role);
            let role = given.or_else(|| driftline_schema::infer_role(profile));
            roles.extend(role.map(|role| (name.clone(), role)));
        }
        for (name, role) in &pipeline.roles {
            roles.insert(name.clone(), role.0);
        }
        if let (Some(terms), Some(vocabulary)) = (&pipeline.terms, &vocabulary) {
            engine.add_vocabulary(&terms.column, Arc::clone(vocabulary));
        }
        if pipeline.terms.is_some() && vocabulary.is_none() {
            return Err(PipelineError::Configuration {
                message: format!(
                    "the baseline {} holds no vocabulary, so no terms can be told; make it from a pipeline with `terms`, or name the training data itself",
                    pipeline.baseline.source
                ),
            });
        }
        if pipeline.drift.multivariate.is_some() && multivariate.is_none() {
            return Err(PipelineError::Configuration {
                message: format!(
                    "the baseline {} holds nothing of columns together as `drift.multivariate` asks for it; make it from this pipeline, or name the training data itself",
                    pipeline.baseline.source
                ),
            });
        }
        let schema = schema.unwrap_or_else(|| {
            let columns: Vec<(String, &ColumnProfile)> = profiles
                .iter()
                .map(|(name, profile)| (name.clone(), profile))
                .collect();
            let config = InferConfig {
                roles: roles.clone(),
                ..InferConfig::default()
            };
            driftline_schema::infer(&columns, &config)
        });
        let spans = || blocks.iter().filter_map(|row| row.span);
        let range = spans()
            .map(|span| span.start_us)
            .min()
            .zip(spans().map(|span| span.end_us - 1).max());
        Ok(Self {
            rows: profiles
                .values()
                .map(|profile| profile.rows)
                .max()
                .unwrap_or(0),
            calibrator: calibrator(
                pipeline,
                &roles,
                &blocks,
                of_cards(novelty.as_ref(), multivariate.as_ref()),
            )?,
            novelty,
            multivariate,
            own_windows: Vec::new(),
            source_rows: None,
            schema,
            roles,
            profiles,
            vocabulary,
            range,
            zone: time_zone(pipeline)?,
            blocks,
            rules: Vec::new(),
            source: pipeline.baseline.source.clone(),
        })
    }

    /// The part of the stated rate that the cards have.
    pub(crate) fn share_of_cards(&self) -> f64 {
        of_cards(self.novelty.as_ref(), self.multivariate.as_ref())
    }

    /// Number of blocks that limits are learnt from.
    pub fn block_count(&self) -> usize {
        self.calibrator.blocks()
    }

    /// Writes the baseline's files into a folder that exists and is empty.
    ///
    /// # Errors
    /// [`PipelineError::Unwritable`].
    pub fn write(&self, folder: &Path) -> Result<Manifest, PipelineError> {
        let mut files = BTreeMap::new();
        let mut put = |name: &str, bytes: &[u8]| -> Result<(), PipelineError> {
            let path = folder.join(name);
            std::fs::write(&path, bytes).map_err(|error| unwritable(&path, &error))?;
            files.insert(name.to_owned(), hex(&Sha256::digest(bytes)));
            Ok(())
        };
        put(SCHEMA, self.schema.to_yaml().as_bytes())?;
        if let Some(vocabulary) = &self.vocabulary {
            put(VOCABULARY, &vocabulary.to_bytes())?;
        }
        if let Some(novelty) = &self.novelty {
            let text = serde_json::to_string_pretty(novelty).expect("a card is JSON");
            put(NOVELTY, (text + "\n").as_bytes())?;
        }
        if let Some(MultivariateCard { null, rows }) = &self.multivariate {
            let text = serde_json::to_string_pretty(null).expect("a card is JSON");
            put(MULTIVARIATE, (text + "\n").as_bytes())?;
            put(MULTIVARIATE_ROWS, &driftline_engine::rows_to_bytes(rows)?)?;
        }
        let profile = folder.join(PROFILE);
        driftline_engine::profile_file::write(&profile, self.blocks.iter().map(Ok))?;
        let bytes = std::fs::read(&profile).map_err(|error| unwritable(&profile, &error))?;
        files.insert(PROFILE.into(), hex(&Sha256::digest(&bytes)));
        let manifest = Manifest {
            format_version: Manifest::FORMAT_VERSION,
            source: self.source.clone(),
            rows: self.rows,
            files,
        };
        let path = folder.join(MANIFEST);
        let text = serde_json::to_string_pretty(&manifest).expect("a manifest is JSON");
        std::fs::write(&path, text + "\n").map_err(|error| unwritable(&path, &error))?;
        Ok(manifest)
    }
}

/// What was learnt of training data beside its profiles.
#[derive(Default)]
struct Learnt {
    vocabulary: Option<Arc<BaselineVocabulary>>,
    novelty: Option<NoveltyCard>,
    multivariate: Option<MultivariateCard>,
}

fn read_multivariate(folder: &Path) -> Result<MultivariateCard, PipelineError> {
    let null = serde_json::from_slice(&read_file(folder, MULTIVARIATE)?)
        .map_err(|error| damaged(folder, MULTIVARIATE, &error.to_string()))?;
    let bytes = read_file(folder, MULTIVARIATE_ROWS)?;
    let name = folder.join(MULTIVARIATE_ROWS).display().to_string();
    let rows = driftline_engine::rows_from_bytes(&bytes, &name)?;
    Ok(MultivariateCard { null, rows })
}

/// What the folder of a baseline says of itself, whose files must be those that were written.
///
/// # Errors
/// [`PipelineError::Unreadable`] for a folder that is none, or is damaged.
pub fn read_manifest(folder: &Path) -> Result<Manifest, PipelineError> {
    verified(folder)
}

fn damaged(folder: &Path, file: &str, reason: &str) -> PipelineError {
    PipelineError::Unreadable {
        path: folder.join(file),
        reason: reason.to_owned(),
    }
}

fn read_file(folder: &Path, file: &str) -> Result<Vec<u8>, PipelineError> {
    std::fs::read(folder.join(file)).map_err(|error| damaged(folder, file, &error.to_string()))
}

/// The manifest of a baseline's folder, whose files must be those that were written.
fn verified(folder: &Path) -> Result<Manifest, PipelineError> {
    let manifest: Manifest = serde_json::from_slice(&read_file(folder, MANIFEST)?)
        .map_err(|error| damaged(folder, MANIFEST, &format!("it is no manifest: {error}")))?;
    if manifest.format_version > Manifest::FORMAT_VERSION {
        return Err(damaged(
            folder,
            MANIFEST,
            "it was written by a newer build; use that one",
        ));
    }
    for (file, hash) in &manifest.files {
        if hex(&Sha256::digest(read_file(folder, file)?)) != *hash {
            return Err(damaged(
                folder,
                file,
                "its content is not what the manifest says; make the baseline again",
            ));
        }
    }
    Ok(manifest)
}

/// The profile of each column as a whole, where a path is a baseline's folder or a profile
/// file; `None` where it is a source.
pub(crate) fn stored_profiles(
    path: &Path,
) -> Result<Option<BTreeMap<String, ColumnProfile>>, PipelineError> {
    let file = if path.join(MANIFEST).is_file() {
        verified(path)?;
        path.join(PROFILE)
    } else if driftline_engine::profile_file::is_profile(path) {
        path.to_owned()
    } else {
        return Ok(None);
    };
    whole(&driftline_engine::profile_file::read(&file)?).map(Some)
}

pub(crate) fn unwritable(path: &Path, error: &std::io::Error) -> PipelineError {
    PipelineError::Unwritable {
        path: path.to_owned(),
        reason: error.to_string(),
    }
}

/// Reads a schema file: YAML, or TFDV's as text (`.pbtxt`) or binary (`.pb`).
///
/// # Errors
/// [`PipelineError::Unreadable`] and [`PipelineError::Schema`].
pub fn read_schema(path: &Path) -> Result<Schema, PipelineError> {
    let content = std::fs::read(path).map_err(|error| PipelineError::Unreadable {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    Ok(Schema::from_file(&path.display().to_string(), &content)?)
}

/// Profiles block by block: of time, or of rows in their order where they have no time.
async fn profile_blocks(
    prepared: &PreparedRows,
    pipeline: &Pipeline,
    columns: Vec<ProfileColumn>,
) -> Result<Vec<ProfileRow>, PipelineError> {
    let mut blocks = match &pipeline.time {
        Some(time) => {
            let request = ProfileRequest {
                columns,
                windows: Some(time.blocks()?),
                slices: pipeline.slices.clone(),
            };
            prepared.rows.profile(&request).await?
        }
        None => {
            // Of whole numbers: a share of a row would be a block of its own.
            let place = format!("CAST(row_number() OVER () - 1 AS BIGINT) * {UNTIMED_BLOCKS}");
            let chunk = format!("{place} / CAST(count(*) OVER () AS BIGINT)");
            let rows = prepared
                .rows
                .prepare(&format!("SELECT *, {chunk} AS {CHUNK} FROM source"))
                .await?;
            let request = ProfileRequest {
                columns,
                windows: None,
                slices: vec![CHUNK.to_owned()],
            };
            let mut rows = rows.profile(&request).await?;
            rows.retain(|row| row.slice.is_some());
            rows
        }
    };
    // A block without rows is a gap in the archive, not a quiet day: a window of gaps
    // would make every limit meaningless.
    blocks.retain(|row| row.profile.rows > 0);
    Ok(blocks)
}

async fn learn_vocabulary(
    prepared: &PreparedRows,
    pipeline: &Pipeline,
    text: &str,
) -> Result<Arc<BaselineVocabulary>, PipelineError> {
    let counts = prepared
        .rows
        .vocabulary(&VocabularyRequest {
            text: text.to_owned(),
            author: author(pipeline),
            baseline: true,
            over: match (&pipeline.time, prepared.range) {
                (Some(time), Some(range)) => VocabularyTime::Span {
                    column: time.column.clone(),
                    time_zone: time_zone(pipeline)?,
                    span: span(range),
                    folds: FOLDS as u8,
                },
                _ => VocabularyTime::Unknown,
            },
        })
        .await?;
    let empty = NgramCounts::new(NgramConfig::baseline());
    let counts = counts.first().map_or(&empty, |(_, counts)| counts);
    Ok(Arc::new(BaselineVocabulary::freeze(counts)))
}

/// The column that says who wrote a text.
pub(crate) fn author(pipeline: &Pipeline) -> Option<String> {
    let mut roles = pipeline.roles.iter();
    roles
        .find(|(_, role)| role.0 == Role::Author)
        .map(|(column, _)| column.clone())
}

fn span((first, last): (i64, i64)) -> Span {
    Span {
        start_us: first,
        end_us: last.saturating_add(1),
    }
}

/// SQL of the share of a text that the rest of the training data does not know.
fn out_of_vocabulary(pipeline: &Pipeline, text: &str, range: Option<(i64, i64)>) -> String {
    let name = text.replace('\'', "''");
    match (&pipeline.time, range) {
        (Some(time), Some(range)) => {
            let Span { start_us, end_us } = span(range);
            format!(
                "out_of_vocabulary('{name}', {}, time_fold(event_time({}, '{}', '{}'), {start_us}, {end_us}, {FOLDS}))",
                quoted(text),
                quoted(&time.column),
                time.column.replace('\'', "''"),
                time.time_zone,
            )
        }
        // As the vocabulary of rows without a time deals its texts out.
        _ => format!(
            "out_of_vocabulary('{name}', {text}, seeded_hash({text}, 0) & 15)",
            text = quoted(text)
        ),
    }
}

/// The profiles of all rows, merged from the blocks'.
fn whole(blocks: &[ProfileRow]) -> Result<BTreeMap<String, ColumnProfile>, PipelineError> {
    let mut profiles: BTreeMap<String, ColumnProfile> = BTreeMap::new();
    let all_rows = |row: &&ProfileRow| row.slice.as_ref().is_none_or(|s| s.column == CHUNK);
    for row in blocks.iter().filter(all_rows) {
        match profiles.get_mut(&row.column) {
            Some(profile) => profile.merge(&row.profile)?,
            None => drop(profiles.insert(row.column.clone(), row.profile.clone())),
        }
    }
    Ok(profiles)
}

fn infer_schema(
    own: &[ColumnInfo],
    prepared: &PreparedRows,
    profiles: &BTreeMap<String, ColumnProfile>,
    roles: &BTreeMap<String, Role>,
) -> Schema {
    let columns: Vec<(String, &ColumnProfile)> = own
        .iter()
        .filter(|column| !prepared.is_scored(&column.name))
        .filter_map(|column| Some((column.name.clone(), profiles.get(&column.name)?)))
        .collect();
    let config = InferConfig {
        roles: roles.clone(),
        ..InferConfig::default()
    };
    driftline_schema::infer(&columns, &config)
}

/// The rules' values in the baseline's own windows.
async fn rule_values(
    prepared: &PreparedRows,
    pipeline: &Pipeline,
) -> Result<Vec<Vec<f64>>, PipelineError> {
    let expressions = rule_expressions(pipeline);
    if expressions.is_empty() {
        return Ok(Vec::new());
    }
    let windows = pipeline
        .time
        .as_ref()
        .map(|time| time.windows())
        .transpose()?;
    let rows = prepared
        .rows
        .aggregate(&expressions, windows.as_ref())
        .await?;
    // The first and the last window are cut by the ends of the data.
    let full = if rows.len() > 4 {
        1..rows.len() - 1
    } else {
        0..rows.len()
    };
    Ok((0..expressions.len())
        .map(|rule| {
            rows[full.clone()]
                .iter()
                .filter_map(|row| row.values[rule])
                .collect()
        })
        .collect())
}

pub(crate) fn rule_expressions(pipeline: &Pipeline) -> Vec<(String, String)> {
    pipeline
        .rules
        .iter()
        .map(|rule| (rule.name.clone(), rule.sql.clone()))
        .collect()
}

pub(crate) fn column_key(slice: Option<&Slice>, column: &str) -> ColumnKey {
    ColumnKey {
        slice: slice.map(|slice| {
            format!(
                "{}={}",
                slice.column,
                slice.value.as_deref().unwrap_or("null")
            )
        }),
        column: column.to_owned(),
    }
}

/// Columns whose drift means something: a time moves by nature, an identifier is new
/// by nature.
pub(crate) fn can_drift(roles: &BTreeMap<String, Role>, column: &str) -> bool {
    !matches!(
        roles.get(column),
        Some(Role::Time | Role::Id | Role::Key | Role::Author)
    )
}

fn calibrator(
    pipeline: &Pipeline,
    roles: &BTreeMap<String, Role>,
    rows: &[ProfileRow],
    share: f64,
) -> Result<Calibrator, PipelineError> {
    let blocks = calibration_blocks(pipeline, roles, rows)?;
    Ok(Calibrator::new(
        &blocks,
        calibration_settings(pipeline, share),
    )?)
}

/// The part of the stated rate that the cards have beside the tests that a baseline was made for.
fn of_cards(novelty: Option<&NoveltyCard>, multivariate: Option<&MultivariateCard>) -> f64 {
    rate_share::of_cards(novelty.is_some(), multivariate.is_some())
}

/// The profiles that limits are learnt from, block by block.
pub(crate) fn calibration_blocks(
    pipeline: &Pipeline,
    roles: &BTreeMap<String, Role>,
    rows: &[ProfileRow],
) -> Result<Vec<Block>, PipelineError> {
    let zone = time_zone(pipeline)?;
    let hour = |start_us| hour_of_week(pipeline.time.as_ref()?, zone, start_us?);
    let mut blocks: Vec<Block> = Vec::new();
    let mut last = None;
    for row in rows {
        let start = row.span.map(|span| span.start_us);
        let slice = row.slice.as_ref().filter(|slice| slice.column != CHUNK);
        let place = (start, row.slice.as_ref().filter(|s| s.column == CHUNK));
        if last != Some(place) {
            last = Some(place);
            blocks.push(Block {
                start: start.map(|us| us.div_euclid(1_000_000)),
                hour_of_week: hour(start),
                profiles: Profiles::new(),
            });
        }
        if can_drift(roles, &row.column)
            && let Some(block) = blocks.last_mut()
        {
            block
                .profiles
                .insert(column_key(slice, &row.column), row.profile.clone());
        }
    }
    Ok(blocks)
}

/// How limits are learnt: at this part of the stated rate, which other tests leave.
pub(crate) fn calibration_settings(pipeline: &Pipeline, share: f64) -> Settings {
    let mut columns: BTreeMap<String, ColumnSettings> = BTreeMap::new();
    if let Some(terms) = &pipeline.terms {
        columns.insert(
            out_of_vocabulary_column(&terms.column),
            ColumnSettings {
                role: Some(driftline_drift::Role::Share),
                ..ColumnSettings::default()
            },
        );
    }
    for (column, config) in &pipeline.drift.columns {
        if let Some(least) = config.min_effect {
            let settings = columns.entry(column.clone()).or_default();
            for measure in driftline_drift::Measure::ALL {
                settings.min_effect.insert(*measure, least);
            }
        }
    }
    Settings {
        rate: pipeline.drift.false_alarm_rate * share,
        seed: pipeline.seed,
        ordered_by_time: pipeline.time.is_some(),
        columns,
        ..Settings::default()
    }
}
