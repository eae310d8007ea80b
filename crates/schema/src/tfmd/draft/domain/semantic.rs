//! A domain that the profile found by the look of the values, as a custom statistic.

use crate::tfmd::custom_statistic::Val;
use crate::tfmd::{CustomStatistic, Feature, from_text};

/// The custom statistic; its text is a feature of which only the domain is set.
const DOMAIN_INFO: &str = "domain_info";

/// Takes the domain over, unless the feature has one; whether it did. What is there
/// twice, or says anything but one domain, is passed over.
pub(crate) fn adopt(custom: &[CustomStatistic], feature: &mut Feature) -> bool {
    if feature.domain_info.is_some() {
        return false;
    }
    let mut texts = custom
        .iter()
        .filter(|statistic| statistic.name == DOMAIN_INFO)
        .filter_map(|statistic| match &statistic.val {
            Some(Val::Str(text)) if !text.is_empty() => Some(text.as_str()),
            _ => None,
        });
    let (Some(text), None) = (texts.next(), texts.next()) else {
        return false;
    };
    let Ok(mut found) = from_text::<Feature>(DOMAIN_INFO, text) else {
        return false;
    };
    let domain = found.domain_info.take();
    if domain.is_none() || found != Feature::default() {
        return false;
    }
    feature.domain_info = domain;
    true
}
