//! What can go wrong when a report is rendered.

/// An error of this crate.
#[derive(Debug, thiserror::Error)]
pub enum VerdictError {
    /// A report could not be rendered.
    #[error("the {format} report could not be rendered: {reason}")]
    Render {
        /// Which report.
        format: &'static str,
        /// What the renderer said.
        reason: String,
    },
}
