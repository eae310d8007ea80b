//! Whether a model runs here, as its makers meant it to, and what it costs.
//!
//! The answer to "may this file be deployed": every operator, every axis that the file
//! leaves free, the outputs it is known to give, speed and memory. A hostile file is looked
//! at in a process of its own, which the caller bounds.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Serialize;

use crate::bundle::EXPECTED_FILE;
use crate::expected::{Comparison, Expected};
use crate::onnx::{Graph, Operator, Runs, TensorSpec};
use crate::runtime::{Axes, Ranges, Runtime, Seeded};
use crate::{Scorer, ScorerError};

/// How long each speed is measured at least.
const MEASURED: Duration = Duration::from_millis(300);
/// Lengths of free axes at which a bare graph is tried.
const LENGTHS: [usize; 3] = [4, 7, 2];

/// What was found out about a model.
#[derive(Debug, Clone, Serialize)]
pub struct Verification {
    /// Version of this format.
    pub format_version: u32,
    /// The file or bundle.
    pub model: PathBuf,
    /// What follows from the rest.
    pub outcome: Outcome,
    /// Why it does not run, or what differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Who wrote the file.
    pub producer: String,
    /// Version of the standard operators.
    pub opset: i64,
    /// Its operators, by name.
    pub operators: Vec<Operator>,
    /// What it reads.
    pub inputs: Vec<TensorSpec>,
    /// What it gives.
    pub outputs: Vec<TensorSpec>,
    /// What became of its free axes.
    pub axes: Option<Axes>,
    /// Whether the rows of a batch share a scale, so that a score depends a little on the
    /// others (dynamic quantisation).
    pub rows_share_scales: bool,
    /// Outputs held against those expected; none where none are known.
    pub expected: Option<Comparison>,
    /// Time from the file to a plan that runs.
    pub load_ms: f64,
    /// Speed on one thread.
    pub speed: Vec<Speed>,
    /// The most memory that the process had; none where the system does not tell.
    pub peak_memory_bytes: Option<u64>,
}

/// Whether a model may be deployed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It runs, and gives the outputs expected of it, where any are known.
    Holds,
    /// It runs and gives others.
    Differs,
    /// It does not run.
    CannotRun,
}

/// Speed at one size of batch.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Speed {
    /// Rows that are run together.
    pub rows: usize,
    /// Length of free axes.
    pub length: usize,
    /// Rows a second.
    pub rows_per_s: f64,
}

/// Finds out about a file `M.onnx` or a bundle's folder. `elapsed` is a clock: the time
/// since any moment before.
pub fn verify(path: &Path, elapsed: &dyn Fn() -> Duration) -> Verification {
    let mut found = Verification {
        format_version: 1,
        model: path.to_owned(),
        outcome: Outcome::CannotRun,
        problem: None,
        producer: String::new(),
        opset: 0,
        operators: Vec::new(),
        inputs: Vec::new(),
        outputs: Vec::new(),
        axes: None,
        rows_share_scales: false,
        expected: None,
        load_ms: 0.0,
        speed: Vec::new(),
        peak_memory_bytes: None,
    };
    let result = if path.is_dir() {
        of_bundle(path, elapsed, &mut found)
    } else {
        of_file(path, elapsed, &mut found)
    };
    found.peak_memory_bytes = peak_memory();
    found.outcome = match (&result, &found.expected) {
        (Err(ScorerError::Differs { .. }), _) => Outcome::Differs,
        (Err(_), _) => Outcome::CannotRun,
        (Ok(()), Some(comparison)) if !comparison.holds() => Outcome::Differs,
        (Ok(()), _) => Outcome::Holds,
    };
    found.problem = result.err().map(|error| error.to_string());
    found
}

fn of_bundle(
    path: &Path,
    elapsed: &dyn Fn() -> Duration,
    found: &mut Verification,
) -> Result<(), ScorerError> {
    let before = elapsed();
    let loaded = Scorer::load(path);
    found.load_ms = (elapsed() - before).as_secs_f64() * 1e3;
    let scorer = match loaded {
        Ok(scorer) => scorer,
        Err(error) => {
            // What the file holds is told even where the bundle does not run.
            let newest = crate::bundle::versions(path)
                .ok()
                .and_then(|folders| folders.into_iter().next());
            let graph =
                newest.and_then(|folder| Graph::read(&folder.join(crate::bundle::MODEL_FILE)).ok());
            if let Some(graph) = graph {
                describe(&graph, found);
            }
            if let ScorerError::Differs { comparison, .. } = &error {
                found.expected = Some(comparison.clone());
            }
            return Err(error);
        }
    };
    let loaded = &scorer.loaded;
    found.model = loaded.folder.clone();
    describe(loaded.runtime.graph(), found);
    found.axes = Some(loaded.runtime.axes().clone());
    found.expected = loaded.compared()?;
    let wrong = |problem| ScorerError::Model {
        path: path.to_owned(),
        problem,
    };
    let ranges = loaded
        .layout
        .ranges(&loaded.manifest, loaded.runtime.graph())
        .map_err(wrong)?;
    found.speed = speed(&loaded.runtime, &ranges, elapsed).map_err(wrong)?;
    match loaded.refused.first() {
        Some(refused) => Err(wrong(format!(
            "the newer version {} is refused: {}",
            refused.folder.display(),
            refused.problem
        ))),
        None => Ok(()),
    }
}

fn of_file(
    path: &Path,
    elapsed: &dyn Fn() -> Duration,
    found: &mut Verification,
) -> Result<(), ScorerError> {
    let before = elapsed();
    let graph = Graph::read(path)?;
    describe(&graph, found);
    let ranges = ranges(&graph);
    let wrong = |problem| ScorerError::Model {
        path: path.to_owned(),
        problem,
    };
    let runtime = Runtime::load(graph, None, &ranges).map_err(wrong)?;
    found.load_ms = (elapsed() - before).as_secs_f64() * 1e3;
    found.axes = Some(runtime.axes().clone());
    let expected = path.with_extension(EXPECTED_FILE);
    if expected.exists() {
        let compared = Expected::read(&expected)?.compare(&runtime, None);
        let compared = compared.map_err(|problem| ScorerError::Expected {
            path: expected,
            problem,
        });
        found.expected = Some(compared?);
    }
    found.speed = speed(&runtime, &ranges, elapsed).map_err(wrong)?;
    Ok(())
}

fn describe(graph: &Graph, found: &mut Verification) {
    found.producer.clone_from(&graph.producer);
    found.opset = graph.opset;
    found.operators.clone_from(&graph.operators);
    found.inputs.clone_from(&graph.inputs);
    found.outputs.clone_from(&graph.outputs);
    found.rows_share_scales = graph.shares_scales();
}

/// What the inputs of a graph without a manifest may hold: places in a table up to its end,
/// masks 1, other integers 0 or 1.
fn ranges(graph: &Graph) -> Ranges {
    let integers = graph.inputs.iter().map(|input| {
        if input.name.to_lowercase().contains("mask") {
            (1, 1)
        } else {
            (0, graph.greatest_index(&input.name).unwrap_or(1))
        }
    });
    Ranges {
        integers: integers.collect(),
        lengths: LENGTHS.to_vec(),
    }
}

fn speed(
    runtime: &Runtime,
    ranges: &Ranges,
    elapsed: &dyn Fn() -> Duration,
) -> Result<Vec<Speed>, String> {
    let length = ranges.lengths.iter().copied().max().unwrap_or(1);
    let seeded = Seeded {
        runtime,
        ranges,
        length,
    };
    let full = runtime.batch_size();
    let sizes = if runtime.axes().free_batch && full > 1 {
        vec![1, full]
    } else {
        vec![full]
    };
    sizes
        .into_iter()
        .map(|size| {
            let rows: Vec<usize> = (0..size).collect();
            let inputs = seeded.inputs(&rows)?;
            let (before, mut runs) = (elapsed(), 0_u32);
            while elapsed() - before < MEASURED {
                runtime.run(inputs.clone())?;
                runs += 1;
            }
            let seconds = (elapsed() - before).as_secs_f64();
            Ok(Speed {
                rows: size,
                length,
                rows_per_s: size as f64 * f64::from(runs) / seconds,
            })
        })
        .collect()
}

/// The most memory that this process had, where Linux tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1024)
}

impl Verification {
    /// For people, a line each.
    pub fn table(&self) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        self.write(&mut text).unwrap_or_default();
        text
    }

    fn write(&self, to: &mut String) -> std::fmt::Result {
        let outcome = match self.outcome {
            Outcome::Holds => "runs",
            Outcome::Differs => "runs, with other outputs than expected",
            Outcome::CannotRun => "cannot run",
        };
        writeln!(to, "{}  {outcome}", self.model.display())?;
        if let Some(problem) = &self.problem {
            writeln!(to, "problem   {problem}")?;
        }
        if !self.producer.is_empty() || self.opset > 0 {
            writeln!(
                to,
                "made by   {}, operators of version {}",
                self.producer, self.opset
            )?;
        }
        for (name, tensors) in [("reads", &self.inputs), ("gives", &self.outputs)] {
            for tensor in tensors {
                writeln!(to, "{name:<9} {} {tensor}", tensor.name)?;
            }
        }
        for operator in &self.operators {
            let runs = match operator.runs {
                Runs::AsItIs => "runs",
                Runs::Rewritten => "runs, rewritten",
                Runs::No => "DOES NOT RUN",
            };
            write!(
                to,
                "operator  {} ×{}: {runs}",
                operator.name, operator.nodes
            )?;
            match &operator.advice {
                Some(advice) => writeln!(to, " (node `{}`): {advice}", operator.node)?,
                None => writeln!(to)?,
            }
        }
        if let Some(axes) = &self.axes {
            let batch = match axes.free_batch {
                true => "any number of rows at once (tried 1, 2 and 8)".to_owned(),
                false => format!("batches of {}, short ones filled up", axes.batch_size),
            };
            let lengths = match axes.free_length {
                true => "one plan for every length",
                false => "a plan for each length",
            };
            writeln!(to, "axes      {batch}; {lengths}")?;
            for refused in &axes.refused {
                writeln!(to, "tried     {refused}")?;
            }
            let difference = axes.largest_difference;
            writeln!(
                to,
                "alone     a row differs by {difference:.1e} from the same row among others"
            )?;
        }
        if self.rows_share_scales {
            writeln!(
                to,
                "note      rows of a batch share a scale (dynamic quantisation)"
            )?;
        }
        match &self.expected {
            Some(expected) => writeln!(
                to,
                "expected  {} rows of {}: differ by {:.1e}{}, {:.0e} is allowed",
                expected.rows,
                expected.runtime,
                expected.largest_difference,
                if expected.at.is_empty() {
                    String::new()
                } else {
                    format!(" at {}", expected.at)
                },
                expected.tolerance
            )?,
            None => writeln!(to, "expected  no outputs to compare with")?,
        }
        for speed in &self.speed {
            writeln!(
                to,
                "speed     {:.0} rows/s in batches of {} (length {}), one thread",
                speed.rows_per_s, speed.rows, speed.length
            )?;
        }
        if self.load_ms > 0.0 {
            writeln!(to, "load      {:.0} ms", self.load_ms)?;
        }
        if let Some(bytes) = self.peak_memory_bytes {
            writeln!(
                to,
                "memory    {:.0} MiB at the most",
                bytes as f64 / f64::from(1 << 20)
            )?;
        }
        Ok(())
    }
}
