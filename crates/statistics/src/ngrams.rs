//! Counts of n-grams of units.
