//! A pipeline's YAML, and one evaluation of it, from sources to verdict.
