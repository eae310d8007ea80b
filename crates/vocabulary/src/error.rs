//! What can go wrong when a vocabulary is read back.

/// An error of this crate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VocabularyError {
    /// Bytes that are no vocabulary, or were cut or changed on the way.
    #[error("these bytes are no vocabulary: {reason}; make the baseline again from its source")]
    Corrupt {
        /// What did not fit.
        reason: String,
    },
    /// A vocabulary written by a newer version of the format.
    #[error(
        "the vocabulary has format version {found}, this build reads up to {supported}; use a newer build"
    )]
    Version {
        /// The version found in the bytes.
        found: u8,
        /// The greatest version that this build reads.
        supported: u8,
    },
}
