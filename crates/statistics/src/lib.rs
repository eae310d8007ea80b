//! Mergeable column profiles: what Driftline knows about a column of data.
