//! One evaluation of a pipeline, from sources to verdict: the file to read first.
//!
//! ```text
//! learn (or reuse) the baseline ─> read the live rows ─> profile them by window
//!   ─> validate ─> compare ─> find terms ─> check rules ─> findings ─> verdict, report
//! ```

use crate::{
    PipelineError, SchemaOrigin,
    baseline::Baseline,
    challenger::{Challenger, Comparison, LiveRows},
    concentration,
    conclude::{conclude, freshness_finding, untold_freshness},
    config::{EvaluateConfig, ExamplesConfig, Name, Pipeline},
    constraints::{self, Checked, CheckedRows, WindowProfiles},
    findings,
    incremental::{self, ReadFiles},
    judge::judge,
    late_targets::{self, LateWindows},
    live::{LiveWindow, ReadRows, VocabularyReader, read_live, read_profiles},
    live_profiles::{self, LiveProfile, PostedProfiles, ProfiledWindow},
    multivariate, novelty, report,
    targets::{Performance, Targets},
    term_texts,
    window_schema::{self, WindowCheck},
};
use chrono::{DateTime, SecondsFormat, Utc};
use driftline_drift::Measurement;
use driftline_engine::{ColumnInfo, Engine, EngineConfig, FileVersion, Span};
use driftline_schema::check;
use driftline_scorer::Manifest;
use driftline_verdict::{
    Finding, NotEvaluated, Report, Run, Window, decide_actions, run_verdict, window_verdict,
};
use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
};

/// What an evaluation is told from outside, so that it has no clock of its own.
pub struct EvaluationRequest<'a> {
    /// Identity of the run.
    pub run_id: String,
    /// The present.
    pub now: DateTime<Utc>,
    /// Only windows that lie in here, be they the newest or not.
    pub range: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// The rows of one window, in place of the pipeline's live data.
    pub window: Option<WindowRows>,
    /// The profiles that were posted, where they stand for the pipeline's live rows.
    pub posted: Option<&'a PostedProfiles>,
    /// The files that earlier runs have read, where live data may be incremental; without them
    /// all is read.
    pub read: Option<&'a ReadFiles>,
    /// Told what is being done, for a progress bar.
    pub progress: &'a (dyn Fn(&str) + Send + Sync),
}

/// The rows of one window that is over, such as one of a topic.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowRows {
    /// Where they are: a source like any other.
    pub source: String,
    /// What their columns are, where the source does not tell.
    pub types: Vec<ColumnInfo>,
    /// The window.
    pub span: Span,
    /// What is known to be missing.
    pub not_evaluated: Vec<NotEvaluated>,
    /// What a reader of the run must know.
    pub notes: Vec<String>,
}

/// What an evaluation gives.
pub struct Evaluation {
    /// The run: `verdict.json`.
    pub run: Run,
    /// What reports draw.
    pub report: Report,
    /// The baseline that was used.
    pub baseline: Arc<Baseline>,
    /// The baseline's identity.
    pub baseline_id: String,
    /// The files that were read by now, where live data is incremental.
    pub read: Option<ReadFiles>,
}

/// A pipeline that is evaluated again and again: the baseline is learnt once, and anew
/// only when its files change.
pub struct Evaluator {
    pipeline: Pipeline,
    config: EngineConfig,
    learnt: Mutex<Option<Learnt>>,
}

/// What was learnt from the training data, and from which files.
#[derive(Clone)]
pub(crate) struct Learnt {
    fingerprint: Fingerprint,
    engine: Engine,
    pub(crate) baseline: Arc<Baseline>,
    id: String,
    /// The models that score, by the pipeline's name for them.
    models: Vec<(Name, Manifest)>,
    challengers: Vec<Challenger>,
    /// What is wrong with newer versions of them.
    refused: Vec<String>,
}

/// What the rows of windows say that their profiles do not, by window; empty where there are no
/// rows.
#[derive(Default)]
struct OfRows {
    checks: Option<Vec<WindowCheck>>,
    rules: Vec<Checked>,
    /// Tests of the texts together, and of several columns together.
    measurements: Vec<Vec<Measurement>>,
    performance: BTreeMap<Option<Span>, Performance>,
    compared: Vec<BTreeMap<Option<Span>, Comparison>>,
    /// Other windows, of which true values have come.
    late: Vec<(Span, Window)>,
}

impl Evaluator {
    /// An evaluator that has learnt nothing yet.
    pub fn new(pipeline: Pipeline, config: EngineConfig) -> Self {
        Self {
            pipeline,
            config,
            learnt: Mutex::new(None),
        }
    }

    /// The pipeline.
    pub fn pipeline(&self) -> &Pipeline {
        &self.pipeline
    }

    /// Evaluates the live data as it is now.
    ///
    /// # Errors
    /// Whatever keeps it from a verdict; what keeps it from a part of one is listed in
    /// the windows' `not_evaluated` instead.
    pub async fn evaluate(
        &self,
        request: &EvaluationRequest<'_>,
    ) -> Result<Evaluation, PipelineError> {
        let pipeline = &self.pipeline;
        (request.progress)("learning the baseline");
        let learnt = self.learn().await?;
        let (engine, baseline) = (&learnt.engine, &learnt.baseline);
        (request.progress)("reading the live data");
        let pass = match (request.read, request.range, &request.window) {
            (Some(before), None, None) if pipeline.live.incremental => {
                Some(incremental::look(engine, pipeline, before).await?)
            }
            _ => None,
        };
        let live = match pipeline.live.profiles {
            Some(_) => read_profiles(pipeline, baseline, request, &learnt.models).await?,
            None => read_live(engine, pipeline, baseline, request, pass.as_ref()).await?,
        };
        (request.progress)("judging the windows");
        let mut windows = live.windows;
        if let Some(span) = pass.as_ref().and_then(|pass| pass.span) {
            let is_inside = |one: Span| one.start_us >= span.start_us && one.end_us <= span.end_us;
            windows.retain(|window| window.span.is_some_and(is_inside));
        }
        if let Some(range) = request.range {
            windows = within(windows, range)?;
        } else if let Some(time) = &pipeline.time
            && time.evaluate == EvaluateConfig::Newest
        {
            let now = request.now.timestamp_micros();
            windows.retain(|window| window.span.is_none_or(|span| span.end_us <= now));
            // The newest one that is whole: a gate does not rest on two days of a week.
            let newest = windows.iter().rposition(|window| !window.partial);
            let newest = newest.or(windows.len().checked_sub(1));
            windows = newest
                .map(|at| windows.swap_remove(at))
                .into_iter()
                .collect();
        }
        let schema = match &pipeline.environment {
            Some(environment) => check::in_environment(&baseline.schema, environment)?,
            None => baseline.schema.clone(),
        };
        let rows = live.rows.as_ref();
        let mut told = match rows {
            Some(rows) => {
                let late = pass.as_ref().and_then(|pass| pass.late.as_ref());
                self.ask_rows(&learnt, rows, &windows, (late, request.now))
                    .await?
            }
            None => OfRows::default(),
        };
        let reader = rows.and_then(|read| {
            Some(VocabularyReader {
                rows: read.rows.clone(),
                request: read.vocabulary.clone()?,
            })
        });
        let mut judged = judge(pipeline, Arc::clone(baseline), windows, reader).await?;
        for window in &mut judged.windows {
            let span = window.live.span;
            window.performance = told.performance.remove(&span);
            let compared = told.compared.iter_mut();
            window.challengers = compared.filter_map(|found| found.remove(&span)).collect();
        }
        for (window, found) in judged.windows.iter_mut().zip(told.measurements) {
            window.measurements.extend(found);
        }
        let mut texts = BTreeMap::new();
        if let Some(ReadRows { rows, .. }) = rows {
            (request.progress)("looking for what drifts where");
            let concentrations =
                concentration::find(rows, pipeline, baseline, &judged.windows).await?;
            for (index, held) in concentrations {
                judged.windows[index].concentrations = held;
            }
            (request.progress)("looking for examples");
            texts = term_texts::read(pipeline, rows, &judged).await?;
        }
        let mut shown = Vec::new();
        for index in 0..judged.windows.len() {
            let windows = &judged.windows[..=index];
            let check = told.checks.as_ref().and_then(|checks| checks.get(index));
            let mut concluded = conclude(pipeline, baseline, &schema, windows, check, &texts);
            if let Some(asked) = told.rules.get(index) {
                let rows = concluded.rows;
                let broken = asked.anomalies.iter();
                let broken = broken.map(|anomaly| findings::anomaly(anomaly, rows));
                concluded.findings.extend(broken);
                let missing = asked.not_evaluated.iter().cloned();
                concluded.not_evaluated.extend(missing);
            }
            shown.push(concluded);
        }
        if let Some(ReadRows { rows, .. }) = rows {
            term_texts::tell_of_rules(pipeline, rows, &judged.windows, &mut shown).await?;
        }
        let mut notes = learnt.refused.clone();
        notes.extend(report::notes(pipeline, baseline, &judged));
        notes.extend(live.notes);
        if let Some(pass) = pass.as_ref().filter(|pass| pass.span.is_some()) {
            notes.push(format!(
                "{} of {} files were read: those of the windows that changed",
                pass.only.len(),
                pass.read.files.len()
            ));
        }
        if let (Some(window), Some(newest)) = (&request.window, shown.last_mut()) {
            newest.not_evaluated.extend(window.not_evaluated.clone());
            notes.extend(window.notes.clone());
        }
        if let (Some(freshness), Some(newest)) = (&pipeline.freshness, shown.last_mut()) {
            let age_us = live
                .newest_us
                .map(|time| request.now.timestamp_micros() - time);
            match age_us {
                Some(age_us) if age_us > freshness.max_age.micros() => {
                    let (finding, missing) = freshness_finding(age_us, freshness.max_age);
                    newest.findings.push(finding);
                    newest.not_evaluated.push(missing);
                }
                None if rows.is_none() => newest.not_evaluated.push(untold_freshness()),
                _ => {}
            }
        }
        for window in &mut shown {
            window.findings.sort_by(|a, b| {
                b.severity.cmp(&a.severity).then_with(|| {
                    let strength = |f: &Finding| f.effect_lower.or(f.value).unwrap_or(0.0);
                    a.kind
                        .cmp(&b.kind)
                        .then(strength(b).total_cmp(&strength(a)))
                })
            });
            window.verdict = window_verdict(window.rows, &window.findings, &window.not_evaluated);
        }
        let spans = judged.windows.iter().map(|window| window.live.span);
        let mut all: Vec<_> = spans.zip(shown).collect();
        all.extend(
            told.late
                .into_iter()
                .map(|(span, window)| (Some(span), window)),
        );
        all.sort_by_key(|(span, _)| *span);
        let shown: Vec<Window> = all.into_iter().map(|(_, window)| window).collect();
        let run = Run {
            format_version: Run::FORMAT_VERSION,
            verdict: run_verdict(&shown),
            pipeline: pipeline.name.to_string(),
            run_id: request.run_id.clone(),
            created_at: request.now.to_rfc3339_opts(SecondsFormat::Secs, true),
            baseline_id: learnt.id.clone(),
            actions: decide_actions(&shown, &pipeline.actions.policy),
            notes,
            windows: shown,
        };
        let models = &learnt.models;
        let report = report::report(pipeline, baseline, &judged, &texts, models, run.clone());
        Ok(Evaluation {
            run,
            report,
            baseline: Arc::clone(baseline),
            baseline_id: learnt.id,
            read: pass.map(|pass| pass.read),
        })
    }

    /// Rows of a profile that stands for live rows, in each of the pipeline's windows; or why it
    /// is not taken. What is learnt from the training data is asked where it is known already.
    ///
    /// # Errors
    /// Those of the pipeline itself.
    pub fn profiled_windows(
        &self,
        profile: &LiveProfile,
    ) -> Result<Result<Vec<ProfiledWindow>, String>, PipelineError> {
        let learnt = self.learnt.lock().unwrap_or_else(PoisonError::into_inner);
        let models = learnt.as_ref().map(|learnt| learnt.models.clone());
        drop(learnt);
        live_profiles::windows(&self.pipeline, &models.unwrap_or_default(), profile)
    }

    /// Asks the rows of these windows what profiles do not tell.
    async fn ask_rows(
        &self,
        learnt: &Learnt,
        read: &ReadRows,
        windows: &[LiveWindow],
        (late, now): (Option<&LateWindows>, DateTime<Utc>),
    ) -> Result<OfRows, PipelineError> {
        let pipeline = &self.pipeline;
        let Learnt {
            engine,
            baseline,
            models,
            ..
        } = learnt;
        let (rows, cut) = (&read.rows, read.cut.as_ref());
        let checks = window_schema::check(engine, pipeline, baseline, rows, windows).await?;
        let rules = row_rules(engine, pipeline, baseline, read, windows, now).await?;
        let spans: Vec<(Option<Span>, u64)> = windows.iter().map(|w| (w.span, w.rows)).collect();
        let mut measurements = multivariate::judge(rows, pipeline, baseline, &spans).await?;
        let novel = novelty::judge(rows, pipeline, baseline, &spans).await?;
        for (found, novel) in measurements.iter_mut().zip(novel) {
            found.splice(0..0, novel);
        }
        let targets = baseline.source_rows.as_ref();
        let targets = Targets::read(engine, pipeline, models, targets).await?;
        let performance = match &targets {
            Some(targets) => targets.judge(rows, cut).await?,
            None => BTreeMap::new(),
        };
        let late = match late.zip(targets.as_ref()) {
            Some((late, targets)) => {
                late_targets::judge(engine, pipeline, targets, late, baseline.zone).await?
            }
            None => Vec::new(),
        };
        let asked: Vec<Option<Span>> = spans.iter().map(|(span, _)| *span).collect();
        let beside = LiveRows {
            rows,
            windows: cut,
            spans: &asked,
            baseline: baseline.source_rows.as_ref(),
        };
        let mut compared = Vec::new();
        for challenger in &learnt.challengers {
            let found = challenger.compare(&beside, pipeline, targets.as_ref());
            compared.push(found.await?);
        }
        Ok(OfRows {
            checks,
            rules,
            measurements,
            performance,
            compared,
            late,
        })
    }

    pub(crate) async fn learn(&self) -> Result<Learnt, PipelineError> {
        let fingerprint = fingerprint(&self.pipeline)?;
        let kept = self
            .learnt
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if let Some(kept) = &kept
            && !fingerprint.training.is_empty()
            && kept.fingerprint == fingerprint
        {
            return Ok(kept.clone());
        }
        let mut config = self.config.clone();
        if let Some(rules) = &self.pipeline.advert_rules {
            config.advert_rules = Some(self.pipeline.path(rules));
        }
        if config.cluster.is_none() {
            let cluster = self.pipeline.engine.cluster.as_ref();
            config.cluster = cluster.map(|url| url.0.clone());
        }
        let engine = Engine::new(config)?;
        let (mut models, mut challengers, mut refused) = (Vec::new(), Vec::new(), Vec::new());
        for (name, model) in &self.pipeline.models {
            let bundle = self.pipeline.path(&model.bundle);
            let scorer =
                tokio::task::spawn_blocking(move || driftline_scorer::Scorer::load(&bundle))
                    .await
                    .map_err(|error| PipelineError::Configuration {
                        message: format!("the model `{name}` could not be loaded: {error}"),
                    })?;
            let scorer = match (scorer, &kept) {
                (Ok(scorer), _) => scorer,
                // The version that serves goes on, with the baseline that it scored.
                (Err(error), Some(kept)) if kept.fingerprint.training == fingerprint.training => {
                    return Ok(Learnt {
                        refused: vec![refusal(name, &error.to_string())],
                        ..kept.clone()
                    });
                }
                (Err(error), _) => return Err(error.into()),
            };
            let problems = scorer.refused().iter().map(|newer| &newer.problem);
            refused.extend(problems.map(|problem| refusal(name, problem)));
            let champion = scorer.manifest().clone();
            challengers.extend(Challenger::load(&engine, &self.pipeline, name, &champion).await);
            models.push((name.clone(), champion));
            engine.add_scorer(name.as_str(), scorer);
        }
        let baseline = Arc::new(Baseline::learn(&engine, &self.pipeline).await?);
        let id = baseline_id(&baseline)?;
        let learnt = Learnt {
            fingerprint,
            engine,
            baseline,
            id,
            models,
            challengers,
            refused,
        };
        *self.learnt.lock().unwrap_or_else(PoisonError::into_inner) = Some(learnt.clone());
        Ok(learnt)
    }
}

/// The windows that lie in a stretch of time.
fn within(
    windows: Vec<LiveWindow>,
    (from, to): (DateTime<Utc>, DateTime<Utc>),
) -> Result<Vec<LiveWindow>, PipelineError> {
    let (from_us, to_us) = (from.timestamp_micros(), to.timestamp_micros());
    let inside: Vec<LiveWindow> = windows
        .into_iter()
        .filter(|window| {
            window
                .span
                .is_some_and(|span| span.start_us >= from_us && span.end_us <= to_us)
        })
        .collect();
    if inside.is_empty() {
        return Err(PipelineError::Configuration {
            message: format!(
                "no window of the live data lies between {from} and {to}: the pipeline needs \
                 `time`, and data of that time"
            ),
        });
    }
    Ok(inside)
}

/// Asks the schema's rules about rows of every window.
async fn row_rules(
    engine: &Engine,
    pipeline: &Pipeline,
    baseline: &Baseline,
    read: &ReadRows,
    windows: &[LiveWindow],
    now: DateTime<Utc>,
) -> Result<Vec<Checked>, PipelineError> {
    if baseline.schema.all_constraints().is_empty() {
        return Ok(Vec::new());
    }
    let origin = match &pipeline.schema {
        Some(schema) => SchemaOrigin::file(&pipeline.path(schema)),
        None => SchemaOrigin {
            file: None,
            folder: pipeline.folder.clone(),
        },
    };
    let asked = CheckedRows {
        engine,
        rows: &read.rows,
        windows: read.cut.as_ref(),
        zone: crate::rows::time_zone(pipeline)?,
        in_file_order: read.in_file_order,
        environment: pipeline.environment.as_deref(),
        now,
        examples: pipeline.examples != ExamplesConfig::None,
    };
    let windows: Vec<WindowProfiles<'_>> = windows
        .iter()
        .map(|window| WindowProfiles {
            span: window.span,
            rows: window.rows,
            columns: window
                .checked
                .iter()
                .filter_map(|name| Some((name.as_str(), window.profile(name)?)))
                .collect(),
        })
        .collect();
    constraints::check(&baseline.schema, &origin, &asked, &windows).await
}

/// The identity that the baseline's directory would have.
fn baseline_id(baseline: &Baseline) -> Result<String, PipelineError> {
    let folder = tempfile::tempdir()
        .map_err(|error| crate::baseline::unwritable(&std::env::temp_dir(), &error))?;
    Ok(baseline.write(folder.path())?.id())
}

/// Files that what was learnt comes from, each with size and time of change.
#[derive(Debug, Clone, PartialEq)]
struct Fingerprint {
    /// Of the training data; empty where that cannot be told, as for standard input.
    training: Vec<FileVersion>,
    /// Of the models, every version.
    models: Vec<FileVersion>,
}

fn fingerprint(pipeline: &Pipeline) -> Result<Fingerprint, PipelineError> {
    let source = pipeline.source(&pipeline.baseline);
    let training = driftline_engine::Source::new(source).versions()?;
    let mut models = Vec::new();
    for model in pipeline.models.values() {
        let challenger = model.challenger.iter().map(|challenger| &challenger.bundle);
        for bundle in challenger.chain([&model.bundle]) {
            files_below(&pipeline.path(bundle), 2, &mut models);
        }
    }
    models.sort();
    Ok(Fingerprint { training, models })
}

/// Files of a bundle, or of the versions below it: no deeper folder belongs to it.
fn files_below(folder: &Path, depth: usize, into: &mut Vec<FileVersion>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true if depth > 1 => files_below(&path, depth - 1, into),
            true => {}
            false => into.extend(FileVersion::of(&path)),
        }
    }
}

/// A note that a newer version of a model is not in service.
fn refusal(model: &Name, problem: &str) -> String {
    format!("{model}: a newer version of the model is not used: {problem}")
}
