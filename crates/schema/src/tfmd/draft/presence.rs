//! How often a feature has to be there.

use crate::tfmd::FeaturePresence;
use crate::tfmd::anomaly_info::{Reason, Type};
use crate::tfmd::number_text::{six_decimals, six_digits};
use crate::tfmd::reason::reason;
use crate::tfmd::view::FeatureView;

const DROPPED: &str = "Column dropped";

/// What `min_fraction` becomes where so few examples lack the feature that their share
/// is lost in rounding: a value far enough below 1 to be told from it.
const ALMOST_EVERYWHERE: f64 = 0.9999;

pub(crate) fn update(view: FeatureView<'_>, presence: &mut FeaturePresence) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let present = view.present();
    if let Some(min_count) = presence.min_count {
        #[expect(clippy::cast_precision_loss, reason = "TFDV compares doubles")]
        let expected = min_count as f64;
        if present < expected {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a part of an example is none; the cast saturates"
            )]
            let actual = present as i64;
            presence.min_count = Some(actual);
            reasons.push(reason(
                Type::FeatureTypeLowNumberPresent,
                DROPPED,
                format!(
                    "The feature was present in fewer examples than expected: \
                     minimum count = {min_count}, actual = {actual}"
                ),
            ));
        }
    }
    let (Some(min_fraction), Some(fraction)) = (presence.min_fraction, view.fraction_present())
    else {
        return reasons;
    };
    if fraction < min_fraction {
        #[expect(
            clippy::cast_possible_truncation,
            reason = "the message shows single precision, as TFDV's does"
        )]
        let shown = f64::from(min_fraction as f32);
        presence.min_fraction = Some(fraction);
        reasons.push(reason(
            Type::FeatureTypeLowFractionPresent,
            DROPPED,
            format!(
                "The feature was present in fewer examples than expected: \
                 minimum fraction = {}, actual = {}",
                six_decimals(shown),
                six_decimals(fraction)
            ),
        ));
    }
    let everywhere = presence
        .min_fraction
        .is_some_and(|fraction| fraction.to_bits() == 1.0_f64.to_bits());
    if everywhere && view.missing() != 0.0 {
        presence.min_fraction = Some(ALMOST_EVERYWHERE);
        reasons.push(reason(
            Type::FeatureTypeLowFractionPresent,
            DROPPED,
            format!(
                "The feature was expected everywhere, but was missing in {} examples.",
                six_digits(view.missing())
            ),
        ));
    }
    reasons
}
