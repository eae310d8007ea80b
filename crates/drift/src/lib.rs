//! How far a window is from the baseline, and whether that is surprising.
