//! The counts of this folder as statistics that plug into those of a table, with the
//! names that TFDV gives them.

use super::{
    EmptyValues, ImageFormats, ImageReader, LEAST_VALUES, LanguageShare, MATCH_SHARE, MagicBytes,
    TimeFormats, is_prose,
};
use crate::{
    StatisticsError,
    features::{Counted, CustomStatistic, CustomValue, FeatureGenerator, FeaturePath, FeatureRows},
};
use std::{fmt, sync::Arc};

/// The name by which a schema finds the domain that is proposed.
const DOMAIN: &str = "domain_info";

/// Proposes a time domain: `TimeStatsGenerator`.
#[derive(Debug, Clone, PartialEq)]
pub struct TimeGenerator {
    /// Values needed.
    pub least_values: u64,
    /// Share of them that must be of one format.
    pub match_share: f64,
}

impl Default for TimeGenerator {
    fn default() -> Self {
        Self {
            least_values: LEAST_VALUES,
            match_share: MATCH_SHARE,
        }
    }
}

impl FeatureGenerator for TimeGenerator {
    type State = TimeFormats;

    fn start(&self, _: &FeaturePath) -> TimeFormats {
        TimeFormats::default()
    }

    fn update(
        &self,
        state: &mut TimeFormats,
        rows: &FeatureRows<'_>,
    ) -> Result<(), StatisticsError> {
        if let Some(feature_type) = rows.feature_type {
            state.update(feature_type, &rows.nested.values);
        }
        Ok(())
    }

    fn merge(&self, state: &mut TimeFormats, other: TimeFormats) {
        state.merge(&other);
    }

    fn finish(&self, _: &FeaturePath, state: &TimeFormats) -> Vec<CustomStatistic> {
        match state.format_by(self.least_values, self.match_share) {
            None => Vec::new(),
            Some((format, share)) => vec![
                CustomStatistic::text(DOMAIN, format.to_string()),
                CustomStatistic::number("time_match_ratio", share),
            ],
        }
    }

    fn size_bytes(&self, _: &TimeFormats) -> usize {
        // A value can match few of the formats, and a feature few more.
        size_of::<TimeFormats>() + 128
    }
}

/// Whether a value is prose, and whether it is told as text or as bytes that may be.
pub type ProseTest = Arc<dyn Fn(&str, bool) -> bool + Send + Sync>;

/// Proposes a natural language domain: `NLDomainInferringStatsGenerator`.
#[derive(Clone)]
pub struct LanguageGenerator {
    /// Values needed.
    pub least_values: u64,
    /// Share of them that must be prose.
    pub match_share: f64,
    /// What prose is.
    pub prose: ProseTest,
}

impl fmt::Debug for LanguageGenerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LanguageGenerator")
            .field("least_values", &self.least_values)
            .field("match_share", &self.match_share)
            .finish_non_exhaustive()
    }
}

impl Default for LanguageGenerator {
    fn default() -> Self {
        Self {
            least_values: LEAST_VALUES,
            match_share: MATCH_SHARE,
            prose: Arc::new(is_prose),
        }
    }
}

impl FeatureGenerator for LanguageGenerator {
    type State = LanguageShare;

    fn start(&self, _: &FeaturePath) -> LanguageShare {
        LanguageShare::default()
    }

    fn update(
        &self,
        state: &mut LanguageShare,
        rows: &FeatureRows<'_>,
    ) -> Result<(), StatisticsError> {
        if let Some(feature_type) = rows.feature_type {
            state.update_by(feature_type, &rows.nested.values, &*self.prose);
        }
        Ok(())
    }

    fn merge(&self, state: &mut LanguageShare, other: LanguageShare) {
        state.merge(&other);
    }

    fn finish(&self, _: &FeaturePath, state: &LanguageShare) -> Vec<CustomStatistic> {
        match state.share_by(self.least_values, self.match_share) {
            None => Vec::new(),
            Some(share) => vec![
                CustomStatistic::text(DOMAIN, "natural_language_domain {}"),
                CustomStatistic::number("natural_language_match_rate", share),
            ],
        }
    }

    fn size_bytes(&self, _: &LanguageShare) -> usize {
        size_of::<LanguageShare>()
    }
}

/// Proposes an image domain: `ImageStatsGenerator`.
#[derive(Clone)]
pub struct ImageGenerator {
    /// Values needed.
    pub least_values: u64,
    /// Share of them that must be images.
    pub match_share: f64,
    /// Whether sizes are told (`enable_size_stats`).
    pub sizes: bool,
    /// What tells an image.
    pub reader: Arc<dyn ImageReader + Send + Sync>,
}

impl fmt::Debug for ImageGenerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ImageGenerator")
            .field("least_values", &self.least_values)
            .field("match_share", &self.match_share)
            .field("sizes", &self.sizes)
            .finish_non_exhaustive()
    }
}

impl Default for ImageGenerator {
    fn default() -> Self {
        Self {
            least_values: LEAST_VALUES,
            match_share: MATCH_SHARE,
            sizes: false,
            reader: Arc::new(MagicBytes),
        }
    }
}

impl FeatureGenerator for ImageGenerator {
    type State = ImageFormats;

    fn start(&self, _: &FeaturePath) -> ImageFormats {
        ImageFormats::default()
    }

    fn update(
        &self,
        state: &mut ImageFormats,
        rows: &FeatureRows<'_>,
    ) -> Result<(), StatisticsError> {
        if let Some(feature_type) = rows.feature_type {
            state.update(feature_type, &rows.nested.values, &*self.reader, self.sizes);
        }
        Ok(())
    }

    fn merge(&self, state: &mut ImageFormats, other: ImageFormats) {
        state.merge(&other);
    }

    fn finish(&self, _: &FeaturePath, state: &ImageFormats) -> Vec<CustomStatistic> {
        if !state.are_images_by(self.least_values, self.match_share) {
            return Vec::new();
        }
        let labels = state.formats().into_iter().map(|(label, count)| Counted {
            label: label.to_owned(),
            count: count as f64,
        });
        let mut found = vec![
            CustomStatistic::text(DOMAIN, "image_domain {}"),
            CustomStatistic {
                name: "image_format_histogram".into(),
                value: CustomValue::Ranks {
                    labels: labels.collect(),
                    numbered: false,
                },
            },
        ];
        if self.sizes {
            let (width, height) = state.most();
            found.push(CustomStatistic::number("image_max_width", width as f64));
            found.push(CustomStatistic::number("image_max_height", height as f64));
        }
        found
    }

    fn size_bytes(&self, _: &ImageFormats) -> usize {
        size_of::<ImageFormats>() + 256
    }
}

/// Counts values that stand for nothing: `EmptyValueCounterGenerator`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct EmptyValueGenerator;

impl FeatureGenerator for EmptyValueGenerator {
    type State = EmptyValues;

    fn start(&self, _: &FeaturePath) -> EmptyValues {
        EmptyValues::default()
    }

    fn update(
        &self,
        state: &mut EmptyValues,
        rows: &FeatureRows<'_>,
    ) -> Result<(), StatisticsError> {
        if let Some(feature_type) = rows.feature_type {
            state.update(feature_type, rows.nested);
        }
        Ok(())
    }

    fn merge(&self, state: &mut EmptyValues, other: EmptyValues) {
        state.merge(&other);
    }

    fn finish(&self, _: &FeaturePath, state: &EmptyValues) -> Vec<CustomStatistic> {
        let counts = state.counts().into_iter();
        counts
            .map(|(name, count)| CustomStatistic::number(name, count as f64))
            .collect()
    }

    fn size_bytes(&self, _: &EmptyValues) -> usize {
        size_of::<EmptyValues>()
    }
}
