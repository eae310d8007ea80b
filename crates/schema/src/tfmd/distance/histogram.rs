//! The divergence of two histograms whose boundaries differ.
//!
//! Both are cut at the union of their boundaries, the mass of a bucket spread evenly
//! over it. What has no width is kept apart: a bucket of one value is compared by that
//! value; infinities and NaN of one side match nothing of the other, since they equal
//! nothing, themselves included. Where the boundaries of both sides differ, so that buckets
//! have to be cut, NaN is left out, as TFDV 1.16.1 does.

use super::{NotComparable, divergence};
use crate::tfmd::Histogram;
use std::collections::{BTreeMap, BTreeSet};

/// A number that orders; what is not finite never becomes one.
#[derive(Clone, Copy)]
struct Finite(f64);

impl PartialEq for Finite {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Finite {}

impl PartialOrd for Finite {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Finite {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // Zero has one sign here, so that -0 and 0 are the same boundary.
        (self.0 + 0.0).total_cmp(&(other.0 + 0.0))
    }
}

/// A histogram by the shape of its buckets.
#[derive(Default)]
struct Parts {
    /// Lower boundary, upper boundary, mass; in the order of the file.
    wide: Vec<(f64, f64, f64)>,
    points: BTreeMap<Finite, f64>,
    infinite: f64,
    nan: f64,
}

impl Parts {
    fn boundaries(&self) -> impl Iterator<Item = Finite> {
        (self.wide.iter()).flat_map(|&(low, high, _)| [Finite(low), Finite(high)])
    }
}

#[expect(clippy::cast_precision_loss, reason = "a count of values")]
fn parts(histogram: &Histogram) -> Parts {
    let mut parts = Parts {
        nan: histogram.num_nan as f64,
        ..Parts::default()
    };
    for bucket in &histogram.buckets {
        let (low, high, mass) = (bucket.low_value, bucket.high_value, bucket.sample_count);
        if !low.is_finite() || !high.is_finite() {
            parts.infinite += mass;
        } else if low < high {
            parts.wide.push((low, high, mass));
        } else {
            *parts.points.entry(Finite(low)).or_default() += mass;
        }
    }
    parts
}

/// The divergence in bits of two histograms of the same kind.
///
/// # Errors
/// [`NotComparable::Mixed`] for two kinds, [`NotComparable::Empty`] where one holds
/// nothing.
pub(super) fn jensen_shannon(a: &Histogram, b: &Histogram) -> Result<f64, NotComparable> {
    if a.r#type() != b.r#type() {
        return Err(NotComparable::Mixed);
    }
    let (a, b) = (parts(a), parts(b));
    let boundaries: BTreeSet<Finite> = a.boundaries().chain(b.boundaries()).collect();
    let are_cut = [&a, &b].map(|parts| parts.boundaries().collect::<BTreeSet<_>>() != boundaries);
    let boundaries: Vec<f64> = boundaries.into_iter().map(|boundary| boundary.0).collect();
    let mut pairs: Vec<(f64, f64)> = masses(&a.wide, &boundaries)
        .into_iter()
        .zip(masses(&b.wide, &boundaries))
        .collect();
    let mut points: BTreeMap<Finite, (f64, f64)> = BTreeMap::new();
    for (&value, &mass) in &a.points {
        points.entry(value).or_default().0 = mass;
    }
    for (&value, &mass) in &b.points {
        points.entry(value).or_default().1 = mass;
    }
    pairs.extend(points.into_values());
    pairs.extend([(a.infinite, 0.0), (0.0, b.infinite)]);
    if are_cut == [false, false] {
        pairs.extend([(a.nan, 0.0), (0.0, b.nan)]);
    }
    divergence(pairs.iter().copied()).ok_or(NotComparable::Empty)
}

/// The mass between each boundary and the next.
fn masses(wide: &[(f64, f64, f64)], boundaries: &[f64]) -> Vec<f64> {
    let mut masses = vec![0.0; boundaries.len().saturating_sub(1)];
    for &(low, high, mass) in wide {
        let first = boundaries.partition_point(|&boundary| boundary < low);
        for (slot, ends) in masses
            .iter_mut()
            .zip(boundaries.windows(2))
            .skip(first)
            .take_while(|(_, ends)| ends[0] < high)
        {
            // Halves, so that the width of the widest bucket stays finite.
            *slot += mass * ((ends[1] / 2.0 - ends[0] / 2.0) / (high / 2.0 - low / 2.0));
        }
    }
    masses
}
