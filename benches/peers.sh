#!/usr/bin/env bash
# `driftline profile` beside decoding alone, DuckDB, whylogs and TFDV, on the same tables in one
# run; what docs/src/explanation/performance.md quotes. Tables are kept as Markdown and JSON
# in target/benches/.
#
#     benches/peers.sh [speed|tfdv|types|columns|memory|wide]...
#
# It makes its tables (`peers/tables.py`, up to 3 GB) and the environments of the other tools
# in target/benches/peers the first time. Half an hour for all on two cores. PEERS names
# another folder for both.
set -euo pipefail
cd "$(dirname "$0")/.."
target=${CARGO_TARGET_DIR:-target}
peers=${PEERS:-$target/benches/peers}
mkdir -p "$target/benches" "$peers"
cargo build --release -p driftline -p driftline-benches --bin driftline --bin peers
environment() {
    local folder=$peers/$1
    shift
    [ -x "$folder/bin/python" ] || {
        python3 -m venv "$folder"
        "$folder/bin/pip" install --quiet "$@" || { rm -r "$folder"; return 1; }
    }
}
environment duckdb 'duckdb==2.0.1' 'numpy==2.4.6' 'pyarrow==26.0.1'
environment whylogs 'whylogs==1.6.4' 'numpy<2' 'pandas<2.3' 'pyarrow<20' 'setuptools<81'
environment tfdv 'tensorflow-data-validation==1.16.1' 'tensorflow==2.16.2' 'apache-beam==2.72.0' 'dill==0.3.1.1' 'setuptools<70'
for what in ${*:-speed tfdv types columns memory wide}; do
    case $what in
    speed) tables=(rows_1m.parquet rows_1m.csv rows_10m.parquet) ;;
    tfdv) tables=(rows_1m.parquet rows_1m.csv) ;;
    types) tables=(by_type) ;;
    columns) tables=(columns_{200,1000,2000,10000}.parquet) ;;
    wide) tables=(wide_10m) ;;
    memory) tables=(rows_1m.parquet rows_10m.parquet rows_100m long_strings.parquet slices.parquet) ;;
    *) echo "no such measurement: $what (speed, tfdv, types, columns, memory, wide)" >&2 && exit 2 ;;
    esac
    "$peers/duckdb/bin/python" benches/peers/tables.py "$peers/tables" "${tables[@]}"
    "$target/release/peers" --tables "$peers/tables" --what "$what" \
        --duckdb "$peers/duckdb/bin/python" --whylogs "$peers/whylogs/bin/python" \
        --tfdv "$peers/tfdv/bin/python" \
        --json "$target/benches/peers_$what.json" | tee "$target/benches/peers_$what.md"
done
