//! Columns that move together: what happened to them is one thing, and worth one line.
//!
//! The draws of a card look at the same stretches of the baseline in all columns, so how far two tests went
//! up and down together in ordinary times can be read off it: Spearman's rank correlation of their draws.
//! Temperature and felt temperature, a code and its name, an amount and the amount with tax are near 1;
//! what only drifts at the same time as something else, for the first time, is not.

use crate::{ColumnKey, Judgement, Measure, Measurement, ThresholdCard};
use std::collections::BTreeMap;

/// From this rank correlation on two tests move together: four fifths of 30 and more windows are beyond
/// chance by far (p < 10⁻⁷), and of ten by p = 0.003.
const TOGETHER: f64 = 0.8;

/// Of the columns that are told of a window, over all rows, those that move with another one, by the
/// name of that: the one that went furthest beyond its least effect.
pub fn companions(card: &ThresholdCard, measurements: &[Measurement]) -> BTreeMap<String, String> {
    let is_told =
        |m: &&Measurement| matches!(m.judgement, Judgement::Fail | Judgement::Significant);
    let mut told: Vec<&Measurement> = measurements
        .iter()
        .filter(|m| m.slice.is_none())
        .filter(is_told)
        .collect();
    let beyond = |m: &Measurement| {
        let failing = m.judgement == Judgement::Fail;
        (
            failing,
            m.effect_lower.unwrap_or(0.0) / m.min_effect.max(1e-12),
        )
    };
    told.sort_by(|a, b| {
        let ((a_fails, a), (b_fails, b)) = (beyond(a), beyond(b));
        b_fails.cmp(&a_fails).then(b.total_cmp(&a))
    });
    let mut leading: Vec<&Measurement> = Vec::new();
    let mut found = BTreeMap::new();
    for measurement in told {
        let column = &measurement.column;
        if found.contains_key(column) || leading.iter().any(|one| one.column == *column) {
            continue;
        }
        let tests = |m: &Measurement| (ColumnKey::whole(m.column.clone()), m.measure);
        let of = tests(measurement);
        let leader = leading
            .iter()
            .find(|one| correlation(card, &tests(one), &of).is_some_and(|r| r >= TOGETHER));
        match leader {
            Some(leader) => drop(found.insert(column.clone(), leader.column.clone())),
            None => leading.push(measurement),
        }
    }
    found
}

/// Spearman's rank correlation of the draws of two tests (Spearman 1904); `None` where one has none, or does
/// not vary.
fn correlation(
    card: &ThresholdCard,
    one: &(ColumnKey, Measure),
    other: &(ColumnKey, Measure),
) -> Option<f64> {
    let draws = |(key, measure): &(ColumnKey, Measure)| Some(&card.test(key, *measure)?.draws);
    let (one, other) = (draws(one)?, draws(other)?);
    if one.len() != other.len() || one.is_empty() {
        return None;
    }
    let (one, other) = (ranks(one), ranks(other));
    let middle = (one.len() as f64 - 1.0) / 2.0;
    let product = |a: &[f64], b: &[f64]| -> f64 {
        let pairs = a.iter().zip(b);
        pairs.map(|(a, b)| (a - middle) * (b - middle)).sum()
    };
    let spread = (product(&one, &one) * product(&other, &other)).sqrt();
    (spread > 0.0).then(|| product(&one, &other) / spread)
}

/// The place of each value in their order, from 0; equal ones share the mean of theirs.
fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|a, b| values[*a].total_cmp(&values[*b]));
    let mut ranks = vec![0.0; values.len()];
    let mut first = 0;
    for equal in order.chunk_by(|a, b| values[*a].total_cmp(&values[*b]).is_eq()) {
        for at in equal {
            ranks[*at] = first as f64 + (equal.len() - 1) as f64 / 2.0;
        }
        first += equal.len();
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_shared_by_equal_values() {
        assert_eq!(ranks(&[3.0, 1.0, 3.0, 2.0]), [2.5, 0.0, 2.5, 1.0]);
        assert!(ranks(&[]).is_empty());
    }
}
