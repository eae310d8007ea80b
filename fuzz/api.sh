#!/usr/bin/env bash
# Sends whatever schemathesis comes up with to every operation of a server, by its own description: nothing may
# be answered 5xx, or otherwise than the description says. `.ci/run` does so with few examples.
# Needs Python with `pip install schemathesis==4.32.5`, and a server to be broken: give its address.
#   driftline serve pipelines/gate.yaml --store sqlite:///tmp/fuzz.db &
#   EXAMPLES=200 fuzz/api.sh http://127.0.0.1:8080
set -euo pipefail
server=${1:-http://127.0.0.1:8080}
# The stream never ends; what waits is asked for elsewhere.
exec schemathesis --config-file "$(dirname "$0")/schemathesis.toml" run "$server/api/openapi.json" \
    --checks not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance \
    --exclude-path /api/v1/events/stream --max-examples "${EXAMPLES:-50}" "${@:2}"
