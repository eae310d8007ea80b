//! Whether values are images, in which formats, and how large.
//!
//! TFDV, `image_stats_generator.py`: the format by the first bytes; sizes where asked.

use super::{LEAST_VALUES, MATCH_SHARE, byte_values};
use crate::features::FeatureType;
use arrow_array::{Array, ArrayRef};
use std::collections::BTreeMap;

/// What can be read of an image without decoding it.
pub trait ImageReader {
    /// The name of its format; `None` where the bytes are no image.
    fn format(&self, bytes: &[u8]) -> Option<String>;

    /// Its width and height in pixels, where they can be told.
    fn size(&self, bytes: &[u8]) -> Option<(u64, u64)>;
}

/// Formats by their first bytes, sizes by their headers.
#[derive(Debug, Clone, Copy, Default)]
pub struct MagicBytes;

/// The formats that `tf.image.decode_image` reads.
const SIGNATURES: [(&str, &[u8]); 4] = [
    ("bmp", b"BM"),
    ("gif", b"GIF8"),
    ("jpeg", b"\xff\xd8\xff"),
    ("png", b"\x89PNG\r\n\x1a\n"),
];

impl ImageReader for MagicBytes {
    fn format(&self, bytes: &[u8]) -> Option<String> {
        SIGNATURES
            .iter()
            .find(|(_, signature)| bytes.starts_with(signature))
            .map(|(name, _)| (*name).to_owned())
    }

    fn size(&self, bytes: &[u8]) -> Option<(u64, u64)> {
        let size = imagesize::blob_size(bytes).ok()?;
        Some((size.width as u64, size.height as u64))
    }
}

/// How many values were looked at, and what they are.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImageFormats {
    considered: u64,
    unknown: u64,
    formats: BTreeMap<String, u64>,
    most_width: u64,
    most_height: u64,
    invalid: bool,
}

impl ImageFormats {
    /// Adds the innermost values of a feature, with sizes where `sizes`. Values that are
    /// no strings rule images out for good.
    pub fn update(
        &mut self,
        feature_type: FeatureType,
        values: &ArrayRef,
        reader: &dyn ImageReader,
        sizes: bool,
    ) {
        if self.invalid {
            return;
        }
        if feature_type != FeatureType::String {
            self.invalid = true;
            return;
        }
        self.considered += values.len() as u64;
        self.unknown += values.null_count() as u64;
        for bytes in byte_values(values) {
            match reader.format(bytes) {
                None => self.unknown += 1,
                Some(format) => {
                    *self.formats.entry(format).or_default() += 1;
                    if sizes && let Some((width, height)) = reader.size(bytes) {
                        self.most_width = self.most_width.max(width);
                        self.most_height = self.most_height.max(height);
                    }
                }
            }
        }
    }

    /// Adds what was seen elsewhere.
    pub fn merge(&mut self, other: &Self) {
        self.considered += other.considered;
        self.unknown += other.unknown;
        for (format, count) in &other.formats {
            *self.formats.entry(format.clone()).or_default() += count;
        }
        self.most_width = self.most_width.max(other.most_width);
        self.most_height = self.most_height.max(other.most_height);
        self.invalid |= other.invalid;
    }

    /// Whether the feature holds images, by the usual bounds: 100 values, 0.8 of them
    /// images.
    pub fn are_images(&self) -> bool {
        self.are_images_by(LEAST_VALUES, MATCH_SHARE)
    }

    /// As [`are_images`](Self::are_images), with bounds of one's own.
    pub fn are_images_by(&self, least_values: u64, image_share: f64) -> bool {
        !self.invalid
            && self.considered >= least_values.max(1)
            && 1.0 - self.unknown as f64 / self.considered as f64 >= image_share
    }

    /// How many values are of each format, by name; values that are no images first,
    /// as `UNKNOWN`.
    pub fn formats(&self) -> Vec<(&str, u64)> {
        let unknown = (self.unknown > 0).then_some(("UNKNOWN", self.unknown));
        let known = self
            .formats
            .iter()
            .map(|(name, count)| (name.as_str(), *count));
        unknown.into_iter().chain(known).collect()
    }

    /// The greatest width and the greatest height, in pixels; zeros where no size was
    /// asked for or none could be told.
    pub fn most(&self) -> (u64, u64) {
        (self.most_width, self.most_height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::BinaryArray;
    use std::sync::Arc;

    /// The header of a PNG of 3 by 2 pixels (PNG specification, sections 5.2 and 11.2.2).
    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x03\0\0\0\x02\x08\x02\0\0\0";
    /// The header of a GIF of 5 by 7 pixels (GIF89a specification, section 18).
    const GIF: &[u8] = b"GIF89a\x05\0\x07\0\x80\0\0";

    fn of(values: &[&[u8]]) -> ImageFormats {
        let mut formats = ImageFormats::default();
        let array: ArrayRef = Arc::new(BinaryArray::from(values.to_vec()));
        formats.update(FeatureType::String, &array, &MagicBytes, true);
        formats
    }

    #[test]
    fn images_are_told_by_their_first_bytes() {
        let formats = of(&[PNG, PNG, GIF, b"\xff\xd8\xff\xe0", b"BM", b"no image", b""]);
        assert_eq!(
            formats.formats(),
            [
                ("UNKNOWN", 2),
                ("bmp", 1),
                ("gif", 1),
                ("jpeg", 1),
                ("png", 2)
            ]
        );
        assert_eq!(formats.most(), (5, 7));
        assert!(formats.are_images_by(7, 0.7));
        assert!(!formats.are_images_by(7, 0.8));
        assert!(!formats.are_images_by(8, 0.1));
    }

    #[test]
    fn nothing_is_no_image() {
        assert!(!ImageFormats::default().are_images_by(0, 0.0));
    }

    #[test]
    fn parts_merge_to_the_whole() {
        let mut merged = of(&[PNG, b"x"]);
        merged.merge(&of(&[GIF, PNG]));
        assert_eq!(merged, of(&[PNG, b"x", GIF, PNG]));
    }
}
