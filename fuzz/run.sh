#!/usr/bin/env bash
# Fuzzes Driftline's readers: run.sh [--seconds N] [TARGET …]
#
# Without targets, those that need no query engine are run, one after the other; targets
# with it are named, or all of them by `engine`. Needs a C++ compiler (for libFuzzer) and
# nothing but a stable Rust: coverage is a pass of LLVM. What was found is kept in corpus/,
# what made a target fail in crashes/; a failure ends the run with its message.
set -euo pipefail
cd "$(dirname "$0")"
seconds=60
if [ "${1:-}" = --seconds ]; then seconds=$2; shift 2; fi
light=(schema_yaml schema_pbtxt schema_pb statistics_pbtxt statistics_pb validation_config profile_state ngram_state)
engine=(pipeline_yaml model_manifest csv jsonl tfrecord parquet arrow profile_file vocabulary)
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=("${light[@]}")
[ "${targets[*]}" != engine ] || targets=("${engine[@]}")
features=()
for target in "${targets[@]}"; do
    for heavy in "${engine[@]}"; do [ "$target" != "$heavy" ] || features=(--features engine); done
done
# What cargo-fuzz passes, without a sanitizer, which only a nightly Rust has: safe Rust
# panics where C++ would need one.
host=$(rustc -vV | sed -n 's/^host: //p')
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=1"
bins=()
for target in "${targets[@]}"; do bins+=(--bin "$target"); done
# With a target, build scripts and macros are not instrumented.
cargo build --release --target "$host" "${features[@]}" "${bins[@]}"
folder=${CARGO_TARGET_DIR:-target}/$host/release
for target in "${targets[@]}"; do
    mkdir -p "corpus/$target" crashes
    seeds=()
    [ ! -d "seeds/$target" ] || seeds=("seeds/$target")
    echo "== $target, $seconds s"
    "$folder/$target" "corpus/$target" ${seeds[@]+"${seeds[@]}"} -max_total_time="$seconds" -max_len=8192 \
        -timeout=10 -rss_limit_mb=2048 -artifact_prefix="crashes/$target-" -print_final_stats=1 2>&1 |
        tail -n 12
done
