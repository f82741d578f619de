#!/bin/bash
# An adapter for celeriac-conformance: turns its requests into calls of your implementation. Run by the suite. Needs jq.
# One JSON object per line on stdin and stdout; logs go to stderr. Nothing here judges anything.
set -euo pipefail

hello() {
  # roles: of codec, producer, result, worker, control, events. Claim what the operations below can do.
  jq -nc --arg runtime "$BASH_VERSION" '{
    protocol: 1,
    implementation: {name: "mine", version: "0.1", language: "shell", runtime: $runtime},
    roles: [],
    features: {broker: [], result: [], serializer: ["json"], protocol: [2], kinds: [], confirm: false}
  }'
}

ok() { jq -nc --argjson id "$1" --argjson ok "$2" '{id: $id, ok: $ok}'; }

# The operation is not written yet. It may say so only while hello does not claim its role.
unsupported() {
  jq -nc --argjson id "$1" --arg feature "$2" '{id: $id, unsupported: {feature: $feature, why: "not written yet"}}'
}

while IFS= read -r request; do
  id=$(jq -c .id <<<"$request")
  case $(jq -r .op <<<"$request") in
    hello) ok "$id" "$(hello)" ;;
    decode) unsupported "$id" codec ;;      # kind, wire -> message
    encode) unsupported "$id" codec ;;      # kind, message -> wire
    open) unsupported "$id" producer ;;     # connect to broker_url; remember the session by its name
    publish) unsupported "$id" producer ;;  # task, args, kwargs, options -> task_id, confirmed
    await) unsupported "$id" result ;;      # task_id, timeout_ms -> state, result
    close) ok "$id" '{}' ;;
    bye) ok "$id" '{}'; exit 0 ;;
    *) unsupported "$id" "$(jq -r .op <<<"$request")" ;;
  esac
done
