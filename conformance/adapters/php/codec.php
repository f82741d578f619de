<?php

// Between the wire and the neutral form of each kind of vector (spec/vectors/README.md).

declare(strict_types=1);

use Celeriac\Control\{Reply, Request};
use Celeriac\Event\EventMessage;
use Celeriac\Message\{Envelope, TaskMessage, TaskMessageV1, Wire};
use Celeriac\Result\TaskResult;
use Celeriac\Security\{Certificate, SignedBody};
use Celeriac\Serialization\{Bytes, JsonObject, Limits, Payload, Serializer};

const KINDS = ['task', 'task-v1', 'envelope', 'result', 'value', 'stored', 'canvas', 'control', 'reply', 'event', 'signed'];
const NO_FIELDS = ['extra', 'content_type', 'content_encoding', 'channel', 'key', 'events', 'exchange', 'routing_key',
    'delivery_tag', 'body_encoding'];
const ADDRESS = ['exchange' => 0, 'routing_key' => 0, 'channel' => 0, 'key' => 0];

/** The neutral form: fields, left-overs and content type side by side; parts() makes arguments for of() of it again. */
function flat(object $message, array $more = [], array $info = []): JsonObject
{
    $left = $message->extra + ($info ? ['delivery_info' => $info] : []);
    $extra = array_map(static fn ($members) => new JsonObject($members), $left);
    $content = ['content_type' => $message->contentType, 'content_encoding' => $message->contentEncoding];
    return new JsonObject($message->fields + $more + ($extra ? ['extra' => new JsonObject($extra)] : []) + $content);
}

function parts(array $flat): array
{
    $extra = array_diff_key($flat['extra']->members ?? [], ['delivery_info' => 0]);
    return [array_diff_key($flat, array_flip(NO_FIELDS)), array_map(static fn ($members) => $members->members, $extra),
        $flat['content_type'] ?? null, $flat['content_encoding'] ?? null];
}

function payload(array $wire): Payload
{
    return new Payload(base64_decode($wire['body']), $wire['content_type'] ?? null, $wire['content_encoding'] ?? null);
}

function members(?JsonObject $object): array
{
    return $object?->members ?? [];
}

/** What came by AMQP, or out of an envelope: the message, its address, and what else is in delivery_info. */
function opened(array $wire): array
{
    if (!isset($wire['item'])) {
        $message = new Wire(payload($wire), members($wire['headers'] ?? null), members($wire['properties'] ?? null));
        return [$message, array_intersect_key($wire, ADDRESS), []];
    }
    $envelope = Envelope::parse(base64_decode($wire['item']));
    return [$envelope->wire, $envelope->fields + array_intersect_key($wire, ADDRESS), $envelope->deliveryInfo];
}

/** The reverse of opened(), for a message whose neutral form is known. */
function closed(Wire $wire, array $flat): array
{
    $address = array_intersect_key($flat, ADDRESS);
    if (isset($flat['delivery_tag'])) {
        $info = members(members($flat['extra'] ?? null)['delivery_info'] ?? null);
        $item = Envelope::of($wire, array_intersect_key($flat, Envelope::FIELDS), $info)->build();
        return ['item' => base64_encode($item)] + array_diff_key($address, ['exchange' => 0, 'routing_key' => 0]);
    }
    return body($wire->payload) + $address
        + ['headers' => new JsonObject($wire->headers), 'properties' => new JsonObject($wire->properties)];
}

function body(Payload $payload): array
{
    $body = base64_encode($payload->body);
    return ['content_type' => $payload->contentType, 'content_encoding' => $payload->contentEncoding, 'body' => $body];
}

function signed(array $wire): JsonObject
{
    $body = SignedBody::parse(payload($wire));
    return new JsonObject(['signer' => $body->signer, 'signature' => new Bytes($body->signature),
        'content_type' => $body->payload->contentType, 'content_encoding' => $body->payload->contentEncoding,
        'body' => $body->verified(new DateTimeImmutable(), new Limits(), new Certificate($wire['certificate']))]);
}

function decode(string $kind, array $wire): JsonObject
{
    $limits = new Limits(accept: Serializer::cases());
    [$message, $address, $info] = isset($wire['messages']) || $kind === 'signed' ? [null, [], []] : opened($wire);
    return match ($kind) {
        'task', 'envelope' => flat(TaskMessage::parse($message, $limits), $address, $info),
        'task-v1' => new JsonObject((array) ($v1 = TaskMessageV1::parse($message))->fields + $v1->extra),
        'result' => merged(TaskResult::parse($message->payload, $limits)),
        'value' => new JsonObject(['value' => $message->payload->decode()]),
        'stored' => $message->payload->opened()->decode(),
        'control' => flat(Request::parse($message), $address, $info),
        'reply' => flat(Reply::parse($message), $address, $info),
        'event' => flat($event = EventMessage::parse($message), ['events' => events($event)] + $address, $info),
        'signed' => signed($wire),
        'canvas' => new JsonObject(['messages' => array_map(decodedTask(...), $wire['messages'])] + $wire),
    };
}

function decodedTask(JsonObject $wire): JsonObject
{
    return decode('task', $wire->members);
}

function merged(TaskResult $result): JsonObject
{
    return new JsonObject($result->fields + ($result->extra ? ['extra' => new JsonObject($result->extra)] : []));
}

function events(EventMessage $message): JsonObject|array
{
    $events = array_map(static fn ($event) => new JsonObject($event->members), $message->events);
    return $message->isArray ? $events : $events[0];
}

function encode(string $kind, array $flat): JsonObject
{
    return new JsonObject(match ($kind) {
        'task', 'envelope' => closed(TaskMessage::of(...parts($flat))->build(), $flat),
        'result' => body(TaskResult::of(parts($flat)[0], members($flat['extra'] ?? null))->build()),
        'value' => body(Payload::of($flat['value'])),
        'stored' => body(Payload::of(new JsonObject($flat))),
        'control' => closed(Request::of(...parts($flat))->build(), $flat),
        'reply' => closed(Reply::of(...parts($flat))->build(), $flat),
        'event' => closed(event($flat)->build(), $flat),
        'canvas' => ['messages' => array_map(encodedTask(...), $flat['messages'])] + $flat,
    });
}

function encodedTask(JsonObject $flat): JsonObject
{
    return encode('task', $flat->members);
}

function event(array $flat): EventMessage
{
    [$fields, $extra, $type, $encoding] = parts($flat);
    return EventMessage::of($fields, $flat['events'], $extra, $type, $encoding);
}
