# An adapter for celeriac-conformance: turns its requests into calls of your implementation. Run by the suite.
# One JSON object per line on stdin and stdout; logs go to stderr. Nothing here judges anything.
require "json"

HELLO = {
  protocol: 1,
  implementation: { name: "mine", version: "0.1", language: "ruby", runtime: RUBY_VERSION },
  roles: [], # of codec, producer, result, worker, control, events: claim what OPERATIONS below can do
  features: { broker: [], result: [], serializer: ["json"], protocol: [2], kinds: [], confirm: false }
}.freeze

# The operation is not written yet. It may say so only while hello does not claim its role.
class Unsupported < StandardError; end

def unsupported(role) = ->(_request) { raise Unsupported, role }

OPERATIONS = {
  "hello" => ->(_request) { HELLO },
  "decode" => unsupported("codec"), # kind, wire -> message
  "encode" => unsupported("codec"), # kind, message -> wire
  "open" => unsupported("producer"), # connect to broker_url; remember the session by its name
  "publish" => unsupported("producer"), # task, args, kwargs, options -> task_id, confirmed
  "await" => unsupported("result"), # task_id, timeout_ms -> state, result
  "close" => ->(_request) { {} },
  "bye" => ->(_request) { {} }
}.freeze

def answer(request)
  operation = OPERATIONS.fetch(request["op"]) { unsupported(request["op"]) }
  { ok: operation.call(request) }
rescue Unsupported => e
  { unsupported: { feature: e.message, why: "not written yet" } }
rescue StandardError => e # your errors become kinds: InvalidMessage, InvalidCall, BrokerUnavailable ...
  { error: { kind: e.class.name.split("::").last, message: e.message } }
end

$stdout.sync = true
$stdin.each_line do |line|
  request = JSON.parse(line)
  puts JSON.generate({ id: request["id"], **answer(request) })
  break if request["op"] == "bye"
end
