//! From what the pure crates say (anomalies, measurements, terms) to findings.

use crate::{
    baseline::out_of_vocabulary_column,
    config::{Pipeline, RuleConfig},
};
use driftline_drift::{Judgement, Measure, Measurement, SlowDrift};
use driftline_schema::Anomaly;
use driftline_verdict::{
    ActionKind, Concentration, Evidence, Finding, FindingKind, LimitWorkings, NotEvaluated,
    Severity, TermClass, TermTier, Workings,
};
use driftline_vocabulary::{Nature, Term, Tier};
use std::collections::{BTreeMap, BTreeSet};

/// Terms of this class and tier are told; the others are listed.
fn term_severity(class: TermClass, tier: TermTier) -> Severity {
    match (class, tier) {
        (_, TermTier::Watch) | (TermClass::Surge | TermClass::Entity, _) => Severity::Info,
        (TermClass::Coinage, _) => Severity::Warning,
    }
}

pub(crate) fn anomaly(anomaly: &Anomaly, rows: u64) -> Finding {
    let severity = match anomaly.severity {
        driftline_schema::Severity::Error => Severity::Error,
        driftline_schema::Severity::Warning => Severity::Warning,
        driftline_schema::Severity::Info => Severity::Info,
    };
    let about = anomaly
        .column
        .as_deref()
        // A constraint names its columns itself.
        .filter(|_| anomaly.constraint.is_none())
        .map_or(String::new(), |column| format!("`{column}`: "));
    let text = if anomaly.description.is_empty() {
        &anomaly.short_description
    } else {
        &anomaly.description
    };
    Finding {
        column: anomaly.column.clone(),
        measure: Some(anomaly.kind.name().to_owned()),
        value: anomaly.actual,
        threshold: anomaly.expected,
        count: anomaly.count,
        window_rows: Some(rows),
        evidence: anomaly
            .evidence
            .iter()
            .map(|value| Evidence {
                label: value.value.clone(),
                baseline: 0.0,
                window: value.count as f64,
                contribution: value.share,
            })
            .collect(),
        action: (severity == Severity::Error).then_some(ActionKind::Notify),
        ..Finding::new(FindingKind::Anomaly, severity, format!("{about}{text}"))
    }
}

/// What a measurement is about, for people: derived columns go by their own column's name.
pub(crate) struct Subject {
    pub(crate) column: String,
    pub(crate) measure: String,
    pub(crate) unit: String,
}

impl Subject {
    pub(crate) fn of(pipeline: &Pipeline, column: &str, measure: Measure) -> Self {
        if let Some(terms) = &pipeline.terms
            && column == out_of_vocabulary_column(&terms.column)
        {
            let measure = match measure {
                Measure::MeanIncrease => "out_of_vocabulary".to_owned(),
                other => format!("out_of_vocabulary_{}", other.name()),
            };
            return Self {
                column: terms.column.clone(),
                measure,
                unit: "share".to_owned(),
            };
        }
        Self {
            column: column.to_owned(),
            measure: measure.name().to_owned(),
            unit: match measure {
                Measure::NullShare => "share".to_owned(),
                other => other.unit().to_owned(),
            },
        }
    }
}

/// What is missing where drift was judged of no column at all, as with a baseline of one row:
/// such a window is no pass.
pub(crate) fn nothing_judged(measurements: &[Measurement]) -> Option<NotEvaluated> {
    let judged = |measurement: &Measurement| {
        !matches!(
            measurement.judgement,
            Judgement::Skipped { .. } | Judgement::UnderPowered
        )
    };
    let mut deciding = measurements.iter().filter(|m| m.decides).peekable();
    deciding.peek()?;
    (!deciding.any(judged)).then(|| NotEvaluated {
        check: "drift".to_owned(),
        reason: "no column could be judged".to_owned(),
        required: true,
    })
}

/// The finding of a measurement, or what could not be evaluated, or nothing to say.
pub(crate) fn drift(
    pipeline: &Pipeline,
    measurement: &Measurement,
) -> Result<Option<Finding>, NotEvaluated> {
    let subject = Subject::of(pipeline, &measurement.column, measurement.measure);
    let required = pipeline
        .drift
        .columns
        .get(&measurement.column)
        .is_some_and(|config| config.required || config.min_effect.is_some());
    let not_evaluated = |reason: String| NotEvaluated {
        check: match &measurement.slice {
            Some(slice) => format!("{} of {} where {slice}", subject.measure, subject.column),
            None => format!("{} of {}", subject.measure, subject.column),
        },
        reason,
        required,
    };
    let (severity, action) = match &measurement.judgement {
        Judgement::Pass | Judgement::Shown => return Ok(None),
        Judgement::Skipped { .. } if !measurement.decides => return Ok(None),
        Judgement::Skipped { reason } => return Err(not_evaluated(reason.message().to_owned())),
        Judgement::UnderPowered => {
            let detectable = measurement.least_detectable_effect.unwrap_or(f64::NAN);
            return Err(not_evaluated(format!(
                "under-powered: with {} rows the least effect that shows is {}, above the wanted {}",
                measurement.window_rows,
                number(detectable),
                number(measurement.min_effect),
            )));
        }
        Judgement::NotCalibrated { exceeds: false, .. } => return Ok(None),
        Judgement::NotCalibrated { exceeds: true, .. } | Judgement::Significant => {
            (Severity::Warning, None)
        }
        Judgement::Fail => (Severity::Error, Some(ActionKind::Retrain)),
    };
    let mut message = format!("`{}`", subject.column);
    if let Some(slice) = &measurement.slice {
        message.push_str(&format!(" where {slice}"));
    }
    message.push_str(&format!(
        ": {} {}",
        subject.measure.replace('_', " "),
        with_unit(measurement.value, &subject.unit),
    ));
    match (&measurement.judgement, measurement.threshold) {
        (Judgement::NotCalibrated { reason, .. }, _) => {
            message.push_str(&format!(", not calibrated: {}", reason.message()));
        }
        (_, Some(threshold)) => message.push_str(&format!(
            ", limit {} for {} rows (p = {})",
            with_unit(Some(threshold), &subject.unit),
            measurement.window_rows,
            number(measurement.p_value.unwrap_or(f64::NAN)),
        )),
        _ => {}
    }
    if measurement.judgement == Judgement::Significant {
        message.push_str(&format!(
            "; unusual, but not certainly above the least effect {}",
            number(measurement.min_effect)
        ));
    }
    if let Some(worth) = measurement.unstable_windows {
        message.push_str(&format!(
            "; baseline unstable: its windows are worth {} independent ones, so this limit is wide",
            number(worth)
        ));
    }
    message.push_str(&what_moved(measurement));
    Ok(Some(finding(
        measurement,
        subject,
        severity,
        action,
        message,
    )))
}

/// What a measurement rests on, as the end of a sentence; empty where it has no evidence.
fn what_moved(measurement: &Measurement) -> String {
    if measurement.measure == Measure::NovelStretch
        && let [stretch, _] = &measurement.evidence[..]
    {
        return format!(
            "; from {} {} of what is said stands nowhere else, {} is usual",
            stretch.label,
            percent(stretch.window_share),
            percent(stretch.baseline_share)
        );
    }
    let found = |of: &driftline_drift::Evidence| percent(of.window_share);
    let change = |of: &driftline_drift::Evidence| {
        format!(
            "{} {} → {}",
            of.label,
            percent(of.baseline_share),
            found(of)
        )
    };
    let named = measurement.evidence.iter();
    let named = named.filter(|evidence| evidence.cell.is_none()).take(3);
    let (how, moved): (&str, Vec<String>) = match measurement.measure {
        Measure::DomainClassifier => {
            let columns = named.map(|of| format!("{} ({})", of.label, found(of)));
            ("the trees rest on", columns.collect())
        }
        Measure::ReconstructionError => {
            ("shares of the squared error:", named.map(change).collect())
        }
        Measure::MaximumMeanDiscrepancy => {
            let columns = named.map(|of| format!("{} {}", of.label, number(of.window_share)));
            (
                "means that moved, in standard deviations:",
                columns.collect(),
            )
        }
        _ => ("moved:", named.map(change).collect()),
    };
    match moved.is_empty() {
        true => String::new(),
        false => format!("; {how} {}", moved.join(", ")),
    }
}

fn finding(
    measurement: &Measurement,
    subject: Subject,
    severity: Severity,
    action: Option<ActionKind>,
    message: String,
) -> Finding {
    Finding {
        column: Some(subject.column),
        slice: measurement.slice.clone(),
        measure: Some(subject.measure),
        unit: Some(subject.unit).filter(|unit| !unit.is_empty()),
        value: measurement.value,
        threshold: measurement.threshold,
        p_value: measurement.p_value,
        effect: measurement.effect,
        effect_lower: measurement.effect_lower,
        min_effect: Some(measurement.min_effect),
        baseline_rows: Some(measurement.baseline_rows),
        window_rows: Some(measurement.window_rows),
        evidence: measurement.evidence.iter().map(shares).collect(),
        workings: measurement.workings.as_ref().map(|w| Box::new(workings(w))),
        action,
        ..Finding::new(FindingKind::Drift, severity, message)
    }
}

/// The finding with the slices that hold the drift.
pub(crate) fn held_by(
    mut finding: Finding,
    slices: Option<&Vec<driftline_drift::Concentration>>,
) -> Finding {
    let slices = slices.map_or(&[][..], Vec::as_slice);
    finding.concentrations = slices
        .iter()
        .map(|held| Concentration {
            slice: held.slice.clone(),
            window_rows: held.window_rows,
            window_share: held.window_share,
            baseline_share: held.baseline_share,
            value: held.value,
            value_lower: held.lower,
            rest: held.rest,
        })
        .collect();
    if let [first, ..] = slices {
        finding.message.push_str(&format!(
            "; it is in {}: {} there, {} in all other rows",
            first.slice,
            number(first.value),
            number(first.rest)
        ));
    }
    finding
}

/// Tells of columns that move with another one where that is told: by its first finding. A column whose
/// leader has no finding under its own name, as what is derived from a text has not, stays as it is.
pub(crate) fn tell_together(findings: &mut [Finding], companions: &BTreeMap<String, String>) {
    let is_drift =
        |finding: &Finding| finding.kind == FindingKind::Drift && finding.slice.is_none();
    let names = findings.iter().filter(|finding| is_drift(finding));
    let names: BTreeSet<String> = names.filter_map(|finding| finding.column.clone()).collect();
    let mut told: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for finding in findings.iter_mut().filter(|finding| is_drift(finding)) {
        let Some(column) = &finding.column else {
            continue;
        };
        let leader = companions.get(column);
        let Some(leader) = leader.filter(|leader| names.contains(*leader)) else {
            continue;
        };
        let unit = finding.unit.as_deref().unwrap_or_default();
        let measure = finding.measure.as_deref().unwrap_or_default();
        told.entry(leader.clone()).or_default().push(format!(
            "`{column}` ({} {}, limit {})",
            measure.replace('_', " "),
            with_unit(finding.value, unit),
            with_unit(finding.threshold, unit),
        ));
        finding.moves_with = Some(leader.clone());
    }
    for (leader, others) in told {
        let of = |finding: &&mut Finding| finding.column.as_ref() == Some(&leader);
        let mut leading = findings.iter_mut().filter(|finding| is_drift(finding));
        if let Some(finding) = leading.find(of) {
            let message = format!("; with it, as ever, {}", others.join(", "));
            finding.message.push_str(&message);
        }
    }
}

/// The finding of a sum of surprise over the windows.
pub(crate) fn slow_drift(pipeline: &Pipeline, slow: &SlowDrift) -> Finding {
    let subject = Subject::of(pipeline, &slow.key.column, slow.measure);
    let slice = slow.key.slice.as_ref();
    let place = slice.map_or(String::new(), |slice| format!(" where {slice}"));
    Finding {
        column: Some(subject.column.clone()),
        slice: slice.cloned(),
        measure: Some("slow_drift".to_owned()),
        unit: Some("standard deviations".to_owned()),
        value: Some(slow.sum),
        threshold: Some(slow.limit),
        ..Finding::new(
            FindingKind::Drift,
            Severity::Warning,
            format!(
                "`{}`{place}: slow drift: over {} windows its {} was higher than chance by {} standard deviations in sum, limit {}",
                subject.column,
                slow.windows,
                subject.measure.replace('_', " "),
                number(slow.sum),
                number(slow.limit),
            ),
        )
    }
}

fn shares(evidence: &driftline_drift::Evidence) -> Evidence {
    Evidence {
        label: evidence.label.clone(),
        baseline: evidence.baseline_share,
        window: evidence.window_share,
        contribution: evidence.contribution,
    }
}

fn workings(of: &driftline_drift::Workings) -> Workings {
    Workings {
        cells: of.cells,
        baseline_total: of.baseline_total,
        window_total: of.window_total,
        rest: of.rest.as_ref().map(shares),
        widest_gap: of.widest_gap.as_ref().map(shares),
        baseline_mean: of.means.map(|(baseline, _)| baseline),
        window_mean: of.means.map(|(_, window)| window),
        limit: of.limit.as_ref().map(|limit| LimitWorkings {
            p_limit: limit.p_limit,
            rate: limit.rate,
            draws: limit.draws,
            blocks_per_window: limit.blocks_per_window,
            windows_in_baseline: limit.windows_in_baseline,
            independent_windows: limit.independent_windows,
            seed: limit.seed,
            null_median: limit.null_median,
            null_upper: limit.null_upper,
            null_greatest: limit.null_greatest,
            extrapolated: limit.extrapolated,
        }),
    }
}

pub(crate) fn class_of(term: &Term) -> TermClass {
    match term.class {
        driftline_vocabulary::TermClass::Coinage => TermClass::Coinage,
        driftline_vocabulary::TermClass::Entity => TermClass::Entity,
        driftline_vocabulary::TermClass::Surge => TermClass::Surge,
    }
}

pub(crate) fn tier_of(term: &Term) -> TermTier {
    match term.tier {
        Tier::Watch => TermTier::Watch,
        Tier::Alarm => TermTier::Alarm,
        Tier::Confirmed => TermTier::Confirmed,
    }
}

/// The finding of a term; `documents` are those of the windows that it was counted over.
pub(crate) fn term(term: &Term, documents: u64, first_seen: String) -> Finding {
    let (class, tier) = (class_of(term), tier_of(term));
    let severity = term_severity(class, tier);
    let what = match class {
        TermClass::Coinage => "new term",
        TermClass::Entity => "new name",
        TermClass::Surge => "surge of a known word",
    };
    let bound = if term.baseline_exact { "" } else { "at most " };
    let windows = match term.horizon {
        1 => "this window".to_owned(),
        horizon => format!("the last {horizon} windows"),
    };
    let message = format!(
        "{what} {}: in {} documents of {windows}, {bound}{} of the baseline (at least {} times the rate, ln Bayes factor {})",
        term.text,
        term.documents,
        term.baseline_documents,
        number(term.rate_ratio_lower),
        number(term.ln_bayes_factor),
    );
    Finding {
        measure: Some("ln_bayes_factor".to_owned()),
        value: Some(term.ln_bayes_factor),
        effect_lower: Some(term.rate_ratio_lower),
        window_rows: Some(documents),
        action: (severity >= Severity::Warning).then_some(ActionKind::Notify),
        term: Some(term.text.clone()),
        class: Some(class),
        tier: Some(tier),
        first_seen: Some(first_seen),
        count: Some(term.documents),
        evidence: [
            Evidence {
                label: "documents".into(),
                baseline: f64::from(term.baseline_documents),
                window: term.documents as f64,
                contribution: term.ln_bayes_factor,
            },
            Evidence {
                label: "units of text".into(),
                baseline: term.baseline_units as f64,
                window: term.units as f64,
                contribution: 0.0,
            },
        ]
        .into_iter()
        .chain(term.nature.iter().flat_map(nature_evidence))
        .collect(),
        ..Finding::new(FindingKind::Term, severity, message)
    }
}

/// What a term was judged by: how probable it is what, and of each sign its value, and its nats for a new
/// word against the most probable of the other three.
fn nature_evidence(nature: &Nature) -> Vec<Evidence> {
    let of = |label: &str, value: f64, nats: f64| Evidence {
        label: label.to_owned(),
        baseline: 0.0,
        window: value,
        contribution: nats,
    };
    let probabilities = [
        ("probability of a new word", nature.new_word),
        ("probability of a usual phrase", nature.usual_phrase),
        ("probability of a name", nature.name),
        ("probability of a piece", nature.piece),
    ];
    let probabilities = probabilities.map(|(label, value)| of(label, value, 0.0));
    let signs = nature.reasons().into_iter();
    let signs = signs.map(|(sign, nats)| of(&sign.name, sign.value, nats));
    probabilities.into_iter().chain(signs).collect()
}

/// Limits of a rule in one window: as given, or what the baseline's own windows show.
pub(crate) struct RuleLimits {
    pub(crate) min: Option<f64>,
    pub(crate) max: Option<f64>,
}

impl RuleLimits {
    pub(crate) fn of(rule: &RuleConfig, baseline: &[f64]) -> Self {
        let (mut min, mut max) = (rule.min, rule.max);
        if let Some(rate) = rule.baseline_rate
            && !baseline.is_empty()
        {
            let mut values = baseline.to_vec();
            values.sort_by(f64::total_cmp);
            // Nearest rank: below one window in 1/rate the limit is the extreme itself.
            let last = values.len() - 1;
            let low = ((rate / 2.0) * values.len() as f64).floor() as usize;
            let low = low.min(last);
            min = Some(min.map_or(values[low], |m: f64| m.max(values[low])));
            max = Some(max.map_or(values[last - low], |m: f64| m.min(values[last - low])));
        }
        Self { min, max }
    }

    pub(crate) fn holds(&self, value: f64) -> bool {
        self.min.is_none_or(|min| value >= min) && self.max.is_none_or(|max| value <= max)
    }
}

/// The finding of a rule that does not hold.
pub(crate) fn rule(rule: &RuleConfig, limits: &RuleLimits, value: f64, rows: u64) -> Finding {
    let (side, limit) = match limits.max {
        Some(max) if value > max => ("above", max),
        _ => ("below", limits.min.unwrap_or(f64::NAN)),
    };
    let origin =
        if rule.baseline_rate.is_some() && rule.max != Some(limit) && rule.min != Some(limit) {
            ", which the baseline's own windows keep"
        } else {
            ""
        };
    let unit = if rule.unit.is_empty() || rule.unit == "share" {
        String::new()
    } else {
        format!(" {}", rule.unit)
    };
    let shown = |value: f64| {
        if rule.unit == "share" {
            percent(value)
        } else {
            number(value)
        }
    };
    Finding {
        measure: Some(rule.name.clone()),
        unit: Some(rule.unit.clone()).filter(|unit| !unit.is_empty()),
        value: Some(value),
        threshold: Some(limit),
        window_rows: Some(rows),
        action: (rule.severity == Severity::Error).then_some(ActionKind::Notify),
        ..Finding::new(
            FindingKind::Rule,
            rule.severity,
            format!(
                "{}: {}{unit} is {side} the limit {}{unit}{origin}",
                rule.name,
                shown(value),
                shown(limit)
            ),
        )
    }
}

fn with_unit(value: Option<f64>, unit: &str) -> String {
    let value = value.unwrap_or(f64::NAN);
    match unit {
        "" => number(value),
        "share" => percent(value),
        unit => format!("{} {unit}", number(value)),
    }
}

pub(crate) fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

/// Three significant digits, plain where that is short.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return "not known".into();
    }
    let magnitude = value.abs();
    if magnitude == 0.0 {
        "0".into()
    } else if magnitude >= 100.0 {
        format!("{value:.0}")
    } else if magnitude >= 1e-4 {
        let digits = (2 - magnitude.log10().floor() as i32).clamp(0, 6) as usize;
        let text = format!("{value:.digits$}");
        match text.contains('.') {
            true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
            false => text,
        }
    } else {
        format!("{value:.1e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_is_told_with_its_leader_only_where_that_is_told() {
        let finding = |column: &str| Finding {
            column: Some(column.to_owned()),
            measure: Some("wasserstein".to_owned()),
            value: Some(2.0),
            threshold: Some(1.0),
            ..Finding::new(FindingKind::Drift, Severity::Error, format!("`{column}`"))
        };
        let mut findings = ["warm", "felt", "hidden"].map(finding);
        let companions = [("felt", "warm"), ("hidden", "text_out_of_vocabulary")];
        let companions = companions.map(|(column, leader)| (column.into(), leader.into()));
        tell_together(&mut findings, &companions.into());
        let told = findings
            .each_ref()
            .map(|finding| finding.moves_with.as_deref());
        assert_eq!(told, [None, Some("warm"), None]);
        assert_eq!(
            findings[0].message,
            "`warm`; with it, as ever, `felt` (wasserstein 2, limit 1)"
        );
    }

    #[test]
    fn numbers_are_short() {
        let shown: Vec<String> = [0.0, 0.12345, 12.345, 1234.5, 0.00012, 1.0e-7, 1.0, f64::NAN]
            .into_iter()
            .map(number)
            .collect();
        assert_eq!(
            shown,
            [
                "0",
                "0.123",
                "12.3",
                "1234",
                "0.00012",
                "1.0e-7",
                "1",
                "not known"
            ]
        );
    }

    #[test]
    fn limits_of_a_rule_are_what_the_baselines_windows_keep() {
        let rule: RuleConfig = serde_json::from_value(serde_json::json!({
            "name": "r", "sql": "avg(x)", "baseline_rate": 0.01, "max": 0.9
        }))
        .unwrap();
        let values: Vec<f64> = (1..=50).map(|n| f64::from(n) / 100.0).collect();
        let limits = RuleLimits::of(&rule, &values);
        assert_eq!((limits.min, limits.max), (Some(0.01), Some(0.5)));
        assert!(limits.holds(0.3) && !limits.holds(0.51) && !limits.holds(0.0));
    }
}
