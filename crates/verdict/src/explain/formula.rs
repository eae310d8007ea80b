//! A drift measure: its bins, its formula with the numbers put in, its limit.

use super::{Section, exact};
use crate::{
    Evidence, Finding, LimitWorkings, Workings,
    report::format::{count, words},
};

/// The measures that Driftline decides by; each formula is the definition in
/// `driftline_drift::measure`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Formula {
    StabilityIndex,
    JensenShannon,
    KolmogorovSmirnov,
    GreatestShare,
    GTest,
    NullShare,
    MeanIncrease,
}

impl Formula {
    fn of(measure: &str) -> Option<Self> {
        Some(match measure {
            "population_stability_index" => Self::StabilityIndex,
            "jensen_shannon" => Self::JensenShannon,
            "kolmogorov_smirnov" => Self::KolmogorovSmirnov,
            "l_infinity" => Self::GreatestShare,
            "g_test" => Self::GTest,
            "null_share" | "out_of_vocabulary_null_share" => Self::NullShare,
            "mean_increase" | "out_of_vocabulary" => Self::MeanIncrease,
            _ => return None,
        })
    }

    /// In words and signs.
    fn text(self) -> &'static str {
        match self {
            Self::StabilityIndex => {
                "Σ (q − p) ln(q / p) over all cells, where p = (baseline count + ½) / (baseline total + ½ · cells) and q is the same of the window."
            }
            Self::JensenShannon => {
                "½ Σ (p log₂(p / m) + q log₂(q / m)) over all cells, where p and q are the shares and m = (p + q) / 2."
            }
            Self::KolmogorovSmirnov => {
                "The greatest difference of the shares of finite values at or below a number, over 256 quantiles of the baseline."
            }
            Self::GreatestShare => "The greatest |q − p| of any cell.",
            Self::GTest => {
                "Σ (x ln(x / X) + y ln(y / Y)) / (w ln 2) over the baseline's 256 most frequent cells of units and all others as one, where x and y are the counts, b and w the totals, X = (x + y) b / (b + w) and Y = (x + y) w / (b + w)."
            }
            Self::NullShare => "|q − p| of the rows without a value.",
            Self::MeanIncrease => "The window's mean less the baseline's.",
        }
    }

    /// Whether the parts of the cells add up to the value.
    fn is_sum(self) -> bool {
        matches!(
            self,
            Self::StabilityIndex | Self::JensenShannon | Self::GTest
        )
    }

    /// The part of one cell, with its numbers.
    fn worked(self, workings: &Workings, cell: &Evidence) -> Option<String> {
        let (b, w) = (workings.baseline_total as f64, workings.window_total as f64);
        let (x, y) = counts(workings, cell);
        let label = &cell.label;
        Some(match self {
            Self::StabilityIndex => {
                let half = 0.5 * workings.cells as f64;
                let (p, q) = ((x + 0.5) / (b + half), (y + 0.5) / (w + half));
                format!(
                    "For `{label}`: p = ({} + 0.5) / ({} + {}) = {}, q = ({} + 0.5) / ({} + {}) = {}, and (q − p) ln(q / p) = {}.",
                    exact(x),
                    exact(b),
                    exact(half),
                    exact(p),
                    exact(y),
                    exact(w),
                    exact(half),
                    exact(q),
                    exact((q - p) * (q / p).ln()),
                )
            }
            Self::JensenShannon => {
                let (p, q) = (x / b, y / w);
                let middle = (p + q) / 2.0;
                let toward = |share: f64| {
                    if share > 0.0 {
                        share * (share / middle).log2()
                    } else {
                        0.0
                    }
                };
                format!(
                    "For `{label}`: p = {} / {} = {}, q = {} / {} = {}, m = {}, and the part is ½ ({} + {}) = {}.",
                    exact(x),
                    exact(b),
                    exact(p),
                    exact(y),
                    exact(w),
                    exact(q),
                    exact(middle),
                    exact(toward(p)),
                    exact(toward(q)),
                    exact((toward(p) + toward(q)) / 2.0),
                )
            }
            Self::GTest => {
                let (all, ln_x_over) = (x + y, |count: f64, expected: f64| {
                    if count > 0.0 {
                        count * (count / expected).ln()
                    } else {
                        0.0
                    }
                });
                let (of_x, of_y) = (all * b / (b + w), all * w / (b + w));
                let part = (ln_x_over(x, of_x) + ln_x_over(y, of_y)) / (w * std::f64::consts::LN_2);
                format!(
                    "For `{label}`: x = {}, y = {}, X = {}, Y = {}, and the part is {}.",
                    exact(x),
                    exact(y),
                    exact(of_x),
                    exact(of_y),
                    exact(part),
                )
            }
            Self::GreatestShare | Self::NullShare => {
                let (p, q) = (x / b, y / w);
                format!(
                    "For `{label}`: |{} / {} − {} / {}| = {}.",
                    exact(y),
                    exact(w),
                    exact(x),
                    exact(b),
                    exact((q - p).abs()),
                )
            }
            Self::KolmogorovSmirnov | Self::MeanIncrease => return None,
        })
    }
}

pub(super) fn sections(finding: &Finding) -> Vec<Section> {
    let formula = finding.measure.as_deref().and_then(Formula::of);
    let (Some(workings), Some(formula)) = (finding.workings.as_deref(), formula) else {
        return foreign(finding);
    };
    let mut sections = vec![moved(workings, formula, &finding.evidence)];
    sections.push(Section::words(
        "how the value is made",
        value(finding, workings, formula),
    ));
    sections.push(Section::words(
        "where the limit comes from",
        limit(finding, workings),
    ));
    let effect = effect(finding);
    if !effect.is_empty() {
        sections.push(Section::words("how large it is", effect));
    }
    sections.extend(place(finding));
    sections
}

/// The slices that hold the drift.
fn place(finding: &Finding) -> Option<Section> {
    if finding.concentrations.is_empty() {
        return None;
    }
    let heading = [
        "slice",
        "rows",
        "share of the baseline",
        "share of the window",
        "value there",
        "at least",
        "value elsewhere",
    ];
    let mut rows = vec![heading.map(str::to_owned).to_vec()];
    rows.extend(finding.concentrations.iter().map(|held| {
        vec![
            held.slice.clone(),
            count(held.window_rows),
            exact(held.baseline_share),
            exact(held.window_share),
            exact(held.value),
            exact(held.value_lower),
            exact(held.rest),
        ]
    }));
    Some(Section {
        title: "where it is",
        sentences: vec![
            "In these slices baseline and window certainly differ by more than all other rows do."
                .to_owned(),
        ],
        rows,
    })
}

/// Counts of a cell: its shares are of the totals.
fn counts(workings: &Workings, cell: &Evidence) -> (f64, f64) {
    (
        (cell.baseline * workings.baseline_total as f64).round(),
        (cell.window * workings.window_total as f64).round(),
    )
}

fn moved(workings: &Workings, formula: Formula, evidence: &[Evidence]) -> Section {
    let told_in_tenths = matches!(formula, Formula::KolmogorovSmirnov | Formula::MeanIncrease);
    let mut heading: Vec<String> = ["cell", "baseline", "share p", "window", "share q"]
        .map(str::to_owned)
        .to_vec();
    heading.push(
        match formula {
            _ if told_in_tenths => "q − p",
            _ if formula.is_sum() => "part",
            _ => "difference",
        }
        .to_owned(),
    );
    let line = |cell: &Evidence, part: Option<f64>| {
        let (x, y) = counts(workings, cell);
        vec![
            cell.label.clone(),
            count(x as u64),
            exact(cell.baseline),
            count(y as u64),
            exact(cell.window),
            part.map(exact).unwrap_or_default(),
        ]
    };
    let part = |cell: &Evidence| {
        if formula.is_sum() {
            cell.contribution
        } else {
            cell.window - cell.baseline
        }
    };
    let mut rows = vec![heading];
    rows.extend(evidence.iter().map(|cell| line(cell, Some(part(cell)))));
    // Of a greatest difference the others say nothing.
    let rest = workings.rest.as_ref();
    rows.extend(rest.map(|rest| line(rest, formula.is_sum().then_some(rest.contribution))));
    rows.push(vec![
        "all".into(),
        count(workings.baseline_total),
        "1".into(),
        count(workings.window_total),
        "1".into(),
        if formula.is_sum() {
            let told: f64 = evidence.iter().map(|cell| cell.contribution).sum();
            exact(told + rest.map_or(0.0, |rest| rest.contribution))
        } else {
            String::new()
        },
    ]);
    let sentences = if told_in_tenths {
        vec!["The cells are tenths of the baseline, so that it can be seen where values went; the value is made of finer ones.".to_owned()]
    } else {
        Vec::new()
    };
    Section {
        title: "what moved",
        sentences,
        rows,
    }
}

fn value(finding: &Finding, workings: &Workings, formula: Formula) -> Vec<String> {
    let mut sentences = vec![formula.text().to_owned()];
    let worked = match formula {
        Formula::KolmogorovSmirnov => workings.widest_gap.as_ref().map(|gap| {
            format!(
                "It is widest for values {}: {} of the baseline and {} of the window, |{} − {}| = {}.",
                gap.label,
                exact(gap.baseline),
                exact(gap.window),
                exact(gap.window),
                exact(gap.baseline),
                exact((gap.window - gap.baseline).abs()),
            )
        }),
        Formula::MeanIncrease => match (workings.window_mean, workings.baseline_mean) {
            (Some(window), Some(baseline)) => Some(format!(
                "{} − {} = {}.",
                exact(window),
                exact(baseline),
                exact(window - baseline)
            )),
            _ => None,
        },
        Formula::NullShare => finding
            .evidence
            .iter()
            .find(|cell| cell.label == "null")
            .and_then(|cell| formula.worked(workings, cell)),
        _ => finding
            .evidence
            .first()
            .and_then(|cell| formula.worked(workings, cell)),
    };
    sentences.extend(worked);
    if let Some(value) = finding.value {
        let unit = finding
            .unit
            .as_ref()
            .map_or(String::new(), |unit| format!(" {unit}"));
        sentences.push(if formula.is_sum() {
            format!(
                "The parts of all {} cells add up to {}{unit}.",
                count(workings.cells),
                exact(value)
            )
        } else {
            format!("The value is {}{unit}.", exact(value))
        });
    }
    sentences
}

fn limit(finding: &Finding, workings: &Workings) -> Vec<String> {
    let Some(limit) = &workings.limit else {
        return vec![
            "There is none: the baseline is too short for one at this size of window.".to_owned(),
        ];
    };
    let LimitWorkings {
        p_limit,
        rate,
        draws,
        blocks_per_window,
        windows_in_baseline,
        independent_windows,
        seed,
        null_median,
        null_upper,
        null_greatest,
        extrapolated,
    } = limit;
    let mut sentences = vec![
        format!(
            "{} stretches of the baseline, {} block{} each, were measured against the rest of it as if they were windows of this size (seed {seed}).",
            count(*draws),
            count(*blocks_per_window),
            if *blocks_per_window == 1 { "" } else { "s" },
        ),
        format!(
            "Their values have the median {}, the 95 % quantile {} and the greatest {}.",
            exact(*null_median),
            exact(*null_upper),
            exact(*null_greatest),
        ),
        format!(
            "A rate of {} false alarms a window is stated for all tests together; it is kept where a single test counts from p = {} down.",
            exact(*rate),
            exact(*p_limit),
        ),
        format!(
            "{} windows fit into the baseline without overlap, worth {} independent ones: a p-value is that of Student's prediction from so many.",
            count(*windows_in_baseline),
            exact(*independent_windows),
        ),
    ];
    if *extrapolated {
        sentences.push(
            "That is rarer than so few windows can show: an exponential tail, fitted to the greatest draws, goes on from them.".into(),
        );
    }
    if let (Some(threshold), Some(p)) = (finding.threshold, finding.p_value) {
        sentences.push(format!(
            "The least value with such a p is {}; {} has p = {}.",
            exact(threshold),
            finding.value.map_or_else(|| "the value".into(), exact),
            exact(p),
        ));
    }
    sentences
}

fn effect(finding: &Finding) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some(effect) = finding.effect {
        sentences.push(format!(
            "The value less the median of such windows is {}.",
            exact(effect)
        ));
    }
    if let (Some(lower), Some(least)) = (finding.effect_lower, finding.min_effect) {
        let compared = if lower > least { "above" } else { "not above" };
        sentences.push(format!(
            "With the noise that such windows have, at least {} of it is certain (95 %), which is {compared} the least effect that matters, {}.",
            exact(lower),
            exact(least),
        ));
    }
    sentences
}

/// A finding of another tool's measure, or of a run without workings.
fn foreign(finding: &Finding) -> Vec<Section> {
    let measure = finding.measure.as_deref().map_or(String::new(), words);
    let mut sentences = vec![match (finding.value, finding.threshold) {
        (Some(value), Some(limit)) => {
            format!(
                "{measure} is {}, compared with {}.",
                exact(value),
                exact(limit)
            )
        }
        (Some(value), None) => format!("{measure} is {}.", exact(value)),
        _ => format!("{measure} has no finite value."),
    }];
    if let Some(p) = finding.p_value {
        sentences.push(format!("Its p-value is {}.", exact(p)));
    }
    if let (Some(baseline), Some(window)) = (finding.baseline_rows, finding.window_rows) {
        sentences.push(format!(
            "It is of {} rows of the baseline and {} of the window.",
            count(baseline),
            count(window)
        ));
    }
    sentences.push(
        "The run keeps no bins of it: the formula of another tool's measure is in the book under \"Other tools' numbers\", that of Driftline's own under \"Drift measures\".".into(),
    );
    let mut sections = vec![Section::words("how the value is made", sentences)];
    let effect = effect(finding);
    if !effect.is_empty() {
        sections.push(Section::words("how large it is", effect));
    }
    sections
}
