//! What stands in the hashed cells that a text's drift is told by.
//!
//! Distances of text are of cells that pairs of units are hashed into, which tell nobody
//! anything. Where terms are sought the window's pairs are counted as well, so a cell can go
//! by the name of what is most frequent in it.

use driftline_drift::Measurement;
use driftline_statistics::{ngrams::NgramCounts, text};
use std::collections::BTreeMap;

/// A pair that makes up at least this share of its cell stands for it alone.
const ALONE: f64 = 0.9;

/// Names the cells of what is to be told of a text column by their most frequent pairs in
/// the window. A cell of which the window has nothing keeps its number.
pub(crate) fn name_cells(measurements: &mut [Measurement], column: &str, counts: &NgramCounts) {
    let told = |m: &&mut Measurement| m.column == column && m.effect_lower.is_some();
    let mut named: BTreeMap<u16, (u32, String)> = BTreeMap::new();
    let wanted = measurements.iter_mut().filter(told);
    for cell in wanted.flat_map(|m| m.evidence.iter().filter_map(|evidence| evidence.cell)) {
        named.insert(cell, (0, String::new()));
    }
    if named.is_empty() {
        return;
    }
    for pair in counts.ngrams_of_length(2) {
        if let Some(most) = named.get_mut(&text::cell(pair.unit_hashes()))
            && pair.count() > most.0
        {
            *most = (pair.count(), pair.text());
        }
    }
    for evidence in measurements
        .iter_mut()
        .filter(told)
        .flat_map(|m| &mut m.evidence)
    {
        let Some((count, pair)) = evidence.cell.and_then(|cell| named.get(&cell)) else {
            continue;
        };
        if *count > 0 {
            evidence.label = match f64::from(*count) >= ALONE * evidence.window_count as f64 {
                true => pair.clone(),
                false => format!("{pair} and others"),
            };
            evidence.cell = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use driftline_drift::{Evidence, Measure, WindowNull, WindowValue};
    use driftline_statistics::{ngrams::NgramConfig, units::UnitReader};

    fn cell_of(pair: &str) -> u16 {
        let mut reader = UnitReader::default();
        reader.read(pair);
        let run = reader.runs().next().unwrap();
        text::cell(run.units().iter().map(|unit| unit.hash))
    }

    #[test]
    fn a_cell_goes_by_its_most_frequent_pair() {
        let mut counts = NgramCounts::new(NgramConfig::window());
        for said in ["天气好", "天气坏", "下雨"] {
            counts.update(said, 0, None);
        }
        let cells = [cell_of("天气"), cell_of("下雨"), cell_of("昨天")];
        let evidence = cells
            .iter()
            .zip([2, 9, 0])
            .map(|(&cell, window_count)| Evidence {
                label: format!("units of cell {cell}"),
                cell: Some(cell),
                baseline_count: 0,
                window_count,
                baseline_share: 0.0,
                window_share: 0.0,
                contribution: 0.0,
            });
        let null = WindowNull {
            windows: 20,
            size: 100,
            values: (0..20).map(f64::from).collect(),
            least_spread: 0.1,
        };
        let value = WindowValue {
            column: "text".to_owned(),
            measure: Measure::GTest,
            value: Ok(99.0),
            size: 100,
            evidence: evidence.collect(),
            min_effect: (0.1, false),
            rows: (100, 100),
        };
        let mut measurements = [null.judge(value, 0.01)];
        name_cells(&mut measurements, "title", &counts);
        assert!(measurements[0].evidence.iter().all(|e| e.cell.is_some()));
        name_cells(&mut measurements, "text", &counts);
        let labels: Vec<&str> = measurements[0]
            .evidence
            .iter()
            .map(|evidence| evidence.label.as_str())
            .collect();
        let unnamed = format!("units of cell {}", cells[2]);
        assert_eq!(labels, ["天气", "下雨 and others", &unnamed]);
    }
}
