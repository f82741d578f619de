<?php

declare(strict_types=1);

namespace Celeriac\Transport\Amqp;

use Celeriac\Exception\InvalidCall;
use Celeriac\Message\Wire;
use Celeriac\Serialization\Bytes;
use Celeriac\Serialization\JsonObject;

/**
 * A message for ext-amqp, which cannot write an empty table: the header `stamps`, empty in nearly every message, goes
 * out as null, which the protocol takes for the same; an empty object in a header of one's own is an InvalidCall.
 *
 * @internal
 */
final readonly class ExtensionMessage
{
    public string $body;

    /** @var array<string, mixed> for AMQPExchange::publish() */
    public array $attributes;

    /**
     * @throws InvalidCall when a header has no form in ext-amqp
     */
    public function __construct(Wire $wire)
    {
        $headers = $wire->headers;
        if (($headers['stamps'] ?? null) instanceof JsonObject && $headers['stamps']->members === []) {
            $headers['stamps'] = null;
        }
        $this->body = $wire->payload->body;
        $this->attributes = array_filter([
            'content_type' => $wire->payload->contentType,
            'content_encoding' => $wire->payload->contentEncoding,
            'headers' => array_map(self::native(...), $headers),
        ] + $wire->properties, static fn (mixed $property): bool => $property !== null);
    }

    private static function native(mixed $value): mixed
    {
        return match (true) {
            $value instanceof JsonObject => $value->members !== [] && !array_is_list($value->members)
                ? array_map(self::native(...), $value->members)
                : throw new InvalidCall('ext-amqp cannot write an empty object in a header: use AmqpDriver::Amqplib'),
            is_array($value) => array_map(self::native(...), $value),
            $value instanceof Bytes => $value->bytes,
            $value instanceof \DateTimeInterface => new \AMQPTimestamp((float) $value->getTimestamp()),
            $value === null, is_scalar($value) => $value,
            default => throw new InvalidCall(sprintf('an AMQP header cannot hold a %s', get_debug_type($value))),
        };
    }
}
