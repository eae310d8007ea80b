//! How right a model was, once true values are known, beside what was estimated before.
//!
//! True values come late: each window is judged by those of its rows whose target is there,
//! and a window that has none says so. The estimate needs none. A model's confidence says how
//! often it is right; what each level of confidence was worth on the baseline (histogram
//! binning: Zadrozny and Elkan 2001, "Obtaining calibrated probability estimates") gives the
//! expected share of right predictions of any rows. Both are given for the rows with targets,
//! so that their difference is the estimate's own error: it is small while what features say
//! of the target stays, and grows under concept drift, which no estimate sees.

use crate::{
    PipelineError,
    config::{Pipeline, SourceConfig, TargetsConfig},
    findings::number,
    report::window_name,
    rows::{quoted, scored_name},
    run::Judged,
};
use driftline_drift::verify::exact_interval;
use driftline_engine::{Engine, Rows, Source, Span, Windows};
use driftline_scorer::{Manifest, Task};
use driftline_verdict::{
    ActionKind, Finding, FindingKind, NotEvaluated, Severity,
    report::model::{Trend, TrendPoint},
};
use std::collections::BTreeMap;

/// Levels of confidence, each as wide.
const BINS: usize = 20;
/// Column of the true value, and of the level of a row's confidence.
pub(crate) const TARGET: &str = "driftline_target";
const FOREIGN: &str = "driftline_foreign_target";
const BIN: &str = "driftline_confidence_bin";
/// Normal quantile of an interval that holds in 95 of 100 cases.
pub(crate) const QUANTILE: f64 = 1.959_964;

/// A model whose performance is followed, and what it was on the baseline.
pub(crate) struct Targets<'a> {
    config: &'a TargetsConfig,
    manifest: &'a Manifest,
    model: &'a crate::config::Name,
    /// The rows of the targets' own table; none where they are a column of the rows.
    table: Option<Rows>,
    reference: Option<Counts>,
}

/// The performance in one window.
#[derive(Debug, Clone)]
pub(crate) struct Performance {
    model: String,
    measure: &'static str,
    /// Whether more is better.
    gain: bool,
    realised: Option<Amount>,
    /// Of all rows that were scored.
    estimate: Option<Amount>,
    /// Of those with a target.
    estimate_of_labelled: Option<f64>,
    reference: Option<Amount>,
    max_loss: Option<f64>,
    scored: f64,
    /// Targets that mean nothing to the model.
    foreign: f64,
    labels: String,
}

/// A mean with how many rows are behind it and how far it may be off.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Amount {
    rows: f64,
    value: f64,
    lower: f64,
    upper: f64,
}

/// Counts of a stretch of rows.
#[derive(Debug, Clone, Default)]
struct Counts {
    /// By level of confidence.
    bins: Vec<Bin>,
    scored: f64,
    labelled: f64,
    absolute_error: f64,
    squared_error: f64,
    foreign: f64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Bin {
    scored: f64,
    confidence: f64,
    labelled: f64,
    right: f64,
}

impl<'a> Targets<'a> {
    /// Reads the targets, and how the model did on the baseline; none where the pipeline
    /// names no targets.
    pub(crate) async fn read(
        engine: &Engine,
        pipeline: &'a Pipeline,
        models: &'a [(crate::config::Name, Manifest)],
        baseline: Option<&Rows>,
    ) -> Result<Option<Self>, PipelineError> {
        let Some(config) = &pipeline.targets else {
            return Ok(None);
        };
        let (model, manifest) = chosen(config, models)?;
        let table = match &config.source {
            Some(source) => Some(open(engine, pipeline, config, source).await?),
            None => None,
        };
        let mut targets = Self {
            config,
            manifest,
            model,
            table,
            reference: None,
        };
        if let Some(rows) = baseline {
            let counted = targets.count(rows, None).await?;
            let whole = counted.into_values().next();
            targets.reference = whole.filter(|counts| counts.labelled > 0.0);
        }
        Ok(Some(targets))
    }

    /// The model that they are about.
    pub(crate) fn model(&self) -> &crate::config::Name {
        self.model
    }

    /// Rows with their true values in [`TARGET`], as text or as a number.
    pub(crate) async fn beside(&self, rows: &Rows) -> Result<Rows, PipelineError> {
        let column = &self.config.column;
        let rows = match &self.table {
            Some(table) => table_of(rows, table, self.config)?,
            None => {
                let known = rows.columns();
                if known.iter().all(|c| c.name != *column) {
                    return Err(unknown(column, &known));
                }
                rows.with_columns(&[(TARGET.into(), quoted(column))])
                    .await?
            }
        };
        let fits = match self.manifest.task {
            Task::Regression => format!("TRY_CAST({TARGET} AS DOUBLE)"),
            _ => {
                let labels: Vec<String> = self.manifest.labels.iter().map(|l| text(l)).collect();
                let labels = labels.join(", ");
                let given = format!("CAST({TARGET} AS VARCHAR)");
                format!("CASE WHEN {given} IN ({labels}) THEN {given} END")
            }
        };
        let foreign = format!("{TARGET} IS NOT NULL AND {fits} IS NULL");
        Ok(rows
            .with_columns(&[(FOREIGN.into(), foreign), (TARGET.into(), fits)])
            .await?)
    }

    /// The performance in every window of the live rows.
    pub(crate) async fn judge(
        &self,
        rows: &Rows,
        windows: Option<&Windows>,
    ) -> Result<BTreeMap<Option<Span>, Performance>, PipelineError> {
        let counted = self.count(rows, windows).await?;
        let performance = |(span, counts)| (span, self.performance(&counts));
        Ok(counted.into_iter().map(performance).collect())
    }

    async fn count(
        &self,
        rows: &Rows,
        windows: Option<&Windows>,
    ) -> Result<BTreeMap<Option<Span>, Counts>, PipelineError> {
        let rows = self.beside(rows).await?;
        let column = |field: &str| quoted(&scored_name(self.model, field));
        let mut asked = Asked::default();
        asked.rows(FOREIGN);
        let rows = if self.manifest.task == Task::Regression {
            let error = format!("({} - {TARGET})", column("value"));
            asked.rows(&format!("{} IS NOT NULL", column("value")));
            asked.rows(&format!("{error} IS NOT NULL"));
            asked.sum(&format!("abs{error}"));
            asked.sum(&format!("{error} * {error}"));
            rows
        } else {
            let (label, confidence) = (column("label"), column("confidence"));
            let level = format!(
                "CAST(least(floor({confidence} * {BINS}), {}) AS INT)",
                BINS - 1
            );
            for bin in 0..BINS {
                let inside = format!("{BIN} = {bin}");
                asked.rows(&inside);
                asked.sum(&format!("CASE WHEN {inside} THEN {confidence} END"));
                asked.rows(&format!("{inside} AND {TARGET} IS NOT NULL"));
                asked.rows(&format!("{inside} AND {TARGET} = {label}"));
            }
            rows.with_columns(&[(BIN.into(), level)]).await?
        };
        let counted = rows.aggregate(&asked.0, windows).await?;
        Ok(counted
            .into_iter()
            .filter(|row| windows.is_none() || row.span.is_some())
            .map(|row| (row.span, self.counts(&row.values)))
            .collect())
    }

    fn counts(&self, values: &[Option<f64>]) -> Counts {
        let mut values = values.iter().map(|value| value.unwrap_or(0.0));
        let mut next = || values.next().unwrap_or(0.0);
        let mut counts = Counts {
            foreign: next(),
            ..Counts::default()
        };
        if self.manifest.task == Task::Regression {
            counts.scored = next();
            counts.labelled = next();
            counts.absolute_error = next();
            counts.squared_error = next();
            return counts;
        }
        counts.bins = (0..BINS)
            .map(|_| Bin {
                scored: next(),
                confidence: next(),
                labelled: next(),
                right: next(),
            })
            .collect();
        counts.scored = counts.bins.iter().map(|bin| bin.scored).sum();
        counts.labelled = counts.bins.iter().map(|bin| bin.labelled).sum();
        counts
    }

    fn performance(&self, counts: &Counts) -> Performance {
        let regression = self.manifest.task == Task::Regression;
        let reference = self.reference.as_ref();
        let estimate = |of: fn(&Bin) -> f64| {
            let worth = |at: usize, bin: &Bin| {
                let known = reference
                    .map(|reference| reference.bins[at])
                    .unwrap_or_default();
                let said = match bin.scored > 0.0 {
                    true => bin.confidence / bin.scored,
                    false => (at as f64 + 0.5) / BINS as f64,
                };
                // One row more that is as often right as it says.
                (known.right + said) / (known.labelled + 1.0)
            };
            let bins = counts.bins.iter().enumerate();
            let (mut rows, mut right, mut variance) = (0.0, 0.0, 0.0);
            for (at, bin) in bins {
                let p = worth(at, bin);
                rows += of(bin);
                right += of(bin) * p;
                variance += of(bin) * p * (1.0 - p);
            }
            (rows > 0.0).then(|| {
                let (value, half) = (right / rows, QUANTILE * variance.sqrt() / rows);
                Amount {
                    rows,
                    value,
                    lower: value - half,
                    upper: value + half,
                }
            })
        };
        Performance {
            model: self.model.to_string(),
            measure: match regression {
                true => "mean_absolute_error",
                false => "accuracy",
            },
            gain: !regression,
            realised: counts.realised(),
            estimate: estimate(|bin| bin.scored),
            estimate_of_labelled: estimate(|bin| bin.labelled).map(|amount| amount.value),
            reference: reference.and_then(Counts::realised),
            max_loss: self.config.max_loss,
            scored: counts.scored,
            foreign: counts.foreign,
            labels: self.manifest.labels.join(", "),
        }
    }
}

impl Counts {
    fn realised(&self) -> Option<Amount> {
        let rows = self.labelled;
        if rows < 1.0 {
            return None;
        }
        if self.bins.is_empty() {
            let value = self.absolute_error / rows;
            let variance = (self.squared_error / rows - value * value).max(0.0);
            let half = QUANTILE * (variance / rows).sqrt();
            return Some(Amount {
                rows,
                value,
                lower: value - half,
                upper: value + half,
            });
        }
        let right: f64 = self.bins.iter().map(|bin| bin.right).sum();
        let (lower, upper) = exact_interval(right as usize, rows as usize);
        Some(Amount {
            rows,
            value: right / rows,
            lower,
            upper,
        })
    }
}

impl Performance {
    /// What it says of its window.
    pub(crate) fn conclude(&self, into: &mut Vec<Finding>, missing: &mut Vec<NotEvaluated>) {
        if self.foreign > 0.0 {
            let reason = match self.labels.as_str() {
                "" => format!("{} targets are no numbers", number(self.foreign)),
                labels => format!(
                    "{} targets are no labels of the model, which are {labels}; write what they \
                     mean in the `prepare` of `targets`",
                    number(self.foreign)
                ),
            };
            missing.push(self.not_evaluated(reason));
        }
        let Some(realised) = &self.realised else {
            let known = match &self.estimate {
                Some(estimate) => format!("; {} was estimated", number(estimate.value)),
                None => String::new(),
            };
            let reason = format!(
                "none of the {} rows that were scored has a target yet{known}",
                number(self.scored)
            );
            missing.push(self.not_evaluated(reason));
            let estimated = self.estimate.as_ref();
            into.extend(estimated.and_then(|estimate| self.finding(estimate, true)));
            return;
        };
        into.extend(self.finding(realised, false));
    }

    fn not_evaluated(&self, reason: String) -> NotEvaluated {
        NotEvaluated {
            check: format!("{} of {}", self.measure, self.model),
            reason,
            required: false,
        }
    }

    fn finding(&self, amount: &Amount, estimated: bool) -> Option<Finding> {
        let measure = self.named(estimated);
        let mut message = format!(
            "{}: {} {} ({} to {}) on {} of {} rows",
            self.model,
            measure.replace('_', " "),
            number(amount.value),
            number(amount.lower),
            number(amount.upper),
            number(amount.rows),
            number(self.scored)
        );
        if let (false, Some(estimate)) = (estimated, self.estimate_of_labelled) {
            let error = estimate - amount.value;
            message.push_str(&format!(
                "; {} was estimated for them, {} too {}",
                number(estimate),
                number(error.abs()),
                if error < 0.0 { "low" } else { "high" }
            ));
        }
        let loss = self.reference.map(|known| self.loss(&known, amount));
        if let Some(known) = &self.reference {
            message.push_str(&format!("; the baseline has {}", number(known.value)));
        }
        let beyond = match (loss, self.max_loss) {
            (Some((_, certain)), Some(most)) => certain > most,
            _ => false,
        };
        // What is only estimated is told where it is beyond its limit; trends have the rest.
        if estimated && !beyond {
            return None;
        }
        Some(Finding {
            measure: Some(measure),
            value: Some(amount.value),
            threshold: self.limit(),
            effect: loss.map(|(loss, _)| loss),
            effect_lower: loss.map(|(_, certain)| certain),
            min_effect: self.max_loss,
            baseline_rows: self.reference.map(|known| known.rows as u64),
            window_rows: Some(amount.rows as u64),
            action: beyond.then_some(ActionKind::Retrain),
            ..Finding::new(
                FindingKind::Performance,
                match beyond {
                    true => Severity::Error,
                    false => Severity::Info,
                },
                message,
            )
        })
    }

    fn named(&self, estimated: bool) -> String {
        match estimated {
            true => format!("estimated_{}", self.measure),
            false => self.measure.to_owned(),
        }
    }

    /// How much worse than on the baseline, and how much of it is certain.
    fn loss(&self, known: &Amount, now: &Amount) -> (f64, f64) {
        let loss = match self.gain {
            true => known.value - now.value,
            false => now.value - known.value,
        };
        let half = |amount: &Amount| (amount.upper - amount.lower) / 2.0;
        (loss, loss - half(known).hypot(half(now)))
    }

    fn limit(&self) -> Option<f64> {
        let (known, most) = (self.reference?, self.max_loss?);
        Some(match self.gain {
            true => known.value - most,
            false => known.value + most,
        })
    }
}

/// Realised and estimated performance over the windows.
pub(crate) fn trends(judged: &Judged) -> Vec<Trend> {
    let Some(first) = judged.windows.iter().find_map(|w| w.performance.as_ref()) else {
        return Vec::new();
    };
    let point = |estimated: bool| {
        judged
            .windows
            .iter()
            .enumerate()
            .map(move |(index, window)| {
                let found = window.performance.as_ref();
                let amount = found.and_then(|found| match estimated {
                    true => found.estimate,
                    false => found.realised,
                });
                let finding = found.zip(amount.as_ref());
                let finding = finding.and_then(|(found, amount)| found.finding(amount, estimated));
                TrendPoint {
                    window: window_name(window, index),
                    value: amount.map(|amount| amount.value),
                    limit: found.and_then(Performance::limit),
                    lower_limit: None,
                    baseline: found
                        .and_then(|found| found.reference)
                        .map(|known| known.value),
                    alarm: finding.is_some_and(|finding| finding.severity == Severity::Error),
                }
            })
    };
    let trend = |estimated: bool| Trend {
        group: "performance".into(),
        name: format!(
            "{}: {}",
            first.model,
            first.named(estimated).replace('_', " ")
        ),
        measure: None,
        unit: match first.gain {
            true => "share".into(),
            false => "value".into(),
        },
        limit_label: first
            .max_loss
            .map(|most| format!("a loss of {}", number(most))),
        points: point(estimated).collect(),
    };
    [trend(false), trend(true)]
        .into_iter()
        .filter(|trend| trend.points.iter().any(|point| point.value.is_some()))
        .collect()
}

/// Aggregates that are asked for, in order.
#[derive(Default)]
pub(crate) struct Asked(pub(crate) Vec<(String, String)>);

impl Asked {
    /// How many rows meet a condition.
    pub(crate) fn rows(&mut self, condition: &str) {
        self.sum(&format!("CASE WHEN {condition} THEN 1.0 ELSE 0.0 END"));
    }

    /// The sum of an expression.
    pub(crate) fn sum(&mut self, expression: &str) {
        let name = self.0.len().to_string();
        self.0.push((name, format!("sum({expression})")));
    }
}

/// A string as SQL.
pub(crate) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

fn chosen<'a>(
    config: &TargetsConfig,
    models: &'a [(crate::config::Name, Manifest)],
) -> Result<(&'a crate::config::Name, &'a Manifest), PipelineError> {
    let wrong = |message| Err(PipelineError::Configuration { message });
    let chosen = match &config.model {
        Some(name) => models.iter().find(|(model, _)| model == name),
        None if models.len() == 1 => models.first(),
        None => None,
    };
    let names: Vec<&str> = models.iter().map(|(name, _)| name.as_str()).collect();
    match chosen {
        Some((_, manifest)) if manifest.task == Task::Free => wrong(
            "`targets` needs a model that predicts; this one gives an embedding or a \
             reconstruction"
                .to_owned(),
        ),
        Some((name, manifest)) => Ok((name, manifest)),
        None => wrong(format!(
            "`targets.model` must say whose predictions the targets are held against: {}",
            names.join(", ")
        )),
    }
}

async fn open(
    engine: &Engine,
    pipeline: &Pipeline,
    config: &TargetsConfig,
    source: &str,
) -> Result<Rows, PipelineError> {
    let location = pipeline.source(&SourceConfig::of(source.to_owned()));
    let rows = engine.open(&Source::new(location)).await?;
    Ok(match &config.prepare {
        Some(sql) => rows.prepare(sql).await?,
        None => rows,
    })
}

fn table_of(rows: &Rows, table: &Rows, config: &TargetsConfig) -> Result<Rows, PipelineError> {
    Ok(rows.with_joined(table, &config.key, &config.column, TARGET)?)
}

fn unknown(column: &str, known: &[driftline_engine::ColumnInfo]) -> PipelineError {
    let known: Vec<&str> = known.iter().map(|column| column.name.as_str()).collect();
    PipelineError::Configuration {
        message: format!(
            "`targets.column` is `{column}`, which the rows do not have; their columns are {}; \
             where the targets are a table of their own, name it as `targets.source`",
            known.join(", ")
        ),
    }
}
