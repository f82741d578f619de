<?php

// An adapter for celeriac-conformance: turns its requests into calls of your implementation. Run by the suite.
// One JSON object per line on stdin and stdout; logs go to stderr. Nothing here judges anything.

declare(strict_types=1);

ini_set('display_errors', 'stderr');

const HELLO = [
    'protocol' => 1,
    'implementation' => ['name' => 'mine', 'version' => '0.1', 'language' => 'php', 'runtime' => PHP_VERSION],
    'roles' => [], // of codec, producer, result, worker, control, events: claim what operation() below can do
    'features' => [
        'broker' => [], 'result' => [], 'serializer' => ['json'], 'protocol' => [2], 'kinds' => [], 'confirm' => false,
    ],
];

/** The operation is not written yet. It may say so only while hello does not claim its role. */
final class Unsupported extends Exception
{
}

/** @return array<string, mixed>|object */
function operation(object $request): array|object
{
    return match ($request->op) {
        'hello' => HELLO,
        'decode', // kind, wire -> message
        'encode' => throw new Unsupported('codec'), // kind, message -> wire
        'open', // connect to broker_url; remember the session by its name
        'publish' => throw new Unsupported('producer'), // task, args, kwargs, options -> task_id, confirmed
        'await' => throw new Unsupported('result'), // task_id, timeout_ms -> state, result
        'close', 'bye' => (object) [],
        default => throw new Unsupported($request->op),
    };
}

/** @return array<string, mixed> */
function answer(object $request): array
{
    try {
        return ['ok' => operation($request)];
    } catch (Unsupported $missing) {
        return ['unsupported' => ['feature' => $missing->getMessage(), 'why' => 'not written yet']];
    } catch (Throwable $error) { // your errors become kinds: InvalidMessage, InvalidCall, BrokerUnavailable ...
        return ['error' => ['kind' => (new ReflectionClass($error))->getShortName(), 'message' => $error->getMessage()]];
    }
}

while (($line = fgets(STDIN)) !== false) {
    $request = json_decode($line, false, 512, JSON_BIGINT_AS_STRING | JSON_THROW_ON_ERROR);
    $flags = JSON_THROW_ON_ERROR | JSON_PRESERVE_ZERO_FRACTION;
    fwrite(STDOUT, json_encode(['id' => $request->id] + answer($request), $flags) . "\n");
    if ($request->op === 'bye') {
        break;
    }
}
