//! What can go wrong when profiles are merged or read back.

/// An error of this crate.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatisticsError {
    /// Two profiles of one column hold different kinds of values.
    #[error(
        "a profile of {left} values cannot be merged with one of {right} values; cast the column to one type in `prepare`"
    )]
    KindMismatch {
        /// Kind of the profile merged into.
        left: &'static str,
        /// Kind of the other profile.
        right: &'static str,
    },
    /// Bytes that are no profile state, or were cut or changed on the way.
    #[error("these bytes are no profile state: {reason}; make the profile again from its source")]
    Corrupt {
        /// What did not fit.
        reason: String,
    },
    /// State written by a newer version of the format.
    #[error(
        "the profile state has format version {found}, this build reads up to {supported}; use a newer build"
    )]
    Version {
        /// The version found in the bytes.
        found: u8,
        /// The greatest version that this build reads.
        supported: u8,
    },
}
