//! Histograms as messages.

use crate::tfmd::{
    Histogram, RankHistogram,
    histogram::{Bucket, HistogramType},
    rank_histogram,
};
use driftline_statistics::features::{self, Counted, HistogramKind};

pub(super) fn message(histogram: &features::Histogram) -> Histogram {
    let kind = match histogram.kind {
        HistogramKind::Standard => HistogramType::Standard,
        HistogramKind::Quantiles => HistogramType::Quantiles,
    };
    let buckets = histogram.buckets.iter();
    Histogram {
        num_nan: histogram.nan,
        r#type: kind.into(),
        buckets: buckets
            .map(|bucket| Bucket {
                low_value: bucket.low,
                high_value: bucket.high,
                sample_count: bucket.weight,
            })
            .collect(),
        ..Histogram::default()
    }
}

/// Labels by rank; buckets that are not numbered leave both ranks at 0.
pub(super) fn ranks(values: &[Counted], numbered: bool) -> RankHistogram {
    let buckets = values.iter().enumerate();
    RankHistogram {
        buckets: buckets
            .map(|(rank, value)| {
                let rank = if numbered { rank as u64 } else { 0 };
                rank_histogram::Bucket {
                    low_rank: rank,
                    high_rank: rank,
                    label: value.label.clone(),
                    sample_count: value.count,
                }
            })
            .collect(),
        ..RankHistogram::default()
    }
}
