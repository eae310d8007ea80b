//! What data should look like: infers a schema from a profile and checks a profile against it.
