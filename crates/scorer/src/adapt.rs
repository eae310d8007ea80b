//! A classifier from a few hundred labelled texts: something frozen that turns a text into
//! numbers, and a linear head on top.
//!
//! What is frozen is the encoder of a bundle that embeds, or, without one, the shares of a
//! text's characters by their hashes. The head is a logistic regression; its penalty and its
//! temperature are those that do best on texts that a fold left out, and so is its stated
//! accuracy. The result is a bundle like any other, the head inside its graph.

mod graph;
mod logistic;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, StringArray};
use serde::Serialize;
use serde_json::json;
use xxhash_rust::xxh3::xxh3_64;

use crate::bundle::{EXPECTED_FILE, MANIFEST_FILE, MODEL_FILE};
use crate::calibration::{Labelled, fit};
use crate::manifest::{InputSource, OutputMeaning, TEXT_COLUMN};
use crate::tokenizer::Tokenizer;
use crate::{Scorer, ScorerError, bundle};
use logistic::{Head, Row};

/// Parts that the rows are split into; each is left out once.
const FOLDS: usize = 5;
/// Rows that each label needs: one for each fold.
const LEAST_ROWS: usize = 2 * FOLDS;
/// Penalties that are tried.
const PENALTIES: [f64; 4] = [1e-4, 1e-3, 1e-2, 1e-1];
/// Places of hashed characters, and characters of a text that are read.
const BUCKETS: usize = 4_096;
const MAX_LENGTH: usize = 256;
/// Rows whose outputs the bundle carries.
const EXPECTED_ROWS: usize = 20;
/// Normal quantile of an interval that holds in 95 of 100 cases.
const QUANTILE: f64 = 1.959_964;

/// What was learnt, and how good it is on texts that were left out.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Adapted {
    /// Version of this format.
    pub format_version: u32,
    /// The bundle's folder.
    pub bundle: PathBuf,
    /// What turns a text into numbers: a bundle's name and version, or `characters`.
    pub encoder: String,
    /// The labels.
    pub labels: Vec<String>,
    /// Distinct texts with one label.
    pub rows: usize,
    /// Share of right predictions on rows that their fold left out.
    pub accuracy: f64,
    /// Its interval that holds in 95 of 100 cases.
    pub accuracy_interval: [f64; 2],
    /// Share of the most frequent label: what is right without looking.
    pub most_frequent: f64,
    /// The penalty that was chosen.
    pub penalty: f64,
    /// The temperature of the head.
    pub temperature: f32,
}

/// Learns a head from texts and their labels, and writes the bundle into the folder `to`, which
/// must not exist yet. `encoder` embeds texts.
///
/// # Errors
/// [`ScorerError::Adapt`] for too few texts or labels, an encoder that embeds no texts, and a
/// folder that is there; those of loading and scoring.
pub fn adapt(
    rows: &[(String, String)],
    encoder: Option<&Scorer>,
    name: &str,
    to: &Path,
) -> Result<Adapted, ScorerError> {
    let wrong = |problem: String| ScorerError::Adapt { problem };
    if to.exists() {
        let to = to.display();
        return Err(wrong(format!(
            "{to} is there already and is not written over"
        )));
    }
    let (texts, labels, known) = distinct(rows);
    if known.len() < 2 {
        return Err(wrong("there must be two labels or more".to_owned()));
    }
    for (number, label) in known.iter().enumerate() {
        let count = labels.iter().filter(|label| **label == number).count();
        if count < LEAST_ROWS {
            return Err(wrong(format!(
                "the label `{label}` has {count} distinct texts; each needs {LEAST_ROWS}"
            )));
        }
    }
    let mut part = to.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = Writing {
        encoder,
        name,
        labels: &known,
        folder: &part,
    };
    let made = written.learn(&texts, &labels).and_then(|adapted| {
        // A bundle that does not load, or gives other outputs, is none.
        Scorer::load(&part)?;
        std::fs::rename(&part, to).map_err(|source| unwritable(to, source))?;
        Ok(Adapted {
            bundle: to.to_owned(),
            ..adapted
        })
    });
    if made.is_err() {
        // What is left of it is of no use to anybody.
        std::fs::remove_dir_all(&part).unwrap_or_default();
    }
    made
}

/// Each text once, the number of its label, and the labels; texts with two labels are left out.
fn distinct(rows: &[(String, String)]) -> (Vec<String>, Vec<usize>, Vec<String>) {
    let mut of: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (text, label) in rows {
        of.entry(text).or_default().insert(label);
    }
    of.retain(|text, labels| labels.len() == 1 && !text.trim().is_empty());
    let known: BTreeSet<&str> = of.values().flatten().copied().collect();
    let known: Vec<String> = known.into_iter().map(str::to_owned).collect();
    let number = |labels: &BTreeSet<&str>| {
        known
            .iter()
            .position(|known| labels.contains(known.as_str()))
            .unwrap_or(0)
    };
    let labels = of.values().map(number).collect();
    (of.into_keys().map(str::to_owned).collect(), labels, known)
}

fn unwritable(path: &Path, source: std::io::Error) -> ScorerError {
    ScorerError::Adapt {
        problem: format!("{} cannot be written: {source}", path.display()),
    }
}

/// The bundle that is made.
struct Writing<'a> {
    encoder: Option<&'a Scorer>,
    name: &'a str,
    labels: &'a [String],
    folder: &'a Path,
}

impl Writing<'_> {
    fn learn(&self, texts: &[String], labels: &[usize]) -> Result<Adapted, ScorerError> {
        std::fs::create_dir_all(self.folder).map_err(|error| unwritable(self.folder, error))?;
        self.write_tokenizer()?;
        let (rows, width) = self.features(texts)?;
        let read: Vec<usize> = (0..texts.len()).filter(|at| rows[*at].is_some()).collect();
        let rows: Vec<Row> = rows.into_iter().flatten().collect();
        let texts: Vec<&str> = read.iter().map(|at| texts[*at].as_str()).collect();
        let labels: Vec<usize> = read.iter().map(|at| labels[*at]).collect();
        let folds: Vec<usize> = texts
            .iter()
            .map(|text| (xxh3_64(text.as_bytes()) % FOLDS as u64) as usize)
            .collect();
        let classes = self.labels.len();
        let left_out = |penalty: f64| -> Vec<Vec<f32>> {
            let mut logits = vec![Vec::new(); rows.len()];
            for fold in 0..FOLDS {
                let within = |at: &usize| folds[*at] != fold;
                let train: Vec<usize> = (0..rows.len()).filter(within).collect();
                let head = Head::fit(&rows, &labels, &train, (width, classes), penalty);
                for at in (0..rows.len()).filter(|at| folds[*at] == fold) {
                    logits[at] = head.logits(&rows[at]);
                }
            }
            logits
        };
        let right = |logits: &[Vec<f32>]| {
            let hits = logits
                .iter()
                .zip(&labels)
                .filter(|(z, label)| greatest(z) == **label);
            hits.count() as f64 / labels.len() as f64
        };
        let mut best: Option<(f64, f64, Vec<Vec<f32>>)> = None;
        for penalty in PENALTIES {
            let logits = left_out(penalty);
            let accuracy = right(&logits);
            // Of equally good ones the greater penalty.
            if best.as_ref().is_none_or(|(known, ..)| accuracy >= *known) {
                best = Some((accuracy, penalty, logits));
            }
        }
        let (accuracy, penalty, logits) = best.unwrap_or_default();
        let labelled: Vec<Labelled> = logits
            .into_iter()
            .zip(&labels)
            .map(|(logits, &label)| Labelled { logits, label })
            .collect();
        let temperature = fit(&labelled);
        let all: Vec<usize> = (0..rows.len()).collect();
        let head = Head::fit(&rows, &labels, &all, (width, classes), penalty);
        self.write_graph(&head)?;
        self.write_expected(&head, &texts, &rows)?;
        self.write_manifest(rows.len(), accuracy, temperature)?;
        let count = |number: usize| labels.iter().filter(|label| **label == number).count();
        let most = (0..classes).map(count).max().unwrap_or(0);
        Ok(Adapted {
            format_version: 1,
            bundle: self.folder.to_owned(),
            encoder: self
                .encoder
                .map_or("characters".into(), |e| e.manifest().id()),
            labels: self.labels.to_vec(),
            rows: rows.len(),
            accuracy,
            accuracy_interval: wilson(accuracy, rows.len() as f64),
            most_frequent: most as f64 / rows.len() as f64,
            penalty,
            temperature,
        })
    }

    /// What the head reads of each text, and how many numbers those are at most; none of a text
    /// that has nothing to read.
    fn features(&self, texts: &[String]) -> Result<(Vec<Option<Row>>, usize), ScorerError> {
        let Some(encoder) = self.encoder else {
            let tokenizer = Tokenizer::read(&bundle::tokenizer(self.folder), MAX_LENGTH)?;
            let row = |text: &String| {
                let tokens = tokenizer.encode(text);
                let mut shares: BTreeMap<usize, f64> = BTreeMap::new();
                for token in &tokens {
                    let place = usize::try_from(*token).unwrap_or(0);
                    *shares.entry(place).or_default() += 1.0 / tokens.len() as f64;
                }
                (!tokens.is_empty()).then(|| shares.into_iter().collect())
            };
            return Ok((texts.iter().map(row).collect(), BUCKETS));
        };
        let manifest = encoder.manifest();
        let of_texts = manifest
            .inputs
            .iter()
            .all(|i| i.from != InputSource::Columns);
        if manifest.output(&[OutputMeaning::Embedding]).is_none()
            || !of_texts
            || manifest.remote.is_some()
        {
            return Err(ScorerError::Adapt {
                problem: format!(
                    "{} is no encoder: its bundle must read texts alone, give an `embedding`, and hold \
                     its graph",
                    manifest.id()
                ),
            });
        }
        let column: ArrayRef = Arc::new(texts.iter().map(Some).collect::<StringArray>());
        let scores = encoder.scores(&[column])?;
        let row = |score: &Option<crate::Score>| -> Option<Row> {
            let embedding = score.as_ref()?.embedding.as_ref()?;
            Some(
                embedding
                    .iter()
                    .map(|x| f64::from(*x))
                    .enumerate()
                    .collect(),
            )
        };
        let rows: Vec<Option<Row>> = scores.iter().map(row).collect();
        let width = rows.iter().flatten().map(Vec::len).max().unwrap_or(0);
        Ok((rows, width))
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), ScorerError> {
        let path = self.folder.join(name);
        std::fs::write(&path, bytes).map_err(|error| unwritable(&path, error))
    }

    fn write_tokenizer(&self) -> Result<(), ScorerError> {
        let Some(encoder) = self.encoder else {
            let tokenizer = json!({
                "format_version": 1,
                "unit": "character",
                "normalisation": "nfkc_lowercase_no_space",
                "first_id": 0,
                "buckets": BUCKETS,
            });
            return self.put("tokenizer.json", format!("{tokenizer}\n").as_bytes());
        };
        let from = bundle::tokenizer(encoder.folder());
        let text = bundle::read_text(&from, "tokenizer")?;
        let name = from
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or("tokenizer.json");
        self.put(name, text.as_bytes())
    }

    fn write_graph(&self, head: &Head) -> Result<(), ScorerError> {
        let bytes = match self.encoder {
            None => graph::of_characters(head),
            Some(encoder) => {
                let path = encoder.folder().join(MODEL_FILE);
                let output = encoder.manifest().outputs.iter();
                let output = output.clone().find(|o| o.holds == OutputMeaning::Embedding);
                let output = output.map_or("", |output| output.name.as_str());
                let model = bundle::read_model(&path)?;
                graph::behind(&model, output, head)
                    .map_err(|problem| ScorerError::Model { path, problem })?
            }
        };
        self.put(MODEL_FILE, &bytes)
    }

    /// Some rows, and what the head makes of them outside of the graph.
    fn write_expected(&self, head: &Head, texts: &[&str], rows: &[Row]) -> Result<(), ScorerError> {
        let every = texts.len().div_ceil(EXPECTED_ROWS).max(1);
        let chosen: Vec<usize> = (0..texts.len()).step_by(every).collect();
        let values: Vec<f32> = chosen
            .iter()
            .flat_map(|at| head.logits(&rows[*at]))
            .collect();
        let texts: Vec<&str> = chosen.iter().map(|at| texts[*at]).collect();
        let expected = json!({
            "format_version": 1,
            "runtime": concat!("driftline ", env!("CARGO_PKG_VERSION")),
            "tolerance": 1e-3,
            "columns": {self.column(): texts},
            "outputs": {graph::LOGITS: {"shape": [chosen.len(), self.labels.len()], "values": values}},
        });
        self.put(EXPECTED_FILE, format!("{expected}\n").as_bytes())
    }

    /// The column of texts.
    fn column(&self) -> &str {
        let of_encoder = self
            .encoder
            .and_then(|encoder| encoder.manifest().text_column());
        of_encoder.unwrap_or(TEXT_COLUMN)
    }

    fn write_manifest(
        &self,
        rows: usize,
        accuracy: f64,
        temperature: f32,
    ) -> Result<(), ScorerError> {
        let task = match self.labels.len() {
            2 => "binary_classification",
            _ => "multiclass_classification",
        };
        let mut inputs = String::new();
        // Writing to a string does not fail.
        let mut input = |name: &str, from: &str| {
            writeln!(
                inputs,
                "  - {{name: {}, from: {from}, column: {}}}",
                json!(name),
                json!(self.column())
            )
            .unwrap_or_default();
        };
        let (mut max_length, mut batch_size, mut encoder) =
            (MAX_LENGTH, None, "hashed characters".to_owned());
        match self.encoder.map(Scorer::manifest) {
            None => input(graph::TOKENS, "tokenizer"),
            Some(manifest) => {
                (max_length, batch_size) = (manifest.max_length, manifest.batch_size);
                encoder = format!("the encoder {}", manifest.id());
                for known in &manifest.inputs {
                    let from = match known.from {
                        InputSource::AttentionMask => "attention_mask",
                        InputSource::TokenTypes => "token_types",
                        _ => "tokenizer",
                    };
                    input(&known.name, from);
                }
            }
        }
        let batch_size = batch_size.map_or(String::new(), |rows| format!("batch_size: {rows}\n"));
        let manifest = format!(
            "format_version: 1\nname: {}\nversion: 1\ndescription: A linear head on {encoder}, from \
             {rows} labelled texts.\ntask: {task}\nlabels: {}\ntemperature: {temperature}\ninputs:\n{inputs}\
             outputs:\n  - {{name: {}, holds: logits}}\nmax_length: {max_length}\n{batch_size}accuracy:\n  \
             - {{data: 'its own rows, each left out once', rows: {rows}, share: {accuracy:.4}}}\n",
            json!(self.name),
            json!(self.labels),
            graph::LOGITS,
        );
        self.put(MANIFEST_FILE, manifest.as_bytes())
    }
}

fn greatest(logits: &[f32]) -> usize {
    let places = (0..logits.len()).rev();
    places
        .max_by(|a, b| logits[*a].total_cmp(&logits[*b]))
        .unwrap_or(0)
}

/// Interval of a share (Wilson 1927).
fn wilson(share: f64, rows: f64) -> [f64; 2] {
    let square = QUANTILE * QUANTILE;
    let middle = (share + square / (2.0 * rows)) / (1.0 + square / rows);
    let half = QUANTILE / (1.0 + square / rows)
        * (share * (1.0 - share) / rows + square / (4.0 * rows * rows)).sqrt();
    [middle - half, middle + half]
}

impl Adapted {
    /// For people, a line each.
    pub fn table(&self) -> String {
        let [lower, upper] = self.accuracy_interval;
        format!(
            "{}  {} labels from {} texts, on {}\n\
             accuracy  {:.3} ({lower:.3} to {upper:.3}) on texts left out; {:.3} without looking\n\
             penalty   {}, temperature {}\n",
            self.bundle.display(),
            self.labels.len(),
            self.rows,
            self.encoder,
            self.accuracy,
            self.most_frequent,
            self.penalty,
            self.temperature,
        )
    }
}
