//! A second model on the same rows: may it take the place of the one in service?
//!
//! Champion and challenger score the same rows of each window, so what differs between their
//! outputs is the models' doing alone. What is found is said about the challenger, as
//! information: the window's verdict is the champion's.

use crate::{
    PipelineError,
    config::{ModelConfig, Name, Pipeline},
    findings::{number, percent},
    report::window_name,
    rows::{quoted, score_columns, scored_name},
    run::Judged,
    targets::{Asked, TARGET, Targets, text},
};
use driftline_drift::performance::levels::QUANTILE;
use driftline_engine::{Engine, Rows, Span, Windows};
use driftline_scorer::{Manifest, Scorer, Task};
use driftline_verdict::{
    Evidence, Finding, FindingKind, NotEvaluated, Severity,
    report::model::{Trend, TrendPoint},
};
use std::collections::BTreeMap;

/// A challenger that was loaded, or why it was not.
#[derive(Debug, Clone)]
pub(crate) struct Challenger {
    model: Name,
    /// What the champion says of itself.
    champion: Manifest,
    loaded: Result<Manifest, String>,
}

/// What its window says of a challenger.
#[derive(Debug, Clone)]
pub(crate) struct Comparison {
    model: Name,
    /// Name and version of both.
    ids: [String; 2],
    outcome: Result<Outputs, String>,
}

/// Both models' outputs on the rows that both scored.
#[derive(Debug, Clone)]
struct Outputs {
    rows: f64,
    /// Share of the rows that the two label differently; of other models the mean distance of
    /// their numbers.
    apart: f64,
    /// Mean of what is watched, confidence or a number, of both.
    means: [f64; 2],
    /// Name of what is watched.
    field: &'static str,
    /// For each label its share with both.
    labels: Vec<(String, [f64; 2])>,
    /// Rows with a target, and those of them that only the champion and only the challenger
    /// gets right.
    against_targets: Option<[f64; 3]>,
}

impl Challenger {
    /// Loads the challenger of a model, if the pipeline names one. One that cannot be loaded
    /// keeps nothing else from being judged.
    pub(crate) async fn load(
        engine: &Engine,
        pipeline: &Pipeline,
        model: &Name,
        champion: &Manifest,
    ) -> Option<Self> {
        let config = pipeline.models.get(model)?.challenger.as_ref()?;
        let bundle = pipeline.path(&config.bundle);
        let loaded = match tokio::task::spawn_blocking(move || Scorer::load(&bundle)).await {
            Ok(loaded) => loaded.map_err(|error| error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let loaded = loaded.and_then(|scorer| {
            let manifest = scorer.manifest().clone();
            if field(&manifest) != field(champion) {
                return Err(format!(
                    "{} and {} do not do the same: their `task`s differ",
                    manifest.id(),
                    champion.id()
                ));
            }
            engine.add_scorer(challenger(model).as_str(), scorer);
            Ok(manifest)
        });
        Some(Self {
            model: model.clone(),
            champion: champion.clone(),
            loaded,
        })
    }

    /// Scores the live rows a second time and compares, window by window.
    pub(crate) async fn compare(
        &self,
        (rows, windows): (&Rows, Option<&Windows>),
        pipeline: &Pipeline,
        targets: Option<&Targets<'_>>,
        spans: &[Option<Span>],
    ) -> Result<BTreeMap<Option<Span>, Comparison>, PipelineError> {
        let outcome = match &self.loaded {
            Err(problem) => Err(problem.clone()),
            // A column that only the challenger reads may be missing.
            Ok(manifest) => match self
                .outputs(manifest, (rows, windows), pipeline, targets)
                .await
            {
                Err(PipelineError::Configuration { message }) => Err(message),
                other => Ok(other?),
            },
        };
        let ids = [
            self.champion.id(),
            self.loaded
                .as_ref()
                .map_or_else(|_| "the challenger".to_owned(), Manifest::id),
        ];
        let comparison = |outcome| Comparison {
            model: self.model.clone(),
            ids: ids.clone(),
            outcome,
        };
        let none = || Err("no row of the window was scored by both".to_owned());
        Ok(match outcome {
            Err(problem) => {
                let all = spans
                    .iter()
                    .map(|span| (*span, comparison(Err(problem.clone()))));
                all.collect()
            }
            Ok(mut found) => {
                let of = |span: &Option<Span>| found.remove(span).map_or_else(none, Ok);
                let outcomes: Vec<_> = spans.iter().map(of).collect();
                spans
                    .iter()
                    .copied()
                    .zip(outcomes.into_iter().map(comparison))
                    .collect()
            }
        })
    }

    async fn outputs(
        &self,
        manifest: &Manifest,
        (rows, windows): (&Rows, Option<&Windows>),
        pipeline: &Pipeline,
        targets: Option<&Targets<'_>>,
    ) -> Result<BTreeMap<Option<Span>, Outputs>, PipelineError> {
        let name = challenger(&self.model);
        let Some(champion) = pipeline.models.get(&self.model) else {
            return Ok(BTreeMap::new());
        };
        let targets = targets.filter(|targets| *targets.model() == self.model);
        let rows = match targets {
            Some(targets) => targets.beside(rows).await?,
            None => rows.clone(),
        };
        let config = as_model(champion);
        let scores = score_columns(pipeline, &name, &config, manifest, &rows)?;
        let scores: Vec<(String, String)> = scores
            .into_iter()
            .map(|(column, sql)| (column.name, sql))
            .collect();
        let rows = rows.with_columns(&scores).await?;
        let field = field(manifest);
        let of = |field: &str| [&self.model, &name].map(|model| quoted(&scored_name(model, field)));
        let [ours, theirs] = of(field);
        let both = format!("{ours} IS NOT NULL AND {theirs} IS NOT NULL");
        let mut asked = Asked::default();
        asked.rows(&both);
        for column in [&ours, &theirs] {
            asked.sum(&format!("CASE WHEN {both} THEN {column} END"));
        }
        let mut labels: Vec<String> = Vec::new();
        if manifest.task.is_classification() {
            let [ours, theirs] = of("label");
            asked.rows(&format!("{both} AND {ours} <> {theirs}"));
            let all = self.champion.labels.iter().chain(&manifest.labels);
            for label in all {
                if !labels.contains(label) {
                    labels.push(label.clone());
                }
            }
            for label in &labels {
                for column in [&ours, &theirs] {
                    asked.rows(&format!("{both} AND {column} = {}", text(label)));
                }
            }
            if targets.is_some() {
                asked.rows(&format!("{both} AND {TARGET} IS NOT NULL"));
                for (right, wrong) in [(&ours, &theirs), (&theirs, &ours)] {
                    asked.rows(&format!(
                        "{both} AND {right} = {TARGET} AND {wrong} <> {TARGET}"
                    ));
                }
            }
        } else {
            asked.sum(&format!("abs({ours} - {theirs})"));
        }
        let counted = rows.aggregate(&asked.0, windows).await?;
        let found = counted.into_iter().filter_map(|row| {
            let mut values = row.values.iter().map(|value| value.unwrap_or(0.0));
            let mut next = || values.next().unwrap_or(0.0);
            let rows = next();
            let outputs = Outputs {
                rows,
                means: [next() / rows, next() / rows],
                apart: next() / rows,
                field,
                labels: labels
                    .iter()
                    .map(|label| (label.clone(), [next() / rows, next() / rows]))
                    .collect(),
                against_targets: (targets.is_some() && !labels.is_empty())
                    .then(|| [next(), next(), next()]),
            };
            (rows > 0.0).then_some((row.span, outputs))
        });
        Ok(found.collect())
    }
}

/// The challenger's name as a model: that of its columns.
fn challenger(model: &Name) -> Name {
    model.joined("challenger")
}

/// What is compared of a model's scores, beside labels.
fn field(manifest: &Manifest) -> &'static str {
    match manifest.task {
        Task::BinaryClassification | Task::MulticlassClassification => "confidence",
        Task::Regression => "value",
        Task::Free => {
            let known = driftline_scorer::monitored_fields(manifest);
            match known.iter().any(|field| field == "reconstruction_error") {
                true => "reconstruction_error",
                false => "embedding_norm",
            }
        }
    }
}

/// The challenger of a model as a model of its own.
fn as_model(champion: &ModelConfig) -> ModelConfig {
    let own = champion.challenger.as_ref();
    ModelConfig {
        bundle: own.map(|own| own.bundle.clone()).unwrap_or_default(),
        text: own
            .and_then(|own| own.text.clone())
            .or_else(|| champion.text.clone()),
        columns: own
            .map(|own| own.columns.clone())
            .filter(|columns| !columns.is_empty())
            .unwrap_or_else(|| champion.columns.clone()),
        note: String::new(),
        challenger: None,
        ..champion.clone()
    }
}

impl Outputs {
    fn measure(&self) -> &'static str {
        match self.labels.is_empty() {
            true => "output_distance",
            false => "label_flips",
        }
    }

    /// By how many shares of the labels the two differ: the total variation distance.
    fn label_distance(&self) -> f64 {
        let apart = self
            .labels
            .iter()
            .map(|(_, [ours, theirs])| (ours - theirs).abs());
        apart.sum::<f64>() / 2.0
    }

    /// How much more of the targets the challenger gets right, with an interval of 95 %: that
    /// of a difference of paired shares.
    fn gain(&self) -> Option<[f64; 3]> {
        let [rows, lost, won] = self.against_targets?;
        if rows < 1.0 {
            return None;
        }
        let gain = (won - lost) / rows;
        let variance = ((won + lost) / rows - gain * gain).max(0.0) / rows;
        let half = QUANTILE * variance.sqrt();
        Some([gain, gain - half, gain + half])
    }
}

impl Comparison {
    /// What it says of its window.
    pub(crate) fn conclude(&self, into: &mut Vec<Finding>, missing: &mut Vec<NotEvaluated>) {
        let outputs = match &self.outcome {
            Ok(outputs) => outputs,
            Err(problem) => {
                missing.push(NotEvaluated {
                    check: format!("challenger of {}", self.model),
                    reason: problem.clone(),
                    required: false,
                });
                return;
            }
        };
        let [champion, challenger] = &self.ids;
        let [ours, theirs] = outputs.means.map(number);
        let field = outputs.field.replace('_', " ");
        let apart = match outputs.measure() {
            "label_flips" => format!(
                "{challenger} gives {} of {} rows another label than {champion}; shares of labels \
                 are {} apart",
                percent(outputs.apart),
                number(outputs.rows),
                number(outputs.label_distance())
            ),
            _ => format!(
                "what {challenger} gives is {} from what {champion} gives, on {} rows",
                number(outputs.apart),
                number(outputs.rows)
            ),
        };
        into.push(Finding {
            column: Some(challenger_column(&self.model)),
            measure: Some(outputs.measure().into()),
            value: Some(outputs.apart),
            window_rows: Some(outputs.rows as u64),
            evidence: outputs
                .labels
                .iter()
                .map(|(label, [ours, theirs])| Evidence {
                    label: label.clone(),
                    baseline: *ours,
                    window: *theirs,
                    contribution: theirs - ours,
                })
                .collect(),
            ..Finding::new(
                FindingKind::Challenger,
                Severity::Info,
                format!("{apart}; mean {field} {theirs} against {ours}"),
            )
        });
        if let Some([gain, lower, upper]) = outputs.gain() {
            let rows = outputs.against_targets.map_or(0.0, |[rows, ..]| rows);
            let says = match (lower > 0.0, upper < 0.0) {
                (true, _) => "it may take the champion's place",
                (_, true) => "it must not take the champion's place",
                _ => "which of the two is better cannot be told from these rows",
            };
            into.push(Finding {
                column: Some(challenger_column(&self.model)),
                measure: Some("accuracy_gain".into()),
                value: Some(gain),
                effect: Some(gain),
                effect_lower: Some(lower),
                window_rows: Some(rows as u64),
                ..Finding::new(
                    FindingKind::Challenger,
                    Severity::Info,
                    format!(
                        "{challenger} is right {} more often than {champion} ({} to {}) on {} rows with \
                         a target: {says}",
                        number(gain),
                        number(lower),
                        number(upper),
                        number(rows)
                    ),
                )
            });
        }
    }
}

fn challenger_column(model: &Name) -> String {
    challenger(model).to_string()
}

/// How far apart champions and challengers are, over the windows.
pub(crate) fn trends(judged: &Judged) -> Vec<Trend> {
    let mut models: Vec<&Name> = Vec::new();
    for comparison in judged.windows.iter().flat_map(|window| &window.challengers) {
        if comparison.outcome.is_ok() && !models.contains(&&comparison.model) {
            models.push(&comparison.model);
        }
    }
    let mut trends = Vec::new();
    for model in models {
        let found = |at: usize| {
            let all = judged.windows[at].challengers.iter();
            let own = all.clone().find(|comparison| comparison.model == *model);
            own.and_then(|own| own.outcome.as_ref().ok())
        };
        let classifies = (0..judged.windows.len())
            .find_map(found)
            .is_some_and(|outputs| !outputs.labels.is_empty());
        let trend = |name: &str, unit: &str, value: &dyn Fn(&Outputs) -> Option<f64>| Trend {
            group: "challenger".into(),
            name: format!("{model}: {name}"),
            measure: None,
            unit: unit.into(),
            limit_label: None,
            points: judged
                .windows
                .iter()
                .enumerate()
                .map(|(at, window)| TrendPoint {
                    window: window_name(window, at),
                    value: found(at).and_then(value),
                    limit: None,
                    lower_limit: None,
                    baseline: None,
                    alarm: false,
                })
                .collect(),
        };
        let name = match classifies {
            true => "rows that the challenger labels otherwise",
            false => "distance of the challenger's outputs",
        };
        let unit = if classifies { "share" } else { "value" };
        trends.push(trend(name, unit, &|outputs| Some(outputs.apart)));
        if classifies {
            trends.push(trend(
                "challenger's gain in accuracy",
                "share",
                &|outputs| outputs.gain().map(|[gain, ..]| gain),
            ));
        }
    }
    trends.retain(|trend| trend.points.iter().any(|point| point.value.is_some()));
    trends
}
