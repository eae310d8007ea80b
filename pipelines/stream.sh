#!/usr/bin/env bash
# The example of a topic: a broker on this machine, the titles of a year as its messages, and a
# server that judges them. Arguments: rows a second (500), the folder of the programs
# (target/release), built by
#   cargo build --release -p driftline --features kafka
#   cargo build --release -p driftline-benches --example replay
set -euo pipefail
cd "$(dirname "$0")/.."
rate=${1:-500}
programs=${2:-${CARGO_TARGET_DIR:-target}/release}
said=$(mktemp)
"$programs/examples/replay" fixtures/weibo/weibo-hot-search-2023.parquet \
    --topic titles --rate "$rate" --prepare 'SELECT * FROM source ORDER BY date' >"$said" &
broker=$!
trap 'kill $broker 2>/dev/null; rm -f "$said"' EXIT
until grep -q '^BROKERS=' "$said"; do
    kill -0 $broker || exit 1
    sleep 0.1
done
BROKERS=$(sed -n 's/^BROKERS=//p' "$said")
export BROKERS
echo "broker: $BROKERS"
"$programs/driftline" serve pipelines/stream.yaml --store "${DRIFTLINE_STORE:-sqlite://stream.db}"
