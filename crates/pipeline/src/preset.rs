//! What another tool would print of two sources: its measures, its thresholds, its decision.
//!
//! `driftline_drift::preset` computes the numbers; here columns are read for it, the measure
//! and the threshold of each column are found, and the outcome is put in the form of a run.
//! Every measurement is a finding: one that has not drifted is one of severity `info`, so
//! that a reader of `verdict.json` finds every number that the tool would print.

mod chunked;
mod estimated;
mod run;
mod side;
mod slices;
mod table;
mod whole;
mod wishes;

pub use wishes::{AskedMeasure, AskedThreshold};

use crate::{PipelineError, run::EvaluationRequest, single::SingleSource};
use driftline_drift::preset::{Kind, Preset, State};
use driftline_engine::{Engine, Width};
use driftline_schema::Role;
use driftline_verdict::{FindingKind, NotEvaluated, Report};
use side::Side;
use wishes::Plan;

/// What is asked of a preset.
#[derive(Debug, Clone, PartialEq)]
pub struct PresetRequest {
    /// The tool.
    pub preset: Preset,
    /// Measures, where the tool's own choice is not wanted. Those of a column come before
    /// those of all columns; a column is measured by every one that fits it.
    pub measures: Vec<AskedMeasure>,
    /// Thresholds, where the tool's own are not wanted.
    pub thresholds: Vec<AskedThreshold>,
    /// Share of drifted columns from which the data as a whole has drifted, and fails;
    /// `None` for the tool's own rule. A column alone is a warning then.
    pub drift_share: Option<f64>,
    /// How NannyML cuts rows; `None` for its ten chunks.
    pub chunks: Option<ChunkBy>,
    /// The columns that performance is estimated from, for NannyML.
    pub scored: Option<ScoredColumns>,
}

/// How rows are cut into chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkBy {
    /// Into this many.
    Count(usize),
    /// Into this many rows each.
    Rows(usize),
    /// By windows of the time column.
    Time(Width),
}

/// The columns of a model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScoredColumns {
    /// The true class or number; only the baseline needs it.
    pub target: String,
    /// The predicted one.
    pub prediction: String,
    /// Where the probabilities of classes are; none of a regression.
    pub probabilities: Option<Probabilities>,
}

/// Where a classifier's probabilities are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Probabilities {
    /// Of two classes, 0 and 1: the column with the probability of class 1.
    OfOne(String),
    /// Of two classes or more by name: each with its column.
    OfEach(Vec<(String, String)>),
}

impl Probabilities {
    /// The columns.
    pub fn columns(&self) -> Vec<&str> {
        match self {
            Self::OfOne(column) => vec![column],
            Self::OfEach(classes) => classes.iter().map(|(_, column)| column.as_str()).collect(),
        }
    }
}

impl ScoredColumns {
    /// What target and prediction are read as: numbers, or names of classes.
    pub(crate) fn kind_of_target(&self) -> Kind {
        match self.probabilities {
            Some(Probabilities::OfEach(_)) => Kind::Category,
            _ => Kind::Numeric,
        }
    }

    /// The columns of probabilities.
    pub(crate) fn scores(&self) -> Vec<&str> {
        self.probabilities
            .as_ref()
            .map_or_else(Vec::new, Probabilities::columns)
    }
}

/// What a preset says.
#[derive(Debug, Clone, PartialEq)]
pub struct PresetReport {
    /// The run, and what reports draw of it.
    pub report: Report,
    /// Every measurement, for people.
    pub table: String,
}

/// Compares two sources, or their profiles, as another tool would.
///
/// # Errors
/// [`PipelineError::Configuration`] for measures, thresholds, roles or columns that are not
/// there or do not fit, and for a profile where rows are needed; those of the engine. A
/// column that the tool cannot compare is listed in the run as not evaluated instead.
pub async fn compare(
    engine: &Engine,
    (baseline, live): (&SingleSource, &SingleSource),
    request: &PresetRequest,
    evaluation: &EvaluationRequest<'_>,
) -> Result<PresetReport, PipelineError> {
    (evaluation.progress)("reading both sides");
    let sides = Sides {
        baseline: Side::open(engine, baseline).await?,
        window: Side::open(engine, live).await?,
        source: baseline,
    };
    request.check()?;
    if request.preset == Preset::NannyMl && !baseline.by.is_empty() {
        return Err(configuration(
            "NannyML's chunks are of all rows; choose the rows of a slice by `--prepare`",
        ));
    }
    let (columns, not_evaluated) = sides.columns(request)?;
    let plan = Plan::of(request, columns, not_evaluated)?;
    (evaluation.progress)("comparing the columns");
    let measured = match request.preset {
        Preset::NannyMl => chunked::measure(&sides, request, plan).await?,
        _ => {
            let mut measured = whole::measure(&sides, request, plan.clone()).await?;
            if let Some(window) = measured.windows.first_mut() {
                slices::measure(&sides, request, &plan, window).await?;
            }
            measured
        }
    };
    Ok(run::report(&sides, request, measured, evaluation))
}

/// Both sides, and how they are read.
pub(crate) struct Sides<'a> {
    pub(crate) baseline: Side,
    pub(crate) window: Side,
    /// Roles and time are the same on both.
    pub(crate) source: &'a SingleSource,
}

/// A column that both sides have, and what it is taken for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NamedColumn {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// One value of one column, or of the columns together.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    pub(crate) kind: FindingKind,
    /// The slice as `column=value`; `None` for all rows.
    pub(crate) slice: Option<String>,
    /// `None` for the columns together, or the model.
    pub(crate) column: Option<String>,
    pub(crate) measure: String,
    pub(crate) value: f64,
    pub(crate) p_value: Option<f64>,
    /// What the value is compared with, or the p-value of a test.
    pub(crate) threshold: Option<f64>,
    /// The limit below, where less is an alert too.
    pub(crate) lower: Option<f64>,
    pub(crate) state: State,
    pub(crate) baseline_rows: u64,
    pub(crate) window_rows: u64,
}

/// What is known of one window before it is put into words.
#[derive(Debug, Clone, Default)]
pub(crate) struct MeasuredWindow {
    /// First instant and first one after it, in microseconds.
    pub(crate) span: Option<(i64, i64)>,
    pub(crate) rows: u64,
    pub(crate) measured: Vec<Measured>,
    pub(crate) not_evaluated: Vec<NotEvaluated>,
}

/// All windows, and what a reader must know.
pub(crate) struct MeasuredWindows {
    pub(crate) windows: Vec<MeasuredWindow>,
    pub(crate) baseline_rows: u64,
    pub(crate) notes: Vec<String>,
}

pub(crate) fn configuration(message: impl Into<String>) -> PipelineError {
    PipelineError::Configuration {
        message: message.into(),
    }
}

pub(crate) fn not_evaluated(column: &str, reason: impl Into<String>) -> NotEvaluated {
    NotEvaluated {
        check: column.to_owned(),
        reason: reason.into(),
        required: false,
    }
}

/// The tool's name as it writes it.
pub(crate) fn tool(preset: Preset) -> &'static str {
    match preset {
        Preset::Tfdv => "TFDV",
        Preset::Evidently => "Evidently",
        Preset::NannyMl => "NannyML",
        Preset::Whylogs => "whylogs",
    }
}

impl PresetRequest {
    /// The tool's own choices, for the whole of it.
    pub fn of(preset: Preset) -> Self {
        Self {
            preset,
            measures: Vec::new(),
            thresholds: Vec::new(),
            drift_share: None,
            chunks: None,
            scored: None,
        }
    }

    fn check(&self) -> Result<(), PipelineError> {
        if self.preset != Preset::NannyMl {
            if self.chunks.is_some() {
                return Err(configuration(format!(
                    "{} compares all rows at once; only the preset nannyml has chunks",
                    tool(self.preset)
                )));
            }
            if self.scored.is_some() {
                return Err(configuration(
                    "performance is estimated by the preset nannyml only; a pipeline with a model watches its confidence",
                ));
            }
        }
        if let Some(ChunkBy::Count(0) | ChunkBy::Rows(0)) = self.chunks {
            return Err(configuration("chunks are at least 1, of at least 1 row"));
        }
        if self
            .drift_share
            .is_some_and(|share| !(share > 0.0 && share <= 1.0))
        {
            return Err(configuration(
                "a share of drifted columns is above 0 and at most 1",
            ));
        }
        Ok(())
    }

    /// The share of drifted columns that decides; `None` where every column does.
    pub(crate) fn deciding_share(&self) -> Option<f64> {
        let evidently = driftline_drift::preset::evidently::DRIFT_SHARE;
        self.drift_share
            .or((self.preset == Preset::Evidently).then_some(evidently))
    }
}

impl Sides<'_> {
    /// The columns to compare, in the baseline's order, and those that cannot be.
    fn columns(
        &self,
        request: &PresetRequest,
    ) -> Result<(Vec<NamedColumn>, Vec<NotEvaluated>), PipelineError> {
        let (ours, theirs) = (self.baseline.names(), self.window.names());
        self.source.check_roles(ours.iter().map(String::as_str))?;
        let time = self.source.time.as_ref();
        let mut columns = Vec::new();
        let mut left_out = Vec::new();
        for name in ours.iter().filter(|name| Some(*name) != time) {
            // The true class is what the window does not have yet.
            let target = request.scored.as_ref().map(|scored| &scored.target);
            if Some(name) == target {
                continue;
            }
            if !theirs.contains(name) {
                left_out.push(not_evaluated(name, "the window has no such column"));
                continue;
            }
            match self.kind(name, request.preset) {
                Ok(kind) => columns.push(NamedColumn {
                    name: name.clone(),
                    kind,
                }),
                Err(reason) => left_out.push(not_evaluated(name, reason)),
            }
        }
        for name in theirs.iter().filter(|name| Some(*name) != time) {
            if !ours.contains(name) {
                left_out.push(not_evaluated(name, "the baseline has no such column"));
            }
        }
        Ok((columns, left_out))
    }

    /// What a column is taken for: what its role says, else what its type says.
    fn kind(&self, name: &str, preset: Preset) -> Result<Kind, String> {
        let by_role = match self.source.roles.get(name) {
            Some(Role::Text) if preset == Preset::Evidently => Some(Kind::Text),
            Some(Role::Text) => {
                return Err(format!(
                    "{} does not compare free text; with the role `category` whole texts are counted",
                    tool(preset)
                ));
            }
            Some(Role::Category | Role::Label) => Some(Kind::Category),
            _ => None,
        };
        by_role.or_else(|| self.baseline.kind(name)).ok_or_else(|| {
            format!(
                "{} does not compare columns of type {}",
                tool(preset),
                self.baseline.type_name(name)
            )
        })
    }
}
