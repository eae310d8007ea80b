//! Every measurement, one a line.

use super::{
    Measured, MeasuredWindow, PresetRequest,
    run::{DRIFT_SHARE, Drifted},
    tool,
};
use driftline_drift::preset::State;
use driftline_verdict::{FindingKind, Run, Window, report::aligned};
use std::collections::BTreeSet;

/// A number with six significant digits, enough to be compared with the tool's own.
pub(crate) fn number(value: f64) -> String {
    if !value.is_finite() {
        return if value.is_nan() { "NaN" } else { "infinite" }.to_owned();
    }
    driftline_drift::grid::number(value)
}

/// What the value is compared with, in words.
pub(crate) fn against(measured: &Measured) -> String {
    match (measured.p_value, measured.threshold, measured.lower) {
        // Where the tool prints the p-value itself.
        (Some(p), Some(level), _) if p.total_cmp(&measured.value).is_eq() => {
            format!(" (a p-value), level {}", number(level))
        }
        (Some(p), Some(level), _) => format!(", p = {}, level {}", number(p), number(level)),
        (Some(p), None, _) => format!(", p = {}, level 0.05", number(p)),
        (None, Some(upper), Some(lower)) => {
            format!(", limits {} to {}", number(lower), number(upper))
        }
        (None, Some(threshold), None) => format!(", threshold {}", number(threshold)),
        (None, None, Some(lower)) => format!(", at least {}", number(lower)),
        (None, None, None) => String::new(),
    }
}

fn limit(measured: &Measured) -> String {
    let upper = measured.threshold.map(number);
    match (measured.lower.map(number), upper) {
        (Some(lower), Some(upper)) => format!("{lower} to {upper}"),
        (Some(lower), None) => format!("from {lower}"),
        (None, upper) => upper.unwrap_or_default(),
    }
}

fn state(state: State) -> &'static str {
    match state {
        State::NoDrift => "no",
        State::PossibleDrift => "possible",
        State::Drift => "yes",
        State::NoThreshold => "not judged",
    }
}

fn name(measured: &Measured) -> String {
    match (&measured.column, measured.kind) {
        (Some(column), _) => column.clone(),
        (None, FindingKind::Performance) => "(performance)".into(),
        (None, _) => "(all together)".into(),
    }
}

fn line(cells: &[&str]) -> Vec<String> {
    cells.iter().map(|cell| (*cell).to_owned()).collect()
}

/// The outcome in a line, then every measurement, then what was not evaluated and what is
/// to be known.
pub(crate) fn table(request: &PresetRequest, run: &Run, windows: &[MeasuredWindow]) -> String {
    let verdict = run.verdict.name();
    let tool = tool(request.preset);
    let mut text = match (&run.windows[..], windows) {
        ([], _) => format!("{verdict}: {tool} finds no rows\n"),
        ([only], [measured]) => whole(&format!("{verdict}: {tool}"), only, measured),
        (all, measured) => chunks(&format!("{verdict}: {tool}"), all, measured),
    };
    let missing: BTreeSet<String> = run
        .windows
        .iter()
        .flat_map(|window| &window.not_evaluated)
        .map(|missing| format!("not evaluated: {}: {}\n", missing.check, missing.reason))
        .collect();
    // The first note says which tool it is, which the first line does too.
    let notes = run.notes.iter().skip(1);
    let remarks: Vec<String> = missing
        .into_iter()
        .chain(notes.map(|note| format!("note: {note}\n")))
        .collect();
    if !remarks.is_empty() {
        text.push('\n');
        text.extend(remarks);
    }
    text
}

fn whole(head: &str, window: &Window, measured: &MeasuredWindow) -> String {
    let share = window
        .findings
        .iter()
        .find(|finding| finding.measure.as_deref() == Some(DRIFT_SHARE));
    let outcome = share.map_or("no column was judged", |finding| &finding.message);
    let mut rows = vec![line(&[
        "slice",
        "column",
        "measure",
        "value",
        "threshold",
        "p",
        "drift",
    ])];
    for measured in &measured.measured {
        rows.push(vec![
            measured.slice.clone().unwrap_or_default(),
            name(measured),
            measured.measure.clone(),
            number(measured.value),
            limit(measured),
            measured.p_value.map(number).unwrap_or_default(),
            state(measured.state).to_owned(),
        ]);
    }
    if measured.measured.iter().all(|one| one.slice.is_none()) {
        rows.iter_mut().for_each(|row| drop(row.remove(0)));
    }
    format!("{head}: {outcome}\n\n{}", aligned(&rows))
}

fn chunks(head: &str, windows: &[Window], measured: &[MeasuredWindow]) -> String {
    let alerting = measured
        .iter()
        .filter(|window| window.measured.iter().any(|m| m.state == State::Drift))
        .count();
    let shares: Vec<f64> = measured
        .iter()
        .filter_map(|window| Drifted::among(&window.measured).share())
        .collect();
    let greatest = shares.iter().copied().fold(0.0, f64::max);
    let mut identities: Vec<(String, String)> = Vec::new();
    for measured in measured.iter().flat_map(|window| &window.measured) {
        let identity = (name(measured), measured.measure.clone());
        if !identities.contains(&identity) {
            identities.push(identity);
        }
    }
    let mut rows = vec![line(&[
        "column", "measure", "limit", "least", "greatest", "alerts", "chunks",
    ])];
    for identity in identities {
        let by_chunk: Vec<Option<&Measured>> = measured
            .iter()
            .map(|window| {
                let mut all = window.measured.iter();
                all.find(|m| name(m) == identity.0 && m.measure == identity.1)
            })
            .collect();
        let values = || by_chunk.iter().flatten().map(|measured| measured.value);
        let alerts = by_chunk
            .iter()
            .flatten()
            .filter(|m| m.state == State::Drift);
        let marks: String = by_chunk
            .iter()
            .map(|measured| match measured {
                None => '?',
                Some(measured) if measured.state == State::Drift => '!',
                Some(_) => '.',
            })
            .collect();
        rows.push(vec![
            identity.0,
            identity.1,
            by_chunk
                .iter()
                .flatten()
                .next()
                .map(|m| limit(m))
                .unwrap_or_default(),
            number(values().fold(f64::INFINITY, f64::min)),
            number(values().fold(f64::NEG_INFINITY, f64::max)),
            format!("{} of {}", alerts.count(), windows.len()),
            marks,
        ]);
    }
    format!(
        "{head}: {alerting} of {} chunks with an alert; at most a share of {} of the columns in one\n\n{}",
        windows.len(),
        number(greatest),
        aligned(&rows)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_six_digits() {
        let shown = [0.0, 0.005_216_821_103, 12_345.678, 1.5e-9, f64::INFINITY].map(number);
        assert_eq!(
            shown,
            ["0", "0.00521682", "12345.7", "1.50000e-9", "infinite"]
        );
    }
}
