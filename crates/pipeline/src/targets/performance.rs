//! What a window says of a model's performance.

use super::{Counts, Group};
use crate::{
    config::{Name, PerformanceMeasure},
    findings::number,
    judge::Judged,
    report::window_name,
};
use driftline_drift::performance::{
    Amount, Metric,
    levels::{Worth, widened},
};
use driftline_engine::Slice;
use driftline_scorer::Manifest;
use driftline_verdict::{
    ActionKind, Finding, FindingKind, NotEvaluated, Severity,
    report::model::{Trend, TrendPoint},
};
use std::collections::BTreeMap;

/// Slices of a window that are told, those with the most targets.
const MOST_SLICES: usize = 20;

/// What windows are held against: the baseline's performance, by slice.
pub(super) struct Reference {
    measures: Vec<PerformanceMeasure>,
    max_loss: Option<f64>,
    pub(super) worth: Worth,
    known: BTreeMap<Option<Slice>, Counts>,
}

/// The performance in one window.
#[derive(Debug, Clone)]
pub(crate) struct Performance {
    model: String,
    max_loss: Option<f64>,
    /// Targets that mean nothing to the model.
    foreign: f64,
    labels: String,
    /// By measure, of all rows; then by slice.
    told: Vec<Told>,
}

/// One measure of some rows.
#[derive(Debug, Clone)]
struct Told {
    slice: Option<String>,
    measure: PerformanceMeasure,
    /// The first one is judged.
    is_judged: bool,
    scored: f64,
    labelled: f64,
    realised: Option<Amount>,
    /// Of all rows that were scored.
    estimate: Option<Amount>,
    /// Of those with a target.
    estimate_of_labelled: Option<f64>,
    reference: Option<Amount>,
    /// How much wider an interval is that holds beside those of all other slices.
    widened: f64,
}

impl Reference {
    pub(super) fn new(measures: Vec<PerformanceMeasure>, max_loss: Option<f64>) -> Self {
        Self {
            measures,
            max_loss,
            worth: Worth::default(),
            known: BTreeMap::new(),
        }
    }

    pub(super) fn first_measure(&self) -> PerformanceMeasure {
        let accuracy = PerformanceMeasure::Classification(Metric::Accuracy);
        self.measures.first().copied().unwrap_or(accuracy)
    }

    /// Takes what was counted on the baseline.
    pub(super) fn learn(&mut self, counted: BTreeMap<Group, Counts>) {
        let known = counted.into_iter();
        self.known = known
            .filter(|(_, counts)| counts.labelled() > 0.0)
            .map(|(group, counts)| (group.slice, counts))
            .collect();
        self.worth = self.known.get(&None).map(Counts::worth).unwrap_or_default();
    }
}

impl Performance {
    /// Judges what was counted in a window and its slices.
    pub(super) fn of(
        model: &Name,
        manifest: &Manifest,
        reference: &Reference,
        mut groups: Vec<(Group, Counts)>,
        foreign: f64,
    ) -> Self {
        // All rows first, then the slices with the most targets.
        groups.sort_by(|(a, of_a), (b, of_b)| {
            let more = (of_b.labelled(), of_b.scored());
            let more = more.partial_cmp(&(of_a.labelled(), of_a.scored()));
            let first = a.slice.is_some().cmp(&b.slice.is_some());
            first
                .then(more.unwrap_or(std::cmp::Ordering::Equal))
                .then_with(|| a.cmp(b))
        });
        groups.truncate(1 + MOST_SLICES);
        let slices = groups.iter().filter(|(group, _)| group.slice.is_some());
        let many = widened(slices.count());
        let mut told = Vec::new();
        for (group, counts) in &groups {
            for (at, measure) in reference.measures.iter().enumerate() {
                let [estimate, of_labelled] = counts.expected(*measure, &reference.worth);
                let known = reference.known.get(&group.slice);
                told.push(Told {
                    slice: group.slice.as_ref().map(|slice| {
                        let value = slice.value.as_deref().unwrap_or("null");
                        format!("{}={value}", slice.column)
                    }),
                    measure: *measure,
                    is_judged: at == 0,
                    scored: counts.scored(),
                    labelled: counts.labelled(),
                    realised: counts.realised(*measure),
                    estimate,
                    estimate_of_labelled: of_labelled.map(|amount| amount.value),
                    reference: known.and_then(|known| known.realised(*measure)),
                    widened: if group.slice.is_some() { many } else { 1.0 },
                });
            }
        }
        Self {
            model: model.to_string(),
            max_loss: reference.max_loss,
            foreign,
            labels: manifest.labels.join(", "),
            told,
        }
    }

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
            missing.extend(
                self.told
                    .first()
                    .map(|told| self.not_evaluated(told, reason)),
            );
        }
        for told in &self.told {
            match &told.realised {
                Some(realised) => into.extend(self.finding(told, realised, false)),
                None => {
                    let estimate = told.estimate.as_ref();
                    into.extend(estimate.and_then(|known| self.finding(told, known, true)));
                    missing.extend(
                        told.missing()
                            .map(|reason| self.not_evaluated(told, reason)),
                    );
                }
            }
        }
    }

    fn not_evaluated(&self, told: &Told, reason: String) -> NotEvaluated {
        NotEvaluated {
            check: format!("{} of {}", told.measure.name(), self.model),
            reason,
            required: false,
        }
    }

    fn finding(&self, told: &Told, amount: &Amount, estimated: bool) -> Option<Finding> {
        let measure = told.named(estimated);
        let of_slice = told
            .slice
            .as_ref()
            .map_or(String::new(), |slice| format!(" where {slice}"));
        let mut message = format!(
            "{}: {} {} ({} to {}) on {} of {} rows{of_slice}",
            self.model,
            measure.replace('_', " "),
            number(amount.value),
            number(amount.lower),
            number(amount.upper),
            number(amount.rows),
            number(told.scored)
        );
        if let (false, Some(estimate)) = (estimated, told.estimate_of_labelled) {
            let error = estimate - amount.value;
            message.push_str(&format!(
                "; {} was estimated for them, {} too {}",
                number(estimate),
                number(error.abs()),
                if error < 0.0 { "low" } else { "high" }
            ));
        }
        let loss = told.loss(amount);
        if let Some(known) = &told.reference {
            message.push_str(&format!("; the baseline has {}", number(known.value)));
        }
        let max_loss = self.max_loss.filter(|_| told.is_judged);
        let beyond = match (loss, max_loss) {
            (Some((_, certain)), Some(most)) => certain > most,
            _ => false,
        };
        // What is only estimated is told where it is beyond its limit; trends have the rest.
        if estimated && !beyond {
            return None;
        }
        Some(Finding {
            column: Some(self.model.clone()),
            slice: told.slice.clone(),
            measure: Some(measure),
            value: Some(amount.value),
            threshold: self.limit(told),
            effect: loss.map(|(loss, _)| loss),
            effect_lower: loss.map(|(_, certain)| certain),
            min_effect: max_loss,
            baseline_rows: told.reference.map(|known| known.rows as u64),
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

    fn limit(&self, told: &Told) -> Option<f64> {
        let most = self.max_loss.filter(|_| told.is_judged)?;
        let known = told.reference?.value;
        Some(match told.measure.is_gain() {
            true => known - most,
            false => known + most,
        })
    }

    fn of_all_rows(&self, measure: PerformanceMeasure) -> Option<&Told> {
        let mut told = self.told.iter();
        told.find(|told| told.slice.is_none() && told.measure == measure)
    }
}

impl Told {
    fn named(&self, estimated: bool) -> String {
        match estimated {
            true => format!("estimated_{}", self.measure.name()),
            false => self.measure.name().to_owned(),
        }
    }

    /// How much worse than on the baseline, and how much of it is certain.
    fn loss(&self, now: &Amount) -> Option<(f64, f64)> {
        let (growth, half) = now.over(&self.reference?);
        let loss = match self.measure.is_gain() {
            true => -growth,
            false => growth,
        };
        Some((loss, loss - half * self.widened))
    }

    /// Why true values do not show it, of all rows; where there are none, that is said once.
    fn missing(&self) -> Option<String> {
        if self.slice.is_some() || self.labelled < 1.0 && !self.is_judged {
            return None;
        }
        if self.labelled >= 1.0 {
            return Some(format!(
                "the {} rows with a target do not define it: they are of one class, or their \
                 values are beyond what it takes",
                number(self.labelled)
            ));
        }
        let known = match &self.estimate {
            Some(estimate) => format!("; {} was estimated", number(estimate.value)),
            None => String::new(),
        };
        Some(format!(
            "none of the {} rows that were scored has a target yet{known}",
            number(self.scored)
        ))
    }
}

/// Realised and estimated performance over the windows, of all rows.
pub(crate) fn trends(judged: &Judged) -> Vec<Trend> {
    let Some(first) = judged.windows.iter().find_map(|w| w.performance.as_ref()) else {
        return Vec::new();
    };
    let measures = first.told.iter().filter(|told| told.slice.is_none());
    let trends = measures.flat_map(|told| {
        [false, true].map(|estimated| {
            let points = judged.windows.iter().enumerate().map(|(index, window)| {
                let found = window.performance.as_ref();
                let found = found.and_then(|own| Some((own, own.of_all_rows(told.measure)?)));
                let amount = found.and_then(|(_, told)| match estimated {
                    true => told.estimate,
                    false => told.realised,
                });
                let finding = found.zip(amount.as_ref());
                let finding =
                    finding.and_then(|((own, told), amount)| own.finding(told, amount, estimated));
                TrendPoint {
                    window: window_name(window, index),
                    value: amount.map(|amount| amount.value),
                    limit: found.and_then(|(own, told)| own.limit(told)),
                    lower_limit: None,
                    baseline: found.and_then(|(_, told)| Some(told.reference?.value)),
                    alarm: finding.is_some_and(|finding| finding.severity == Severity::Error),
                }
            });
            let limit = first.max_loss.filter(|_| told.is_judged);
            Trend {
                group: "performance".into(),
                name: format!(
                    "{}: {}",
                    first.model,
                    told.named(estimated).replace('_', " ")
                ),
                measure: None,
                unit: match told.measure {
                    PerformanceMeasure::Classification(_) => "share".into(),
                    PerformanceMeasure::Loss(_) => "value".into(),
                },
                limit_label: limit.map(|most| format!("a loss of {}", number(most))),
                points: points.collect(),
            }
        })
    });
    trends
        .filter(|trend| trend.points.iter().any(|point| point.value.is_some()))
        .collect()
}
