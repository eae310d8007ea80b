//! How right a model was, once true values are known, beside what was estimated before.
//!
//! True values come late: each window is judged by those of its rows whose target is there,
//! and a window that has none says so. The estimate needs none: what each level of a
//! classifier's probabilities was worth on the baseline gives what is to be expected of any rows
//! ([`driftline_drift::performance::levels`]). Both are given for the rows with targets, so
//! that their difference is the estimate's own error: it is small while what features say of
//! the target stays, and grows under concept drift, which no estimate sees.

mod counts;
mod performance;

pub(crate) use counts::{Asked, Counts, Group, Scores, text};
pub(crate) use performance::{Performance, trends};

use crate::{
    PipelineError,
    config::{Name, PerformanceMeasure, Pipeline, SourceConfig, TargetsConfig},
    rows::quoted,
};
use driftline_drift::performance::{Metric, levels::Worth, loss::LossMetric};
use driftline_engine::{Engine, Rows, Source, Span, Windows};
use driftline_scorer::{Manifest, Task};
use performance::Reference;
use std::collections::BTreeMap;

/// Column of the true value.
pub(crate) const TARGET: &str = "driftline_target";
/// Column that says whether a true value means nothing to the model.
const FOREIGN: &str = "driftline_foreign_target";
/// What is told of a classification where nothing else is asked for.
const OF_CLASSES: [Metric; 4] = [
    Metric::Accuracy,
    Metric::F1,
    Metric::RocAuc,
    Metric::AveragePrecision,
];
/// What is told of a regression.
const OF_NUMBERS: [LossMetric; 2] = [LossMetric::Mae, LossMetric::Rmse];

/// A model whose performance is followed, and what it was on the baseline.
pub(crate) struct Targets<'a> {
    config: &'a TargetsConfig,
    slices: &'a [String],
    manifest: &'a Manifest,
    model: &'a Name,
    /// The rows of the targets' own table; none where they are a column of the rows.
    table: Option<Rows>,
    reference: Reference,
}

impl<'a> Targets<'a> {
    /// Reads the targets, and how the model did on the baseline; none where the pipeline
    /// names no targets.
    pub(crate) async fn read(
        engine: &Engine,
        pipeline: &'a Pipeline,
        models: &'a [(Name, Manifest)],
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
            slices: &pipeline.slices,
            manifest,
            model,
            table,
            reference: Reference::new(measures(config, manifest)?, config.max_loss),
        };
        if let Some(rows) = baseline {
            let counted = targets.count(rows, None).await?;
            targets.reference.learn(counted);
        }
        Ok(Some(targets))
    }

    /// The model that they are about.
    pub(crate) fn model(&self) -> &Name {
        self.model
    }

    /// What is told first, and judged.
    pub(crate) fn first_measure(&self) -> PerformanceMeasure {
        self.reference.first_measure()
    }

    /// What the model's probabilities were worth on the baseline.
    pub(crate) fn worth(&self) -> &Worth {
        &self.reference.worth
    }

    /// Rows with their true values in [`TARGET`], as text or as a number.
    pub(crate) async fn beside(&self, rows: &Rows) -> Result<Rows, PipelineError> {
        let column = &self.config.column;
        let rows = match &self.table {
            Some(table) => rows.with_joined(table, &self.config.key, column, TARGET)?,
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
        let rows = self.beside(rows).await?;
        let scores = Scores::new(self.model, self.manifest);
        let counted = scores.count(&rows, self.slices, windows).await?;
        let mut foreign = Asked::default();
        foreign.rows(FOREIGN);
        let foreign = rows.aggregate(&foreign.0, windows).await?;
        let foreign: BTreeMap<Option<Span>, f64> = foreign
            .into_iter()
            .filter_map(|row| Some((row.span, (*row.values.first()?)?)))
            .collect();
        let mut by_window: BTreeMap<Option<Span>, Vec<(Group, Counts)>> = BTreeMap::new();
        for (group, counts) in counted {
            let own = by_window.entry(group.span).or_default();
            own.push((group, counts));
        }
        let judged = by_window.into_iter().map(|(span, groups)| {
            let foreign = foreign.get(&span).copied().unwrap_or(0.0);
            let performance =
                Performance::of(self.model, self.manifest, &self.reference, groups, foreign);
            (span, performance)
        });
        Ok(judged.collect())
    }

    async fn count(
        &self,
        rows: &Rows,
        windows: Option<&Windows>,
    ) -> Result<BTreeMap<Group, Counts>, PipelineError> {
        let rows = self.beside(rows).await?;
        let scores = Scores::new(self.model, self.manifest);
        scores.count(&rows, self.slices, windows).await
    }
}

/// What is told of a model: what is asked for, and fits what it gives.
fn measures(
    config: &TargetsConfig,
    manifest: &Manifest,
) -> Result<Vec<PerformanceMeasure>, PipelineError> {
    let usual: Vec<PerformanceMeasure> = match manifest.task {
        Task::Regression => OF_NUMBERS.map(PerformanceMeasure::Loss).into(),
        _ => OF_CLASSES.map(PerformanceMeasure::Classification).into(),
    };
    if config.measures.is_empty() {
        return Ok(usual);
    }
    let is_of_numbers = |measure: &PerformanceMeasure| match measure {
        PerformanceMeasure::Loss(_) => true,
        PerformanceMeasure::Classification(_) => false,
    };
    let regression = manifest.task == Task::Regression;
    let mut asked = config.measures.iter();
    match asked.find(|measure| is_of_numbers(measure) != regression) {
        None => Ok(config.measures.clone()),
        Some(other) => Err(PipelineError::Configuration {
            message: format!(
                "`targets.measures` names `{}`, which is no measure of {}; {} are",
                other.name(),
                match regression {
                    true => "a model that predicts a number",
                    false => "a model that gives labels",
                },
                match regression {
                    true => LossMetric::ALL.map(LossMetric::name).join(", "),
                    false => Metric::ALL.map(Metric::name).join(", "),
                }
            ),
        }),
    }
}

fn chosen<'a>(
    config: &TargetsConfig,
    models: &'a [(Name, Manifest)],
) -> Result<(&'a Name, &'a Manifest), PipelineError> {
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

/// The rows of the targets' own table.
pub(crate) async fn open(
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
