<?php

// The PHP client as a testee of the conformance suite: one JSON object per line in, one out (ctp/1). Needs
// clients/php/vendor (clients/php/tools/install). Publishes by ext-amqp when CELERIAC_PHP_AMQP=extension.

declare(strict_types=1);

use Celeriac\{Client, ClientOptions, Exception, SendOptions};
use Celeriac\Message\{Envelope, TaskMessage, Wire};
use Celeriac\Result\TaskResult;
use Celeriac\Serialization as S;
use Celeriac\Serialization\{FloatText, Iso8601, Json, JsonObject, Limits, Payload};
use Celeriac\Transport\{AmqpDriver, TransportOptions};

require __DIR__ . '/../../../clients/php/vendor/autoload.php';
ini_set('display_errors', 'stderr');

const TEXT_TAGS = [
    S\Date::class => '$date', S\Time::class => '$time', S\Uuid::class => '$uuid', S\Decimal::class => '$decimal',
    S\BigInteger::class => '$int', S\LocalDateTime::class => '$datetime',
];

function untag(mixed $value): mixed
{
    if (!$value instanceof JsonObject) {
        return is_array($value) ? array_map(untag(...), $value) : $value;
    }
    $content = $value->members[$tag = count($value->members) === 1 ? array_key_first($value->members) : ''] ?? null;
    return match ($tag) {
        '$bytes' => new S\Bytes(base64_decode($content)),
        '$datetime' => Iso8601::hasOffset($content) ? Iso8601::parse($content) : new S\LocalDateTime($content),
        '$date', '$time', '$uuid', '$decimal' => new (array_search($tag, TEXT_TAGS, true))($content),
        '$int' => S\BigInteger::narrow($content),
        '$float' => ['NaN' => NAN, 'Infinity' => INF, '-Infinity' => -INF][$content] ?? (float) $content,
        default => new JsonObject(array_map(untag(...), ($tag === '$object' ? $content : $value)->members)),
    };
}

function tag(mixed $value): mixed
{
    if ($value instanceof JsonObject) {
        $object = new JsonObject(array_map(tag(...), $value->members));
        $looksTagged = count($value->members) === 1 && str_starts_with((string) array_key_first($value->members), '$');
        return $looksTagged ? new JsonObject(['$object' => $object]) : $object;
    }
    return match (true) {
        is_array($value) => array_map(tag(...), $value),
        is_int($value) && abs($value) >= 2 ** 53 => new JsonObject(['$int' => (string) $value]),
        is_float($value) && (!is_finite($value) || floor($value) === $value) => new JsonObject(['$float' => FloatText::of($value)]),
        $value instanceof S\Bytes => new JsonObject(['$bytes' => base64_encode($value->bytes)]),
        $value instanceof DateTimeInterface => new JsonObject(['$datetime' => Iso8601::format($value)]),
        is_object($value) => new JsonObject([TEXT_TAGS[$value::class] => (string) $value]),
        default => $value,
    };
}

/** The neutral form: fields, left-overs and content type side by side; unflat() makes arguments for of() of it again. */
function flat(TaskMessage|TaskResult $message, array $more = [], array $info = []): array
{
    $isTask = $message instanceof TaskMessage;
    $left = $message->extra + ($info ? ['delivery_info' => $info] : []);
    $extra = $isTask ? array_map(static fn ($members) => new JsonObject($members), $left) : $left;
    $content = ['content_type' => $message->contentType, 'content_encoding' => $message->contentEncoding];
    return $message->fields + $more + ($extra ? ['extra' => new JsonObject($extra)] : []) + ($isTask ? $content : []);
}

function unflat(array $flat, bool $isTask): array
{
    $extra = $flat['extra']->members ?? [];
    $content = [$flat['content_type'] ?? Payload::CONTENT_TYPE, $flat['content_encoding'] ?? Payload::CONTENT_ENCODING];
    unset($flat['extra'], $flat['content_type'], $flat['content_encoding'], $extra['delivery_info']);
    return [$flat, $isTask ? array_map(static fn ($members) => $members->members, $extra) : $extra, ...$content];
}

function decode(string $kind, array $wire): array
{
    $payload = new Payload(base64_decode($wire['body'] ?? ''), $wire['content_type'] ?? null, $wire['content_encoding'] ?? null);
    $envelope = $kind === 'envelope' ? Envelope::parse(base64_decode($wire['item'])) : null;
    $wire = $envelope->wire ?? new Wire($payload, $wire['headers']->members ?? [], $wire['properties']->members ?? []);
    return match ($kind) {
        'result' => flat(TaskResult::parse($payload)),
        'value' => ['value' => $payload->decode()],
        default => flat(TaskMessage::parse($wire), $envelope->fields ?? [], $envelope->deliveryInfo ?? []),
    };
}

function encode(string $kind, array $message): array
{
    $wire = match ($kind) {
        'task', 'envelope' => TaskMessage::of(...unflat(array_diff_key($message, Envelope::FIELDS), true))->build(),
        'result' => new Wire(TaskResult::of(...unflat($message, false))->build()),
        'value' => new Wire(Payload::of($message['value'])),
    };
    $lists = ['headers' => new JsonObject($wire->headers), 'properties' => new JsonObject($wire->properties)];
    $info = ($message['extra'] ?? null)?->members['delivery_info']?->members ?? [];
    return $kind === 'envelope' ? ['item' => base64_encode(Envelope::of($wire, array_intersect_key($message, Envelope::FIELDS), $info)->build())]
        : ['content_type' => $wire->payload->contentType, 'content_encoding' => $wire->payload->contentEncoding,
            'body' => base64_encode($wire->payload->body)] + ($kind === 'task' ? $lists : []);
}

function handle(array $ask, array &$clients, array &$results): array
{
    $session = $ask['session'] ?? '';
    switch ($ask['op']) {
        case 'hello':
            $runtime = ['name' => 'celeriac-php', 'version' => '0.1.0', 'language' => 'php', 'runtime' => PHP_VERSION];
            return ['protocol' => 1, 'implementation' => $runtime, 'roles' => ['codec', 'producer', 'result'], 'features' => [
                'broker' => ['amqp', 'redis'], 'result' => ['rpc', 'redis'], 'serializer' => ['json'], 'protocol' => [2],
                'compression' => ['application/x-gzip', ...extension_loaded('bz2') ? ['application/x-bz2'] : []],
                'kinds' => ['task', 'envelope', 'result', 'value'], 'confirm' => true]];
        case 'decode':
            return ['message' => tag(new JsonObject(decode($ask['kind'], untag($ask['wire'])->members)))];
        case 'encode':
            return ['wire' => tag(new JsonObject(encode($ask['kind'], untag($ask['message'])->members)))];
        case 'open':
            $driver = getenv('CELERIAC_PHP_AMQP') === 'extension' ? AmqpDriver::Extension : AmqpDriver::Amqplib;
            $options = new ClientOptions($ask['queue'], new TransportOptions(amqpDriver: $driver));
            $clients[$session] = Client::connect($ask['broker_url'], $ask['result_url'] ?? null, $options);
            break;
        case 'publish':
            $options = SendOptions::fromArray(untag($ask['options'] ?? new JsonObject())->members);
            $arguments = [untag($ask['args'] ?? []), untag($ask['kwargs'] ?? new JsonObject())->members];
            $result = $clients[$session]->send($ask['task'], ...$arguments, options: $options);
            return ['task_id' => ($results[$session][$result->id] = $result)->id, 'confirmed' => true];
        case 'await':
            $result = $results[$session][$ask['task_id']] ??= $clients[$session]->result($ask['task_id']);
            try {
                $result->get($ask['timeout_ms'] / 1000);
                $outcome = ['result' => tag($result->document()->fields['result'] ?? null)];
            } catch (Exception\TaskFailure $failure) {
                $outcome = ['type' => $failure->excType, 'module' => $failure->excModule, 'args' => tag($failure->excArgs)];
            } catch (Exception\TaskRevoked $revoked) {
                $outcome = ['type' => 'TaskRevokedError', 'module' => 'celery.exceptions', 'args' => [$revoked->reason]];
            }
            return ['state' => $result->document()->status()] + (isset($outcome['type']) ? ['exception' => $outcome] : $outcome);
        case 'close':
            $clients[$session]->close();
            unset($clients[$session], $results[$session]);
    }
    return [];
}
[$clients, $results, $limits, $op] = [[], [], new Limits(PHP_INT_MAX, 20_000), ''];
while ($op !== 'bye' && ($line = fgets(STDIN)) !== false) {
    ['id' => $id, 'op' => $op] = $ask = Json::decode(trim($line), $limits, false)->members;
    try {
        $answer = ['ok' => new JsonObject(handle($ask, $clients, $results))];
    } catch (Throwable $fault) {
        $kind = (new ReflectionClass($fault))->getShortName();
        $answer = ['error' => ['kind' => $kind, 'message' => $fault->getMessage(), 'trace' => (string) $fault]];
    }
    fwrite(STDOUT, Json::encode(['id' => $id] + $answer, $limits, false) . "\n");
}
