#!/usr/bin/env bash
# Takes every figure that docs/src/explanation/figures.md quotes, in release, and keeps
# tables and JSON in target/benches/. About half an hour on two cores, most
# of it the build. Give names to take some only: benches/run.sh profile quickstart
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release -p driftline -p driftline-benches
target=${CARGO_TARGET_DIR:-target}
mkdir -p "$target/benches"
for name in ${*:-quickstart profile compare term_finder false_alarms power known_drift terms killed polling outbox cold_start}; do
    "$target/release/$name" --json "$target/benches/$name.json" | tee "$target/benches/$name.md"
done
