//! The series and tables that reports draw, from what was judged.

use crate::{
    baseline::Baseline,
    challenger,
    config::{Name, Pipeline},
    findings::{self, RuleLimits, Subject, class_of, tier_of},
    judge::{Judged, JudgedWindow},
    rows::scored_name,
    targets, term_texts, watched,
};
use chrono::{DateTime, SecondsFormat, Utc};
use driftline_drift::{ColumnKey, Judgement, Measure};
use driftline_engine::{TermTexts, Tz};
use driftline_scorer::{Manifest, TOKEN_FIELDS};
use driftline_statistics::{ColumnProfile, NumericProfile, Summary};
use driftline_verdict::{
    Report, Run, TermTier,
    report::model::{
        BaselineSummary, Distribution, DistributionBin, ModelSummary, TermRow, Trend, TrendPoint,
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// Bins of a drawn distribution.
const BINS: usize = 20;
/// Values of a drawn category; the rest is one bar.
const VALUES: usize = 12;

/// An instant as RFC 3339, with the offset of its zone.
pub(crate) fn instant(us: i64, zone: Tz) -> String {
    DateTime::<Utc>::from_timestamp_micros(us).map_or_else(
        || us.to_string(),
        |time| {
            time.with_timezone(&zone)
                .to_rfc3339_opts(SecondsFormat::Secs, true)
        },
    )
}

pub(crate) fn window_name(window: &JudgedWindow, index: usize) -> String {
    let live = &window.live;
    live.span.map_or_else(
        || (index + 1).to_string(),
        |span| instant(span.start_us, live.zone),
    )
}

/// What a reader must know to read the numbers right.
pub(crate) fn notes(pipeline: &Pipeline, baseline: &Baseline, judged: &Judged) -> Vec<String> {
    let mut notes = Vec::new();
    let rate = pipeline.drift.false_alarm_rate;
    if judged.windows.iter().any(|window| window.extrapolated) {
        notes.push(format!(
            "the rate of {} false alarms a window is extrapolated: the baseline holds too few windows to have seen it",
            findings::number(rate)
        ));
    }
    notes.extend(unstable(pipeline, judged));
    if pipeline.time.is_none() {
        notes.push(
            "there is no time column: blocks of the baseline are taken in row order and assumed exchangeable, so drift is at most a warning unless `min_effect` is set".into(),
        );
    }
    for (index, window) in judged.windows.iter().enumerate() {
        if window.live.partial {
            notes.push(format!(
                "the window {} holds data for only a part of its time",
                window_name(window, index)
            ));
        }
    }
    if !pipeline.models.is_empty() {
        for (name, model) in &pipeline.models {
            if !model.note.is_empty() {
                notes.push(format!("{name}: {}", model.note));
            }
            if let Some(rows) = model.rows {
                notes.push(format!(
                    "{name}: at most {rows} rows of each window were scored, drawn by a seeded hash"
                ));
            }
        }
    }
    let decisions = pipeline
        .terms
        .as_ref()
        .and_then(|terms| terms.decisions.as_ref());
    if let Some(file) = decisions.filter(|_| !judged.ignored.is_empty()) {
        let ignored: Vec<&str> = judged.ignored.iter().map(String::as_str).collect();
        notes.push(format!(
            "terms that {} says to ignore: {}",
            file.display(),
            ignored.join(", ")
        ));
    }
    if let Some(vocabulary) = &baseline.vocabulary {
        notes.push(format!(
            "new terms are told against {} texts with {} units; a word of the dictionary that rises is a surge, not a new term",
            vocabulary.documents(),
            vocabulary.units()
        ));
    }
    notes
}

/// The columns that wander within the baseline itself, by the measure that does most.
fn unstable(pipeline: &Pipeline, judged: &Judged) -> Vec<String> {
    let mut least: BTreeMap<String, (f64, String)> = BTreeMap::new();
    for measurement in judged.windows.iter().flat_map(|w| &w.measurements) {
        let Some(worth) = measurement.unstable_windows.filter(|_| measurement.decides) else {
            continue;
        };
        let subject = Subject::of(pipeline, &measurement.column, measurement.measure);
        let name = match &measurement.slice {
            Some(slice) => format!("`{}` where {slice}", subject.column),
            None => format!("`{}`", subject.column),
        };
        let found = (worth, subject.measure.replace('_', " "));
        match least.get_mut(&name) {
            Some(known) if known.0 <= worth => {}
            Some(known) => *known = found,
            None => drop(least.insert(name, found)),
        }
    }
    least
        .into_iter()
        .map(|(column, (worth, measure))| {
            format!(
                "baseline unstable: {column} wanders within the training data; by its {measure} the windows there are worth {} independent ones, so only a change beyond a wide limit is told",
                findings::number(worth)
            )
        })
        .collect()
}

pub(crate) fn report(
    pipeline: &Pipeline,
    baseline: &Baseline,
    judged: &Judged,
    texts: &BTreeMap<String, TermTexts>,
    models: &[(Name, Manifest)],
    run: Run,
) -> Report {
    let mut trends = drift_trends(pipeline, judged);
    trends.extend(rule_trends(pipeline, baseline, judged));
    trends.extend(model_trends(pipeline, models, baseline, judged));
    trends.extend(targets::trends(judged));
    trends.extend(challenger::trends(judged));
    trends.extend(length_trends(baseline, judged));
    trends.extend(keyword_trends(pipeline, judged));
    trends.push(volume_trend(judged));
    Report {
        baseline: summary(pipeline, baseline, judged),
        trends,
        distributions: distributions(baseline, judged),
        terms: terms(judged, texts),
        models: model_summaries(pipeline, models),
        run,
    }
}

fn summary(pipeline: &Pipeline, baseline: &Baseline, judged: &Judged) -> BaselineSummary {
    let mut rows: Vec<u64> = judged.windows.iter().map(|w| w.live.rows).collect();
    rows.sort_unstable();
    let typical = rows.get(rows.len() / 2).copied().unwrap_or(0);
    let windows = (1.0 / pipeline.drift.false_alarm_rate).round();
    let calibration = match &pipeline.time {
        Some(time) => format!(
            "limits are set so that a window of about {typical} rows from the baseline itself would cross any of them in 1 of {windows} windows of {}; they come from {} replays of contiguous stretches of the baseline, {} blocks of {}",
            time.window,
            baseline.calibrator.settings().draws,
            baseline.block_count(),
            time.block(),
        ),
        None => format!(
            "limits come from {} replays of {} stretches of the baseline in row order",
            baseline.calibrator.settings().draws,
            baseline.block_count()
        ),
    };
    BaselineSummary {
        source: baseline.source.clone(),
        start: baseline.range.map(|range| instant(range.0, baseline.zone)),
        end: baseline.range.map(|range| instant(range.1, baseline.zone)),
        rows: baseline.rows,
        blocks: baseline.block_count() as u64,
        calibration,
    }
}

/// One trend for each deciding measure of each column, those that alarm most first.
fn drift_trends(pipeline: &Pipeline, judged: &Judged) -> Vec<Trend> {
    let mut keys: BTreeSet<(Option<String>, String, Measure)> = BTreeSet::new();
    for measurement in judged
        .windows
        .iter()
        .flat_map(|window| &window.measurements)
    {
        if measurement.decides {
            keys.insert((
                measurement.slice.clone(),
                measurement.column.clone(),
                measurement.measure,
            ));
        }
    }
    let mut trends: Vec<(usize, Trend)> =
        keys.into_iter()
            .map(|(slice, column, measure)| {
                let points: Vec<TrendPoint> = judged
                    .windows
                    .iter()
                    .enumerate()
                    .map(|(index, window)| {
                        let found = window.measurements.iter().find(|m| {
                            m.slice == slice && m.column == column && m.measure == measure
                        });
                        TrendPoint {
                            window: window_name(window, index),
                            value: found.and_then(|m| m.value),
                            limit: found.and_then(|m| m.threshold),
                            lower_limit: None,
                            baseline: found.and_then(|m| m.null_median),
                            alarm: found.is_some_and(|m| m.judgement == Judgement::Fail),
                        }
                    })
                    .collect();
                let subject = Subject::of(pipeline, &column, measure);
                let name = match &slice {
                    Some(slice) => format!("{} where {slice}", subject.column),
                    None => subject.column,
                };
                let trend = Trend {
                    group: "drift".into(),
                    name,
                    measure: Some(subject.measure),
                    unit: subject.unit.clone(),
                    limit_label: Some(format!(
                        "limit: {} false alarms a window, all measures together",
                        findings::number(pipeline.drift.false_alarm_rate)
                    )),
                    points,
                };
                (
                    trend.points.iter().filter(|point| point.alarm).count(),
                    trend,
                )
            })
            .filter(|(_, trend)| trend.points.iter().any(|point| point.value.is_some()))
            .collect();
    trends.sort_by_key(|(alarms, _)| std::cmp::Reverse(*alarms));
    trends.into_iter().map(|(_, trend)| trend).collect()
}

fn rule_trends(pipeline: &Pipeline, baseline: &Baseline, judged: &Judged) -> Vec<Trend> {
    pipeline
        .rules
        .iter()
        .enumerate()
        .map(|(rule_index, rule)| {
            let known = baseline
                .rules
                .get(rule_index)
                .map_or(&[][..], Vec::as_slice);
            let limits = RuleLimits::of(rule, known);
            let usual = mean(known.iter().copied());
            let points = judged
                .windows
                .iter()
                .enumerate()
                .map(|(index, window)| {
                    let value = window.live.rules.get(rule_index).copied().flatten();
                    TrendPoint {
                        window: window_name(window, index),
                        value,
                        limit: limits.max.or(limits.min),
                        lower_limit: limits.max.and(limits.min),
                        baseline: usual,
                        alarm: value.is_some_and(|value| !limits.holds(value)),
                    }
                })
                .collect();
            Trend {
                group: "rule".into(),
                name: rule.name.clone(),
                measure: None,
                unit: rule.unit.clone(),
                limit_label: Some(if rule.baseline_rate.is_some() {
                    "what the baseline's own windows keep".into()
                } else {
                    "limit of the rule".into()
                }),
                points,
            }
        })
        .collect()
}

/// Means of what models and their tokenizers give, and the share of the last label, the positive one of two.
fn model_trends(
    pipeline: &Pipeline,
    models: &[(Name, Manifest)],
    baseline: &Baseline,
    judged: &Judged,
) -> Vec<Trend> {
    let mean = |profile: &ColumnProfile| profile.numeric()?.mean();
    let mut trends = Vec::new();
    for (name, manifest) in models {
        let tokens = pipeline.models.get(name).is_some_and(|model| model.tokens);
        let tokens = TOKEN_FIELDS.into_iter().filter(|_| tokens);
        let scored = driftline_scorer::monitored_fields(manifest).into_iter();
        for field in scored.chain(tokens.map(str::to_owned)) {
            let (title, unit) = match field.as_str() {
                "label" => continue,
                "confidence" => ("mean confidence", "probability"),
                "entropy" => ("mean entropy", "bits"),
                "margin" => ("mean margin", "probability"),
                "value" => ("mean value", "value"),
                "out_of_vocabulary" => ("mean share of words that its tokenizer lacks", "share"),
                "unknown_tokens" => ("mean share of unknown tokens", "share"),
                "tokens_per_character" => ("mean tokens a character", "tokens"),
                "reconstruction_error" => ("mean reconstruction error", "error"),
                _ => ("mean length of the embedding", "length"),
            };
            let title = format!("{name}: {title}");
            let column = scored_name(name, &field);
            let kind = ("confidence", title.as_str(), unit);
            trends.push(column_trend(baseline, judged, &column, kind, &mean));
        }
        let Some(last) = manifest.labels.last() else {
            continue;
        };
        let share = |profile: &ColumnProfile| {
            let categories = profile.categorical()?;
            let count = categories.values().iter().find(|v| v.value == *last)?.count;
            Some(count as f64 / categories.count() as f64)
        };
        let title = format!("{name}: share of {last}");
        let kind = ("confidence", title.as_str(), "share");
        trends.push(column_trend(
            baseline,
            judged,
            &scored_name(name, "label"),
            kind,
            &share,
        ));
    }
    trends
}

fn length_trends(baseline: &Baseline, judged: &Judged) -> Vec<Trend> {
    let length = |profile: &ColumnProfile| profile.text()?.characters().mean();
    baseline
        .profiles
        .iter()
        .filter(|(_, profile)| profile.text().is_some())
        .map(|(column, _)| {
            column_trend(
                baseline,
                judged,
                column,
                ("length", &format!("{column}: mean length"), "characters"),
                &length,
            )
        })
        .collect()
}

fn column_trend(
    baseline: &Baseline,
    judged: &Judged,
    column: &str,
    (group, name, unit): (&str, &str, &str),
    value: &dyn Fn(&ColumnProfile) -> Option<f64>,
) -> Trend {
    let usual = baseline.profiles.get(column).and_then(value);
    let key = ColumnKey::whole(column);
    let points = judged
        .windows
        .iter()
        .enumerate()
        .map(|(index, window)| TrendPoint {
            window: window_name(window, index),
            value: window.live.profiles.get(&key).and_then(value),
            limit: None,
            lower_limit: None,
            baseline: usual,
            alarm: window
                .measurements
                .iter()
                .any(|m| m.column == column && m.slice.is_none() && m.judgement == Judgement::Fail),
        })
        .collect();
    Trend {
        group: group.into(),
        name: name.into(),
        measure: None,
        unit: unit.into(),
        limit_label: None,
        points,
    }
}

/// Share of the documents with each watched word.
fn keyword_trends(pipeline: &Pipeline, judged: &Judged) -> Vec<Trend> {
    let limits = pipeline.terms.as_ref().map(|terms| &terms.watch_limits);
    let limit = |word: &str| limits.and_then(|limits| limits.get(word));
    let mut trends: BTreeMap<&str, Vec<TrendPoint>> = BTreeMap::new();
    for (index, window) in judged.windows.iter().enumerate() {
        for (word, count) in &window.keywords {
            let share = |documents: f64| {
                let all = window.live.documents;
                (all > 0).then(|| documents / all as f64)
            };
            trends.entry(word).or_default().push(TrendPoint {
                window: window_name(window, index),
                value: count.and_then(|count| share(f64::from(count.documents))),
                limit: limit(word).and_then(|limit| {
                    let by_number = limit.max_documents.and_then(|most| share(f64::from(most)));
                    limit
                        .max_share
                        .into_iter()
                        .chain(by_number)
                        .reduce(f64::min)
                }),
                lower_limit: None,
                baseline: count.and_then(|count| share(count.expected)),
                alarm: count.as_ref().is_some_and(|count| {
                    let beyond = |limit| watched::is_beyond(count, limit);
                    watched::surges(count) || limit(word).is_some_and(beyond)
                }),
            });
        }
    }
    trends
        .into_iter()
        .map(|(word, points)| Trend {
            group: "keyword".into(),
            name: word.to_owned(),
            measure: None,
            unit: "share of documents".into(),
            limit_label: limit(word).map(|_| "limit of the watched word".to_owned()),
            points,
        })
        .collect()
}

fn volume_trend(judged: &Judged) -> Trend {
    Trend {
        group: "volume".into(),
        name: "rows".into(),
        measure: None,
        unit: "rows".into(),
        limit_label: None,
        points: judged
            .windows
            .iter()
            .enumerate()
            .map(|(index, window)| TrendPoint {
                window: window_name(window, index),
                value: Some(window.live.rows as f64),
                limit: None,
                lower_limit: None,
                baseline: None,
                alarm: window.live.rows == 0,
            })
            .collect(),
    }
}

/// Baseline against the newest window with rows, column by column.
fn distributions(baseline: &Baseline, judged: &Judged) -> Vec<Distribution> {
    let newest = judged.windows.iter().enumerate().rev();
    let Some((index, window)) = newest
        .into_iter()
        .find(|(_, w)| w.live.rows > 0 && !w.live.partial)
        .or_else(|| {
            judged
                .windows
                .iter()
                .enumerate()
                .rev()
                .find(|(_, w)| w.live.rows > 0)
        })
    else {
        return Vec::new();
    };
    let name = window_name(window, index);
    baseline
        .profiles
        .iter()
        .filter_map(|(column, before)| {
            let now = window.live.profiles.get(&ColumnKey::whole(column))?;
            let (axis, bins) = match (&before.summary, &now.summary) {
                (Summary::Numeric(before), Summary::Numeric(now)) => {
                    ("values", numeric_bins(before, now))
                }
                (Summary::Text(before), Summary::Text(now)) => (
                    "length in characters",
                    numeric_bins(before.characters(), now.characters()),
                ),
                (Summary::Categorical(_), Summary::Categorical(_)) => {
                    ("values", category_bins(before, now))
                }
                _ => return None,
            };
            (!bins.is_empty()).then(|| Distribution {
                column: column.clone(),
                window: name.clone(),
                axis: axis.into(),
                bins,
            })
        })
        .collect()
}

/// Equal bins between the baseline's 0.5 % and 99.5 % quantiles, and one beyond either end.
fn numeric_bins(before: &NumericProfile, now: &NumericProfile) -> Vec<DistributionBin> {
    let (views, counts) = (
        [before.quantiles(), now.quantiles()],
        [before.count(), now.count()],
    );
    let (Some(low), Some(high)) = (views[0].quantile(0.005), views[0].quantile(0.995)) else {
        return Vec::new();
    };
    let whole = [low, high].iter().all(|edge| edge.fract() == 0.0);
    let bins = if whole {
        // Whole numbers get whole bins, so that no bin is empty by construction.
        ((high - low + 1.0) as usize).clamp(1, BINS)
    } else {
        BINS
    };
    let top = if whole { high + 1.0 } else { high };
    let width = (top - low) / bins as f64;
    let width = if whole { width.ceil() } else { width };
    let mut edges: Vec<f64> = (0..=bins).map(|i| low + width * i as f64).collect();
    if width.is_nan() || width <= 0.0 {
        edges = vec![low, low + 1.0];
    }
    let share = |side: usize, count: u64| {
        if counts[side] == 0 {
            0.0
        } else {
            count as f64 / counts[side] as f64
        }
    };
    let bin = |label: String, count: &dyn Fn(usize) -> u64| DistributionBin {
        label,
        baseline: share(0, count(0)),
        window: share(1, count(1)),
    };
    let mut shown = vec![bin(format!("< {}", findings::number(low)), &|side| {
        views[side].count_below(low)
    })];
    for edge in edges.windows(2) {
        let label = if whole && edge[1] - edge[0] <= 1.0 {
            findings::number(edge[0])
        } else {
            format!(
                "{} – {}",
                findings::number(edge[0]),
                findings::number(edge[1])
            )
        };
        shown.push(bin(label, &|side| {
            views[side].count_below(edge[1]) - views[side].count_below(edge[0])
        }));
    }
    let last = edges.last().copied().unwrap_or(high);
    shown.push(bin(format!("≥ {}", findings::number(last)), &|side| {
        counts[side] - views[side].count_below(last).min(counts[side])
    }));
    // Nothing beyond the ends on either side is the usual case and needs no bars.
    shown
        .retain(|bin| bin.baseline > 0.0 || bin.window > 0.0 || !bin.label.starts_with(['<', '≥']));
    shown
}

fn category_bins(before: &ColumnProfile, now: &ColumnProfile) -> Vec<DistributionBin> {
    let counts = |profile: &ColumnProfile| -> BTreeMap<String, u64> {
        let values = profile
            .categorical()
            .map(|c| c.values())
            .unwrap_or_default();
        values
            .into_iter()
            .map(|value| (value.value, value.count))
            .collect()
    };
    let (old, new) = (counts(before), counts(now));
    let share = |count: u64, profile: &ColumnProfile| {
        if profile.rows == 0 {
            0.0
        } else {
            count as f64 / profile.rows as f64
        }
    };
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut bins: Vec<DistributionBin> = names
        .into_iter()
        .map(|name| DistributionBin {
            label: name.clone(),
            baseline: share(old.get(name).copied().unwrap_or(0), before),
            window: share(new.get(name).copied().unwrap_or(0), now),
        })
        .collect();
    bins.sort_by(|a, b| (b.baseline + b.window).total_cmp(&(a.baseline + a.window)));
    if bins.len() > VALUES {
        let rest = bins.split_off(VALUES);
        bins.push(DistributionBin {
            label: format!("{} others", rest.len()),
            baseline: rest.iter().map(|bin| bin.baseline).sum(),
            window: rest.iter().map(|bin| bin.window).sum(),
        });
    }
    if before.nulls + now.nulls > 0 {
        bins.push(DistributionBin {
            label: "null".into(),
            baseline: share(before.nulls, before),
            window: share(now.nulls, now),
        });
    }
    bins
}

/// Every term once, at its strongest; what is only watched is left out.
fn terms(judged: &Judged, texts: &BTreeMap<String, TermTexts>) -> Vec<TermRow> {
    let mut rows: BTreeMap<String, (f64, TermRow)> = BTreeMap::new();
    for (index, window) in judged.windows.iter().enumerate() {
        for (term, _) in &window.terms {
            let tier = tier_of(term);
            let first_seen = if window.live.span.is_some() {
                instant(term.first_seen, window.live.zone)
            } else {
                (index + 1).to_string()
            };
            let series = judged.series.get(&term.text).cloned().unwrap_or_default();
            let (best, row) = rows.entry(term.text.clone()).or_insert_with(|| {
                let texts = texts.get(&term.text);
                let told = &judged.windows[..=index];
                let origin = texts.and_then(|texts| term_texts::origin(term, texts, told));
                let row = TermRow {
                    term: term.text.clone(),
                    class: class_of(term),
                    tier,
                    first_seen,
                    first_alarm: window_name(window, index),
                    count: series.iter().sum(),
                    baseline_count: u64::from(term.baseline_documents),
                    score: term.ln_bayes_factor,
                    series,
                    origin: origin.map(|origin| origin.sentence()),
                    examples: texts
                        .map(|texts| texts.examples.clone())
                        .unwrap_or_default(),
                };
                (term.score, row)
            });
            *best = best.max(term.score);
            row.score = row.score.max(term.ln_bayes_factor);
            if row.tier == TermTier::Watch && tier > TermTier::Watch {
                row.first_alarm = window_name(window, index);
            }
            row.tier = row.tier.max(tier);
        }
    }
    let mut rows: Vec<(f64, TermRow)> = rows
        .into_values()
        .filter(|(_, row)| row.tier > TermTier::Watch)
        .collect();
    rows.sort_by(|a, b| {
        a.1.class
            .cmp(&b.1.class)
            .then(b.0.total_cmp(&a.0))
            .then_with(|| a.1.term.cmp(&b.1.term))
    });
    rows.into_iter().map(|(_, row)| row).collect()
}

fn model_summaries(pipeline: &Pipeline, models: &[(Name, Manifest)]) -> Vec<ModelSummary> {
    models
        .iter()
        .filter_map(|(name, manifest)| {
            let model = pipeline.models.get(name)?;
            let accuracy: Vec<String> = manifest
                .accuracy
                .iter()
                .map(|known| {
                    let share = findings::percent(known.share);
                    format!("{share} of {} {}", known.rows, known.data)
                })
                .collect();
            let note = if model.note.is_empty() {
                String::new()
            } else {
                format!("; {}", model.note)
            };
            Some(ModelSummary {
                name: format!("{name} ({})", manifest.id()),
                domain: match manifest.domain.as_str() {
                    "" => model.note.clone(),
                    domain => format!("made for {domain}{note}"),
                },
                scored: match model.rows {
                    Some(rows) => format!("at most {rows} rows of each window, by a seeded hash"),
                    None => "every row, equal ones once".into(),
                },
                accuracy: accuracy.join("; "),
            })
        })
        .collect()
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> Option<f64> {
    let count = values.len();
    (count > 0).then(|| values.sum::<f64>() / count as f64)
}
