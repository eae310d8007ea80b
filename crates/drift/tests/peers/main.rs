//! The presets against what the tools print: every golden value of `shared/peer-golden`.
//!
//! A share of 98 % of each file must be within the tolerance that its README states;
//! misses are listed with both numbers.

#![expect(
    clippy::unwrap_used,
    reason = "clippy takes helpers of tests for code that is none"
)]

mod data;
mod golden;
mod tally;

use data::Data;
use driftline_drift::{
    performance::{Estimator, Metric, Scored},
    preset::{
        Column, Kind, Outcome, State, Values, evidently,
        histogram::{self, Rule},
        nannyml, tfdv, whylogs,
    },
    two_sample::{
        Sample, TestResult, chi_squared, cramer_von_mises::Method,
        cramer_von_mises::cramer_von_mises, energy::energy_distance,
        kolmogorov_smirnov::kolmogorov_smirnov, mann_whitney::Alternative,
        mann_whitney::mann_whitney, maximum_mean_discrepancy::maximum_mean_discrepancy,
        student_t::Variances, student_t::student_t, wasserstein::wasserstein,
    },
};
use golden::Golden;
use serde_json::Value;
use tally::Tally;

fn kind_of(case: &Value) -> Kind {
    match case["type"].as_str() {
        Some("num") => Kind::Numeric,
        Some("text") => Kind::Text,
        _ => Kind::Category,
    }
}

/// The golden files and the data that they are of; `None`, said loudly, where absent.
fn shared(name: &str) -> Option<(Golden, Data)> {
    let golden = Golden::open(name)?;
    Some((golden, Data::open()?))
}

fn sample(column: &Column) -> Sample {
    match column.values() {
        Values::Numbers(numbers) => numbers.sample,
        other => panic!("{:?} are no numbers", other.kind()),
    }
}

fn evidently_results(tally: &mut Tally, at: &str, sides: &(Column, Column), results: &Value) {
    let (baseline, window) = (sides.0.values(), sides.1.values());
    for (name, expected) in results.as_object().unwrap() {
        let measure = evidently::Measure::named(name);
        assert!(name == "default" || measure.is_some(), "{name} is unknown");
        // Numbers of few distinct values get a test for categories by default only.
        let outcome = evidently::compare(&baseline, &window, measure, None);
        let at = format!("{at} {name}");
        if expected.get("error").is_some() {
            tally.holds(&at, outcome.is_err(), || {
                format!("{outcome:?} instead of an error")
            });
            continue;
        }
        match outcome {
            Err(error) => tally.holds(&at, false, || error.to_string()),
            Ok(outcome) => {
                if let Some(test) = expected["test"].as_str() {
                    tally.holds(&at, outcome.measure == test, || {
                        format!("{} instead of {test}", outcome.measure)
                    });
                }
                let tolerance = if outcome.p_value.is_some() {
                    1e-6
                } else {
                    1e-9
                };
                tally.close(&at, outcome.value, &expected["value"], tolerance);
                let drifted = outcome.state == State::Drift;
                tally.holds(&at, Some(drifted) == expected["drifted"].as_bool(), || {
                    format!("drifted {drifted}")
                });
            }
        }
    }
}

#[test]
fn evidently_prints_the_same() {
    let Some((golden, data)) = shared("evidently.json") else {
        return;
    };
    let mut tally = Tally::default();
    for case in golden.cases() {
        let sides = data.sides(case, kind_of(case));
        evidently_results(&mut tally, &data::name(case), &sides, &case["results"]);
    }
    tally.finish("evidently.json");
}

fn test_result(tally: &mut Tally, at: &str, ours: Option<TestResult>, expected: &Value) {
    let ours = ours.unwrap();
    tally.close(
        &format!("{at}.statistic"),
        ours.statistic,
        &expected["statistic"],
        1e-9,
    );
    tally.close(
        &format!("{at}.pvalue"),
        ours.p_value,
        &expected["pvalue"],
        1e-9,
    );
}

/// As [`test_result`], for a p-value that is 1 − F. F itself is printed with noise: the
/// Bessel function that it is made of is off by up to 8e-14 in SciPy, so a p-value near
/// 1e-10 says nothing beyond its third digit.
fn one_less(tally: &mut Tally, at: &str, ours: Option<TestResult>, expected: &Value) {
    let ours = ours.unwrap();
    tally.close(
        &format!("{at}.statistic"),
        ours.statistic,
        &expected["statistic"],
        1e-9,
    );
    tally.near(
        &format!("{at}.pvalue"),
        ours.p_value,
        &expected["pvalue"],
        1e-13_f64.max(1e-9 * ours.p_value),
    );
}

fn bins(tally: &mut Tally, at: &str, edges: Option<Vec<f64>>, expected: &Value) {
    let edges = edges.unwrap();
    tally.close(
        &format!("{at}.n"),
        (edges.len() - 1) as f64,
        &expected["n"],
        0.0,
    );
    tally.close(&format!("{at}.first"), edges[0], &expected["first"], 1e-9);
    tally.close(
        &format!("{at}.last"),
        edges[edges.len() - 1],
        &expected["last"],
        1e-9,
    );
}

#[test]
fn scipy_computes_the_same() {
    let Some((golden, data)) = shared("scipy.json") else {
        return;
    };
    let mut tally = Tally::default();
    for case in golden.cases() {
        let sides = data.sides(case, kind_of(case));
        for (name, expected) in case["results"].as_object().unwrap() {
            let at = format!("{} {name}", data::name(case));
            if kind_of(case) == Kind::Numeric {
                scipy_numbers(&mut tally, &at, name, &sides, expected);
            } else {
                scipy_categories(&mut tally, &at, name, &sides, expected);
            }
        }
    }
    tally.finish("scipy.json");
}

fn scipy_numbers(
    tally: &mut Tally,
    at: &str,
    name: &str,
    sides: &(Column, Column),
    expected: &Value,
) {
    let (a, b) = (sample(&sides.0), sample(&sides.1));
    let whole = |column: &Column| matches!(column, Column::Numbers { whole: true, .. });
    match name {
        "ks_2samp" => test_result(tally, at, kolmogorov_smirnov(&a, &b), expected),
        "wasserstein_distance" => tally.close(at, wasserstein(&a, &b).unwrap(), expected, 1e-9),
        "energy_distance" => tally.close(at, energy_distance(&a, &b).unwrap(), expected, 1e-9),
        "cramervonmises_2samp_asymptotic" => {
            one_less(
                tally,
                at,
                cramer_von_mises(&a, &b, Method::Asymptotic),
                expected,
            );
        }
        "mannwhitneyu_two_sided" => {
            test_result(
                tally,
                at,
                mann_whitney(&a, &b, Alternative::TwoSided),
                expected,
            );
        }
        "welch_t" => test_result(tally, at, student_t(&a, &b, Variances::Own), expected),
        "bins_sturges_combined" => {
            let whole = whole(&sides.0) && whole(&sides.1);
            bins(
                tally,
                at,
                histogram::edges(&a.merged(&b), Rule::Sturges, whole),
                expected,
            );
        }
        "bins_doane_reference" => {
            bins(
                tally,
                at,
                histogram::edges(&a, Rule::Doane, false),
                expected,
            );
        }
        "std_ref_ddof1" => tally.close(at, a.standard_deviation(1), expected, 1e-9),
        "std_ref_ddof0" => tally.close(at, a.standard_deviation(0), expected, 1e-9),
        other => panic!("{other} is unknown"),
    }
}

fn scipy_categories(
    tally: &mut Tally,
    at: &str,
    name: &str,
    sides: &(Column, Column),
    expected: &Value,
) {
    let (Values::Categories(a), Values::Categories(b)) = (sides.0.values(), sides.1.values())
    else {
        panic!("{at}: no categories");
    };
    let pair = driftline_drift::preset::CategoryPair::of(&a, &b);
    let (x, y) = (&pair.baseline, &pair.window);
    let distance = |measure| {
        let sides = (Values::Categories(a.clone()), Values::Categories(b.clone()));
        tfdv::compare(&sides.0, &sides.1, Some(measure), None)
            .unwrap()
            .value
    };
    match name {
        "chi2_contingency" => {
            test_result(tally, at, chi_squared::contingency(x, y, true), expected);
            let degrees = chi_squared::degrees_of_freedom(x, y) as f64;
            tally.close(&format!("{at}.dof"), degrees, &expected["dof"], 0.0);
        }
        "chi2_contingency_no_yates" => {
            test_result(tally, at, chi_squared::contingency(x, y, false), expected);
        }
        "l_infinity" => tally.close(at, distance(tfdv::Measure::InfinityNorm), expected, 1e-9),
        "total_variation" => {
            let (n, m) = (a.size() as f64, b.size() as f64);
            let gaps = x
                .iter()
                .zip(y)
                .map(|(x, y)| (*x as f64 / n - *y as f64 / m).abs());
            tally.close(at, gaps.sum::<f64>() / 2.0, expected, 1e-9);
        }
        "jsd_base2_divergence_tfdv_formula" => {
            tally.close(
                at,
                distance(tfdv::Measure::JensenShannonDivergence),
                expected,
                1e-9,
            );
        }
        other => panic!("{other} is unknown"),
    }
}

#[test]
fn nannyml_finds_the_same_in_single_columns() {
    let Some((golden, data)) = shared("nannyml-univariate.json") else {
        return;
    };
    let mut tally = Tally::default();
    for case in golden.cases() {
        let (baseline, window) = data.sides(case, kind_of(case));
        for (name, expected) in case["results"].as_object().unwrap() {
            let at = format!("{} {name}", data::name(case));
            let measure = nannyml::Measure::named(name).unwrap();
            let drift = nannyml::univariate::compare(
                &baseline,
                &window,
                Some(measure),
                nannyml::Chunks::default(),
            )
            .unwrap();
            tally.close_all(
                &format!("{at} analysis"),
                &drift.window,
                &expected["analysis"],
                1e-9,
            );
            tally.close_all(
                &format!("{at} reference"),
                &drift.baseline,
                &expected["reference"],
                1e-9,
            );
            tally.same(&format!("{at} alert"), &drift.alerts, &expected["alert"]);
            let upper = drift.limits.and_then(|limits| limits.upper);
            tally.close_or_none(
                &format!("{at} upper"),
                upper,
                &expected["upper_threshold"],
                1e-9,
            );
        }
    }
    tally.finish("nannyml-univariate.json");
}

#[test]
fn nannyml_finds_the_same_in_columns_together() {
    let Some((golden, data)) = shared("nannyml-multivariate.json") else {
        return;
    };
    let mut tally = Tally::default();
    for case in golden.cases() {
        let columns: Vec<&str> = case["columns"]
            .as_array()
            .unwrap()
            .iter()
            .map(|name| name.as_str().unwrap())
            .collect();
        let (baseline, window): (Vec<Column>, Vec<Column>) = columns
            .into_iter()
            .map(|column| data.natural_sides(case, column))
            .unzip();
        let found =
            nannyml::reconstruction::compare(&baseline, &window, nannyml::Chunks::default())
                .unwrap();
        let at = data::name(case);
        tally.close_all(&format!("{at} value"), &found.window, &case["value"], 1e-3);
        tally.close(
            &format!("{at} sampling error"),
            found.sampling_errors[0],
            &case["sampling_error"][0],
            1e-3,
        );
        tally.close_or_none(
            &format!("{at} upper"),
            found.limits.upper,
            &case["upper_threshold"],
            1e-3,
        );
        tally.close_or_none(
            &format!("{at} lower"),
            found.limits.lower,
            &case["lower_threshold"],
            1e-3,
        );
        tally.same(&format!("{at} alert"), &found.alerts, &case["alert"]);
    }
    tally.finish("nannyml-multivariate.json");
}

#[test]
fn nannyml_estimates_the_same_performance() {
    let Some((golden, data)) = shared("nannyml-cbpe.json") else {
        return;
    };
    let mut tally = Tally::default();
    for case in golden.cases() {
        let at = format!("{} {}", data::name(case), case["metric"]);
        let metric = Metric::named(case["metric"].as_str().unwrap()).unwrap();
        let ((scores, labels), (other, _)) = data.scored(case);
        let scored = |of: &'_ data::Scores| -> (Vec<f64>, Vec<usize>) {
            (of.scores.clone(), of.predictions.clone())
        };
        let (reference, analysis) = (scored(&scores), scored(&other));
        let estimator = Estimator::fit(
            &Scored {
                scores: vec![&reference.0],
                predictions: &reference.1,
            },
            &labels,
            metric,
            nannyml::Chunks::default(),
        )
        .unwrap();
        let found = estimator
            .estimate(&Scored {
                scores: vec![&analysis.0],
                predictions: &analysis.1,
            })
            .unwrap();
        tally.near_all(&format!("{at} value"), &found.values, &case["value"], 0.005);
        let limits = [
            (found.limits.upper, "upper_threshold"),
            (found.limits.lower, "lower_threshold"),
        ];
        for (ours, key) in limits {
            tally.near(&format!("{at} {key}"), ours.unwrap(), &case[key], 0.005);
        }
        tally.same(&format!("{at} alert"), &found.alerts, &case["alert"]);
    }
    tally.finish("nannyml-cbpe.json");
}

fn state_name(state: State) -> &'static str {
    match state {
        State::NoDrift => "NO_DRIFT",
        State::PossibleDrift => "POSSIBLE_DRIFT",
        State::Drift => "DRIFT",
        State::NoThreshold => "none",
    }
}

/// Whether a value is as near to the bound of a state as a sketch may be off.
fn near_a_bound(outcome: &Outcome) -> bool {
    match outcome.p_value {
        Some(p) => [0.05, 0.15].iter().any(|bound| (p - bound).abs() < 0.02),
        None => [0.15, 0.4]
            .iter()
            .any(|bound| (outcome.value - bound).abs() < 0.02),
    }
}

#[test]
fn whylogs_says_the_same() {
    let Some((golden, data)) = shared("whylogs.json") else {
        return;
    };
    let slices = Golden::open("scipy.json").unwrap();
    let mut tally = Tally::default();
    for case in golden.cases() {
        let slice = slices
            .cases()
            .find(|other| other["dataset"] == case["dataset"])
            .unwrap_or(case);
        let column = case["column"].as_str().unwrap();
        let (baseline, window) = data.natural_sides(slice, column);
        let sides = (
            whylogs::Side::of_column(&baseline),
            whylogs::Side::of_column(&window),
        );
        for (name, expected) in case["results"].as_object().unwrap() {
            let at = format!("{} {name}", data::name(case));
            let measure = match name.as_str() {
                "default" => None,
                "chi2" => Some(whylogs::Measure::ChiSquare),
                other => whylogs::Measure::named(other),
            };
            let outcome = whylogs::compare(&sides.0, &sides.1, measure);
            if expected.is_null() {
                tally.holds(&at, outcome.is_err(), || {
                    format!("{outcome:?} instead of none")
                });
                continue;
            }
            let outcome = match outcome {
                Ok(outcome) => outcome,
                Err(error) => {
                    tally.holds(&at, false, || error.to_string());
                    continue;
                }
            };
            tally.near(
                &format!("{at} statistic"),
                outcome.value,
                &expected["statistic"],
                0.02,
            );
            let state = state_name(outcome.state);
            let same = expected["category"] == state || near_a_bound(&outcome);
            tally.holds(&format!("{at} state"), same, || {
                format!("{state} instead of {}", expected["category"])
            });
        }
    }
    tally.finish("whylogs.json");
}

#[test]
fn small_inputs_end_as_in_the_tools() {
    let Some(golden) = Golden::open("edge-cases.json") else {
        return;
    };
    let mut tally = Tally::default();
    for case in golden.cases() {
        let kind = kind_of(case);
        let sides = (
            data::given(&case["reference"], kind),
            data::given(&case["current"], kind),
        );
        let at = case["name"].as_str().unwrap().to_owned();
        evidently_results(&mut tally, &at, &sides, &case["evidently"]);
        for (name, expected) in case["other"].as_object().unwrap() {
            let at = format!("{at} {name}");
            match name.split_once('.').unwrap() {
                ("scipy", test) => scipy_numbers(&mut tally, &at, test, &sides, expected),
                (_, test) => {
                    let measure = nannyml::Measure::named(test).unwrap();
                    match nannyml::univariate::whole(&sides.0, &sides.1, measure) {
                        Ok(ours) => tally.close(&at, ours, expected, 1e-9),
                        Err(error) => {
                            tally.holds(&at, expected.get("error").is_some(), || error.to_string())
                        }
                    }
                }
            }
        }
    }
    tally.finish("edge-cases.json");
}

#[test]
fn discrepancies_are_the_same() {
    let Some((golden, data)) = shared("mmd.json") else {
        return;
    };
    let mut tally = Tally::default();
    for case in golden.cases() {
        let at = data::name(case);
        let (baseline, window) = data.natural_sides(case, case["column"].as_str().unwrap());
        let values = |column: &Column| match column {
            Column::Numbers { values, .. } => values.clone(),
            _ => panic!("{at}: no numbers"),
        };
        let (a, b) = (values(&baseline), values(&window));
        let found = maximum_mean_discrepancy(&a, &b, 100, 0).unwrap();
        tally.close(&format!("{at} mmd2"), found.squared, &case["mmd2"], 1e-9);
        tally.close(&format!("{at} sigma"), found.sigma, &case["sigma"], 1e-9);
        let p = &case["pvalue_100_permutations_seed0"];
        tally.near(&format!("{at} p"), found.p_value.unwrap(), p, 0.12);
    }
    tally.finish("mmd.json");
}

#[test]
fn texts_are_told_apart_as_well() {
    let Some((golden, data)) = shared("text-content-drift.json") else {
        return;
    };
    let mut tally = Tally::default();
    for case in golden.cases() {
        let at = format!("{} against {}", case["current"], case["reference"]);
        let texts = |side: &str| {
            let column = data.described(case, case[side].as_str().unwrap());
            let Values::Texts(texts) = column.values() else {
                panic!("{at}: no texts");
            };
            Values::Texts(texts)
        };
        let (baseline, window) = (texts("reference"), texts("current"));
        let outcome = evidently::compare(&baseline, &window, None, None).unwrap();
        let tolerance = case["tolerance"].as_f64().unwrap();
        tally.near(&at, outcome.value, &case["auc"], tolerance);
        let drifted = outcome.state == State::Drift;
        tally.holds(&at, case["drifted"] == drifted, || {
            format!("drifted {drifted}")
        });
    }
    tally.finish("text-content-drift.json");
}
