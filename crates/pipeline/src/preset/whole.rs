//! TFDV, Evidently and whylogs: each column as a whole, against the same column.

use super::{
    Measured, MeasuredWindow, MeasuredWindows, PresetRequest, Sides, not_evaluated,
    side::Loaded,
    wishes::{Plan, PlannedColumn},
};
use crate::PipelineError;
use driftline_drift::preset::{Outcome, Preset, Values, evidently, tfdv, whylogs};
use driftline_verdict::FindingKind;

/// Columns of both sides that are held at a time.
const COLUMNS_AT_ONCE: usize = 16;

/// # Errors
/// Those of the engine.
pub(crate) async fn measure(
    sides: &Sides<'_>,
    request: &PresetRequest,
    plan: Plan,
) -> Result<MeasuredWindows, PipelineError> {
    let mut window = MeasuredWindow {
        not_evaluated: plan.not_evaluated,
        ..MeasuredWindow::default()
    };
    let mut baseline_rows = 0;
    for planned in plan.alone.chunks(COLUMNS_AT_ONCE) {
        let columns: Vec<_> = planned
            .iter()
            .map(|planned| planned.column.clone())
            .collect();
        let ours = sides.baseline.load(&columns).await?;
        let theirs = sides.window.load(&columns).await?;
        for (planned, (ours, theirs)) in planned.iter().zip(ours.into_iter().zip(theirs)) {
            let name = &planned.column.name;
            let (ours, theirs) = match (ours, theirs) {
                (Ok(ours), Ok(theirs)) => (ours, theirs),
                (Err(refused), _) => {
                    let reason = format!("in the baseline, {refused}");
                    window.not_evaluated.push(not_evaluated(name, reason));
                    continue;
                }
                (_, Err(refused)) => {
                    let reason = format!("in the window, {refused}");
                    window.not_evaluated.push(not_evaluated(name, reason));
                    continue;
                }
            };
            baseline_rows = baseline_rows.max(ours.rows());
            window.rows = window.rows.max(theirs.rows());
            // Sorting millions of values is no work for a thread that others wait on.
            let (request, planned) = (request.clone(), planned.clone());
            let (measured, failed) =
                tokio::task::spawn_blocking(move || column(&request, &planned, &ours, &theirs))
                    .await
                    .map_err(|error| PipelineError::Internal {
                        message: format!("comparing a column stopped: {error}"),
                    })?;
            window.measured.extend(measured);
            for reason in failed {
                window.not_evaluated.push(not_evaluated(name, reason));
            }
        }
    }
    Ok(MeasuredWindows {
        windows: vec![window],
        baseline_rows,
        notes: Vec::new(),
    })
}

/// What is measured of a column, and why the rest is not.
fn column(
    request: &PresetRequest,
    planned: &PlannedColumn,
    ours: &Loaded,
    theirs: &Loaded,
) -> (Vec<Measured>, Vec<String>) {
    let (mut measured, mut failed) = (Vec::new(), Vec::new());
    let own_choice = [None];
    let asked: Vec<Option<&str>> = planned.measures.iter().map(|name| Some(&**name)).collect();
    let asked = if asked.is_empty() {
        &own_choice[..]
    } else {
        &asked[..]
    };
    let judge = match Judge::of(request, planned, ours, theirs) {
        Ok(judge) => judge,
        Err(reason) => return (measured, vec![reason]),
    };
    for measure in asked {
        match judge.outcome(request, &planned.column.name, *measure) {
            Ok(outcome) => measured.push(Measured {
                kind: FindingKind::Drift,
                slice: None,
                column: Some(planned.column.name.clone()),
                measure: outcome.measure.to_owned(),
                value: outcome.value,
                p_value: outcome.p_value,
                threshold: outcome.threshold,
                lower: None,
                state: outcome.state,
                baseline_rows: ours.rows(),
                window_rows: theirs.rows(),
            }),
            Err(reason) => failed.push(reason),
        }
    }
    (measured, failed)
}

/// Both sides of a column in the form that the tool's comparison takes.
enum Judge {
    Values(Values, Values),
    Whylogs(Box<(whylogs::Side, whylogs::Side)>),
}

impl Judge {
    fn of(
        request: &PresetRequest,
        planned: &PlannedColumn,
        ours: &Loaded,
        theirs: &Loaded,
    ) -> Result<Self, String> {
        let kind = planned.column.kind;
        if request.preset == Preset::Whylogs {
            let side = |loaded: &Loaded| -> Result<whylogs::Side, String> {
                match loaded {
                    Loaded::Rows(column) => Ok(whylogs::Side::of_column(column)),
                    Loaded::Profile(profile) => {
                        let values = loaded.values(kind).map_err(|refused| refused.to_string())?;
                        Ok(whylogs::Side::of_values(values, profile.rows))
                    }
                }
            };
            return Ok(Self::Whylogs(Box::new((side(ours)?, side(theirs)?))));
        }
        let values = |loaded: &Loaded| loaded.values(kind).map_err(|refused| refused.to_string());
        Ok(Self::Values(values(ours)?, values(theirs)?))
    }

    /// By a measure of the tool, or by its own choice.
    fn outcome(
        &self,
        request: &PresetRequest,
        column: &str,
        measure: Option<&str>,
    ) -> Result<Outcome, String> {
        let outcome = match self {
            Self::Whylogs(sides) => whylogs::compare(
                &sides.0,
                &sides.1,
                measure.and_then(whylogs::Measure::named),
            ),
            Self::Values(ours, theirs) if request.preset == Preset::Tfdv => {
                let measure = measure.and_then(tfdv::Measure::named);
                let chosen = measure.unwrap_or_else(|| tfdv::default_measure(ours.kind()));
                let threshold = request.threshold(Some(column), chosen.name());
                tfdv::compare(ours, theirs, measure, threshold)
            }
            Self::Values(ours, theirs) => {
                let measure = measure.and_then(evidently::Measure::named);
                let chosen = measure.unwrap_or_else(|| evidently::default_measure(ours, theirs));
                let threshold = request.threshold(Some(column), chosen.name());
                evidently::compare(ours, theirs, measure, threshold)
            }
        };
        outcome.map_err(|error| error.to_string())
    }
}
