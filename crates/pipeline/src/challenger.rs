//! A second model beside the one in service: may it take its place?
//!
//! Champion and challenger score the same rows of each window, so that what differs between
//! their outputs is the models' doing alone; or the challenger scores a share of the rows in the
//! champion's place, which are told by a hash of a key. What is found is said about the
//! challenger, as information: the window's verdict is the champion's.

mod comparison;

pub(crate) use comparison::{Comparison, trends};

use crate::{
    PipelineError,
    config::{ChallengerConfig, ModelConfig, Name, Pipeline},
    rows::{quoted, score_columns, scored_name},
    targets::{Asked, Scores, TARGET, Targets, text},
};
use comparison::{Gain, Outputs};
use driftline_drift::performance::levels::Worth;
use driftline_engine::{Engine, Rows, Span, Windows};
use driftline_scorer::{Manifest, Scorer, Task};
use std::collections::BTreeMap;

/// A challenger that was loaded, or why it was not.
#[derive(Debug, Clone)]
pub(crate) struct Challenger {
    model: Name,
    /// What the champion says of itself.
    champion: Manifest,
    loaded: Result<Manifest, String>,
}

/// What a challenger is compared on.
pub(crate) struct LiveRows<'a> {
    pub(crate) rows: &'a Rows,
    pub(crate) windows: Option<&'a Windows>,
    /// The windows that are judged.
    pub(crate) spans: &'a [Option<Span>],
    /// The training data, where it is held.
    pub(crate) baseline: Option<&'a Rows>,
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

    /// Scores the live rows a second time, or those that are the challenger's, and compares,
    /// window by window.
    pub(crate) async fn compare(
        &self,
        live: &LiveRows<'_>,
        pipeline: &Pipeline,
        targets: Option<&Targets<'_>>,
    ) -> Result<BTreeMap<Option<Span>, Comparison>, PipelineError> {
        let outcome = match &self.loaded {
            Err(problem) => Err(problem.clone()),
            // A column that only the challenger reads may be missing.
            Ok(manifest) => match self.outputs(manifest, live, pipeline, targets).await {
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
        let (mut found, problem) = match outcome {
            Ok(found) => (found, "no row of the window was scored by both".to_owned()),
            Err(problem) => (BTreeMap::new(), problem),
        };
        let comparison = |span: &Option<Span>| {
            let outcome = found.remove(span).ok_or_else(|| problem.clone());
            let comparison = Comparison {
                model: self.model.clone(),
                ids: ids.clone(),
                outcome,
            };
            (*span, comparison)
        };
        Ok(live.spans.iter().map(comparison).collect())
    }

    async fn outputs(
        &self,
        manifest: &Manifest,
        live: &LiveRows<'_>,
        pipeline: &Pipeline,
        targets: Option<&Targets<'_>>,
    ) -> Result<BTreeMap<Option<Span>, Outputs>, PipelineError> {
        let Some(champion) = pipeline.models.get(&self.model) else {
            return Ok(BTreeMap::new());
        };
        let targets = targets.filter(|targets| *targets.model() == self.model);
        let takes = takes(&self.model, champion);
        let rows = self
            .scored(manifest, live.rows, pipeline, (targets, takes.as_deref()))
            .await?;
        let asked = self.asked(manifest, takes.is_some(), targets.is_some());
        let counted = rows.aggregate(&asked.0, live.windows).await?;
        let mut found: BTreeMap<Option<Span>, Outputs> = counted
            .into_iter()
            .filter_map(|row| {
                let values = row.values.iter().map(|value| value.unwrap_or(0.0));
                let outputs = self.outputs_of(values, manifest, takes.is_some(), targets.is_some());
                let is_of_both = outputs.rows.iter().all(|rows| *rows > 0.0);
                is_of_both.then_some((row.span, outputs))
            })
            .collect();
        if let Some(targets) = targets {
            let worth = self.worth(manifest, live, pipeline, targets).await?;
            let of_champion = Scores::new(&self.model, &self.champion);
            let of_champion = of_champion.count(&rows, &[], live.windows).await?;
            let name = challenger(&self.model);
            let of_challenger = Scores::new(&name, manifest);
            let of_challenger = of_challenger.count(&rows, &[], live.windows).await?;
            let measure = targets.first_measure();
            for (group, ours) in &of_champion {
                let outputs = found.get_mut(&group.span);
                let Some((outputs, theirs)) = outputs.zip(of_challenger.get(group)) else {
                    continue;
                };
                let [ours_expected, _] = ours.expected(measure, targets.worth());
                let [theirs_expected, _] = theirs.expected(measure, &worth);
                let realised = ours.realised(measure).zip(theirs.realised(measure));
                outputs.measure = Some(measure);
                outputs.realised = realised.map(|(ours, theirs)| Gain::of(measure, ours, theirs));
                outputs.expected = (ours_expected.zip(theirs_expected))
                    .map(|(ours, theirs)| Gain::of(measure, ours, theirs));
            }
        }
        Ok(found)
    }

    /// Rows with what both models say of them; with their true values alone, where there are any.
    async fn scored(
        &self,
        manifest: &Manifest,
        rows: &Rows,
        pipeline: &Pipeline,
        (targets, takes): (Option<&Targets<'_>>, Option<&str>),
    ) -> Result<Rows, PipelineError> {
        let name = challenger(&self.model);
        let Some(champion) = pipeline.models.get(&self.model) else {
            return Ok(rows.clone());
        };
        let rows = match targets {
            Some(targets) => targets.beside(rows).await?,
            None => rows.clone(),
        };
        let config = as_model(champion);
        let scores = score_columns(pipeline, (&name, &config), manifest, &rows, takes)?;
        let scores: Vec<(String, String)> = scores
            .into_iter()
            .map(|(column, sql)| (column.name, sql))
            .collect();
        let rows = rows.with_columns(&scores).await?;
        if targets.is_none() {
            return Ok(rows);
        }
        // They are counted class by class, and scored once.
        let prefix = scored_name(&self.model, "");
        let time = pipeline.time.as_ref().map(|time| time.column.as_str());
        let is_asked =
            |column: &str| column.starts_with(&prefix) || column == TARGET || Some(column) == time;
        let columns = rows.columns().into_iter().map(|column| column.name);
        let columns = columns.filter(|column| is_asked(column));
        let columns: Vec<String> = columns.map(|column| quoted(&column)).collect();
        let sql = format!("SELECT {} FROM source", columns.join(", "));
        Ok(rows.prepare(&sql).await?.materialise().await?)
    }

    /// What the challenger's probabilities were worth on the baseline, all rows of which it
    /// scores.
    async fn worth(
        &self,
        manifest: &Manifest,
        live: &LiveRows<'_>,
        pipeline: &Pipeline,
        targets: &Targets<'_>,
    ) -> Result<Worth, PipelineError> {
        let (Some(baseline), true) = (live.baseline, manifest.task.is_classification()) else {
            return Ok(Worth::default());
        };
        let name = challenger(&self.model);
        let rows = self
            .scored(manifest, baseline, pipeline, (Some(targets), None))
            .await?;
        let counted = Scores::new(&name, manifest).count(&rows, &[], None).await?;
        let whole = counted.into_values().next();
        Ok(whole.map(|counts| counts.worth()).unwrap_or_default())
    }

    /// Every label that one of the two gives.
    fn labels(&self, manifest: &Manifest) -> Vec<String> {
        let mut labels: Vec<String> = Vec::new();
        if manifest.task.is_classification() {
            for label in self.champion.labels.iter().chain(&manifest.labels) {
                if !labels.contains(label) {
                    labels.push(label.clone());
                }
            }
        }
        labels
    }

    fn asked(&self, manifest: &Manifest, is_split: bool, has_targets: bool) -> Asked {
        let name = challenger(&self.model);
        let of = |field: &str| [&self.model, &name].map(|model| quoted(&scored_name(model, field)));
        let [ours, theirs] = of(field(manifest));
        let both = format!("{ours} IS NOT NULL AND {theirs} IS NOT NULL");
        let counts = match is_split {
            true => [&ours, &theirs].map(|column| format!("{column} IS NOT NULL")),
            false => [both.clone(), both.clone()],
        };
        let mut asked = Asked::default();
        for counts in &counts {
            asked.rows(counts);
        }
        for (column, counts) in [&ours, &theirs].into_iter().zip(&counts) {
            asked.sum(&format!("CASE WHEN {counts} THEN {column} END"));
        }
        let [our_label, their_label] = of("label");
        let labels = self.labels(manifest);
        for label in &labels {
            for (column, counts) in [&our_label, &their_label].into_iter().zip(&counts) {
                asked.rows(&format!("{counts} AND {column} = {}", text(label)));
            }
        }
        if is_split {
            return asked;
        }
        if labels.is_empty() {
            asked.sum(&format!("abs({ours} - {theirs})"));
            return asked;
        }
        asked.rows(&format!("{both} AND {our_label} <> {their_label}"));
        if has_targets {
            asked.rows(&format!("{both} AND {TARGET} IS NOT NULL"));
            for (right, wrong) in [(&our_label, &their_label), (&their_label, &our_label)] {
                asked.rows(&format!(
                    "{both} AND {right} = {TARGET} AND {wrong} <> {TARGET}"
                ));
            }
        }
        asked
    }

    /// The answers to what was [`asked`](Self::asked).
    fn outputs_of(
        &self,
        mut values: impl Iterator<Item = f64>,
        manifest: &Manifest,
        is_split: bool,
        has_targets: bool,
    ) -> Outputs {
        let mut next = || values.next().unwrap_or(0.0);
        let rows = [next(), next()];
        let means = [next() / rows[0], next() / rows[1]];
        let labels = self.labels(manifest).into_iter();
        let labels: Vec<(String, [f64; 2])> = labels
            .map(|label| (label, [next() / rows[0], next() / rows[1]]))
            .collect();
        let apart = (!is_split).then(|| next() / rows[0]);
        let is_paired = !is_split && has_targets && !labels.is_empty();
        Outputs {
            rows,
            apart,
            means,
            field: field(manifest),
            paired: is_paired.then(|| [next(), next(), next()]),
            labels,
            measure: None,
            realised: None,
            expected: None,
        }
    }
}

/// The challenger's name as a model: that of its columns.
fn challenger(model: &Name) -> Name {
    model.joined("challenger")
}

/// Which rows are the challenger's, as SQL, where it has a share of them: those whose key has a
/// hash below the share of all hashes. So a greater share has all rows of a smaller one. Rows
/// without a key are the champion's.
fn takes(name: &Name, model: &ModelConfig) -> Option<String> {
    let ChallengerConfig { share, key, .. } = model.challenger.as_ref()?;
    let share = (*share)?;
    let key: Vec<String> = key.iter().map(|column| quoted(column)).collect();
    let known = key.iter().map(|column| format!("{column} IS NOT NULL"));
    let known = known.collect::<Vec<_>>().join(" AND ");
    // Hashes are even over all whole numbers of 64 bits.
    let limit = (share - 0.5) * 2_f64.powi(64);
    Some(format!(
        "({known} AND seeded_hash(concat_ws('\u{1f}', {}, {}), 0) < {})",
        text(name.as_str()),
        key.join(", "),
        limit as i64
    ))
}

/// Which rows are the champion's, as SQL: all, where the challenger has no share or cannot score.
pub(crate) fn keeps(
    engine: &Engine,
    (name, model): (&Name, &ModelConfig),
    rows: &Rows,
) -> Result<Option<String>, PipelineError> {
    let Some(takes) = takes(name, model) else {
        return Ok(None);
    };
    let known = rows.columns();
    let keys = model.challenger.iter().flat_map(|own| &own.key);
    for key in keys {
        if known.iter().all(|column| column.name != *key) {
            let known: Vec<&str> = known.iter().map(|column| column.name.as_str()).collect();
            return Err(PipelineError::Configuration {
                message: format!(
                    "`models.{name}.challenger.key` names `{key}`, which the rows do not have; their \
                     columns are {}",
                    known.join(", ")
                ),
            });
        }
    }
    let can_score = engine.scorer(challenger(name).as_str()).is_ok();
    Ok(can_score.then(|| format!("NOT {takes}")))
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
