//! What a window says of a challenger.

use super::challenger;
use crate::{
    config::{Name, PerformanceMeasure},
    findings::{number, percent},
    judge::Judged,
    report::window_name,
};
use driftline_drift::performance::{Amount, Metric, levels::QUANTILE};
use driftline_verdict::{
    Evidence, Finding, FindingKind, NotEvaluated, Severity,
    report::model::{Trend, TrendPoint},
};

/// What its window says of a challenger.
#[derive(Debug, Clone)]
pub(crate) struct Comparison {
    pub(super) model: Name,
    /// Name and version of both.
    pub(super) ids: [String; 2],
    pub(super) outcome: Result<Outputs, String>,
}

/// Both models' outputs, on the rows that both scored or on each one's share.
#[derive(Debug, Clone)]
pub(super) struct Outputs {
    /// Rows of the champion and of the challenger; where both scored them, the same ones.
    pub(super) rows: [f64; 2],
    /// Share of the rows that the two label differently; of other models the mean distance of
    /// their numbers. None where they scored different rows.
    pub(super) apart: Option<f64>,
    /// Mean of what is watched, confidence or a number, of both.
    pub(super) means: [f64; 2],
    /// Name of what is watched.
    pub(super) field: &'static str,
    /// For each label its share with both.
    pub(super) labels: Vec<(String, [f64; 2])>,
    /// Rows with a target, and those of them that only the champion and only the challenger
    /// gets right.
    pub(super) paired: Option<[f64; 3]>,
    /// What performance is told by, where there are targets.
    pub(super) measure: Option<PerformanceMeasure>,
    /// By how much the challenger is better, as targets show.
    pub(super) realised: Option<Gain>,
    /// By how much it should be.
    pub(super) expected: Option<Gain>,
}

/// By how much a challenger is better, with an interval that holds in 95 of 100 cases.
#[derive(Debug, Clone, Copy)]
pub(super) struct Gain {
    ours: Amount,
    theirs: Amount,
    value: f64,
    half: f64,
}

impl Gain {
    /// Of what is known of the champion and of the challenger. On the same rows the two are alike,
    /// and the interval is wider than it need be.
    pub(super) fn of(measure: PerformanceMeasure, ours: Amount, theirs: Amount) -> Self {
        let (growth, half) = theirs.over(&ours);
        let value = if measure.is_gain() { growth } else { -growth };
        Self {
            ours,
            theirs,
            value,
            half,
        }
    }

    /// Of the rows that only one of the two gets right: that of a difference of paired shares.
    fn paired(self, [rows, lost, won]: [f64; 3]) -> Self {
        if rows < 1.0 {
            return self;
        }
        let value = (won - lost) / rows;
        let variance = ((won + lost) / rows - value * value).max(0.0) / rows;
        Self {
            value,
            half: QUANTILE * variance.sqrt(),
            ..self
        }
    }

    fn says(&self) -> &'static str {
        match (self.value > self.half, self.value < -self.half) {
            (true, _) => "it may take the champion's place",
            (_, true) => "it must not take the champion's place",
            _ => "which of the two is better cannot be told from these rows",
        }
    }
}

impl Outputs {
    fn measure(&self) -> &'static str {
        match (self.apart, self.labels.is_empty()) {
            (None, _) => "share_scored",
            (Some(_), true) => "output_distance",
            (Some(_), false) => "label_flips",
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

    /// The challenger's share of the rows.
    fn share(&self) -> f64 {
        let [ours, theirs] = self.rows;
        theirs / (ours + theirs)
    }

    /// By how much the challenger is better as targets show, told by pairs where there are any.
    fn gain(&self) -> Option<Gain> {
        let accuracy = PerformanceMeasure::Classification(Metric::Accuracy);
        match (self.realised?, self.paired) {
            (gain, Some(paired)) if self.measure == Some(accuracy) => Some(gain.paired(paired)),
            (gain, _) => Some(gain),
        }
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
        let evidence = outputs.labels.iter();
        into.push(Finding {
            value: Some(outputs.apart.unwrap_or_else(|| outputs.share())),
            window_rows: Some(outputs.rows[1] as u64),
            evidence: evidence
                .map(|(label, [ours, theirs])| Evidence {
                    label: label.clone(),
                    baseline: *ours,
                    window: *theirs,
                    contribution: theirs - ours,
                })
                .collect(),
            ..self.finding(outputs.measure(), self.of_outputs(outputs))
        });
        let Some(measure) = outputs.measure else {
            return;
        };
        let realised = outputs.gain();
        into.extend(realised.map(|gain| Finding {
            window_rows: Some(gain.theirs.rows as u64),
            ..self.gain_finding(measure, "", &gain, Some(gain.says()))
        }));
        into.extend(outputs.expected.map(|gain| Finding {
            window_rows: Some(gain.theirs.rows as u64),
            ..self.gain_finding(
                measure,
                "estimated_",
                &gain,
                realised.is_none().then(|| gain.says()),
            )
        }));
    }

    fn finding(&self, measure: impl Into<String>, message: String) -> Finding {
        Finding {
            column: Some(challenger(&self.model).to_string()),
            measure: Some(measure.into()),
            ..Finding::new(FindingKind::Challenger, Severity::Info, message)
        }
    }

    fn of_outputs(&self, outputs: &Outputs) -> String {
        let [champion, challenger] = &self.ids;
        let [ours, theirs] = outputs.means.map(number);
        let rows = outputs.rows.map(number);
        let of_labels = format!(
            "shares of labels are {} apart",
            number(outputs.label_distance())
        );
        let apart = match (outputs.apart, outputs.labels.is_empty()) {
            (Some(apart), false) => format!(
                "{challenger} gives {} of {} rows another label than {champion}; {of_labels}",
                percent(apart),
                rows[1]
            ),
            (Some(apart), true) => format!(
                "what {challenger} gives is {} from what {champion} gives, on {} rows",
                number(apart),
                rows[1]
            ),
            (None, is_plain) => format!(
                "{challenger} scored {} rows ({}), {champion} the other {}{}",
                rows[1],
                percent(outputs.share()),
                rows[0],
                match is_plain {
                    true => String::new(),
                    false => format!("; {of_labels}"),
                }
            ),
        };
        let field = outputs.field.replace('_', " ");
        format!("{apart}; mean {field} {theirs} against {ours}")
    }

    fn gain_finding(
        &self,
        measure: PerformanceMeasure,
        kind: &str,
        gain: &Gain,
        says: Option<&str>,
    ) -> Finding {
        let [champion, challenger] = &self.ids;
        let name = format!("{kind}{}", measure.name());
        let message = format!(
            "{challenger}: {} {} on {} rows, {champion}: {} on {} rows; it is better by {} ({} to \
             {}){}",
            name.replace('_', " "),
            number(gain.theirs.value),
            number(gain.theirs.rows),
            number(gain.ours.value),
            number(gain.ours.rows),
            number(gain.value),
            number(gain.value - gain.half),
            number(gain.value + gain.half),
            says.map_or(String::new(), |says| format!(": {says}"))
        );
        Finding {
            value: Some(gain.value),
            effect: Some(gain.value),
            effect_lower: Some(gain.value - gain.half),
            ..self.finding(format!("{name}_gain"), message)
        }
    }
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
        let trend = |name: String, unit: &str, value: &dyn Fn(&Outputs) -> Option<f64>| Trend {
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
        let Some(first) = (0..judged.windows.len()).find_map(found) else {
            continue;
        };
        let (name, unit) = match first.measure() {
            "label_flips" => ("rows that the challenger labels otherwise", "share"),
            "output_distance" => ("distance of the challenger's outputs", "value"),
            _ => ("rows that the challenger scored", "share"),
        };
        let share = |outputs: &Outputs| Some(outputs.apart.unwrap_or_else(|| outputs.share()));
        trends.push(trend(name.to_owned(), unit, &share));
        if let Some(measure) = (0..judged.windows.len()).find_map(|at| found(at)?.measure) {
            let name = measure.name().replace('_', " ");
            let unit = if measure.is_gain() { "share" } else { "value" };
            trends.push(trend(
                format!("challenger's gain in {name}"),
                unit,
                &|outputs| outputs.gain().map(|gain| gain.value),
            ));
            trends.push(trend(
                format!("challenger's estimated gain in {name}"),
                unit,
                &|outputs| outputs.expected.map(|gain| gain.value),
            ));
        }
    }
    trends.retain(|trend| trend.points.iter().any(|point| point.value.is_some()));
    trends
}
