//! Images: which share of them can be read, and how large they may be.

use crate::tfmd::ImageDomain;
use crate::tfmd::anomaly_info::{Reason, Type};
use crate::tfmd::custom_statistic::Val;
use crate::tfmd::number_text::six_decimals;
use crate::tfmd::reason::reason;
use crate::tfmd::view::FeatureView;

/// The custom statistic that counts images by format, and its label for what is none.
const FORMATS: &str = "image_format_histogram";
const UNKNOWN: &str = "UNKNOWN";

pub(crate) fn update(view: FeatureView<'_>, domain: &mut ImageDomain) -> Vec<Reason> {
    let mut reasons = Vec::new();
    if let (Some(limit), Some(share)) = (domain.minimum_supported_image_fraction, readable(view))
        && share < limit
    {
        domain.minimum_supported_image_fraction = Some(share);
        reasons.push(reason(
            Type::LowSupportedImageFraction,
            "Low supported image fraction",
            format!(
                "Fraction of values containing TensorFlow supported images: {} is lower than the \
                 threshold set in the Schema: {}.",
                six_decimals(f64::from(share)),
                six_decimals(f64::from(limit))
            ),
        ));
    }
    let largest = view.bytes().map_or(0, |bytes| bytes.max_num_bytes_int);
    if let Some(limit) = domain.max_image_byte_size
        && largest > limit
    {
        domain.max_image_byte_size = Some(largest);
        reasons.push(reason(
            Type::MaxImageByteSizeExceeded,
            "Num bytes exceeds the max byte size.",
            format!(
                "The largest image has bytes: {largest}. The max allowed byte size is: {limit}."
            ),
        ));
    }
    reasons
}

/// The share of images of a known format; none where the statistics do not count them.
fn readable(view: FeatureView<'_>) -> Option<f32> {
    let Some(Val::RankHistogram(formats)) = &view.custom_named(FORMATS)?.val else {
        return None;
    };
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the limit is of single precision"
    )]
    let (known, unknown) = formats
        .buckets
        .iter()
        .fold((0.0_f32, 0.0_f32), |sum, bucket| {
            let count = bucket.sample_count as f32;
            if bucket.label == UNKNOWN {
                (sum.0, sum.1 + count)
            } else {
                (sum.0 + count, sum.1)
            }
        });
    Some(known / (known + unknown))
}
