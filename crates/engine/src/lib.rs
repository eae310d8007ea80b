//! Reads sources and runs profiles, scores and text functions as DataFusion plans.
