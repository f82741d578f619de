<?php

declare(strict_types=1);

namespace Celeriac\Tests\Support;

use Celeriac\Message\Envelope;
use Celeriac\Message\Wire;
use Celeriac\Serialization\JsonObject;

/**
 * Messages of exchanges in vectors: they come by AMQP with their address beside them, or in an envelope on Redis.
 */
final class Address
{
    private const NAMES = ['exchange', 'routing_key', 'channel', 'key'];

    /**
     * @param array<string, mixed> $vector
     * @return array{Wire, array<string, mixed>} the message, and where it went by the names of the neutral form
     */
    public static function open(array $vector): array
    {
        $address = array_intersect_key($vector['wire']->members, array_flip(self::NAMES));
        if (!isset($vector['wire']->members['item'])) {
            return [Vectors::wire($vector), $address];
        }
        $envelope = Envelope::parse(Vectors::item($vector));

        return [$envelope->wire, $envelope->fields + $address];
    }

    /**
     * The neutral form of a message with fields, extra and content type.
     *
     * @param array<string, mixed> $more
     */
    public static function flat(object $message, array $more): JsonObject
    {
        $extra = array_map(static fn (array $members): JsonObject => new JsonObject($members), $message->extra);

        return new JsonObject($message->fields + $more + [
            'content_type' => $message->contentType,
            'content_encoding' => $message->contentEncoding,
        ] + ($extra === [] ? [] : ['extra' => new JsonObject($extra)]));
    }

    /**
     * A text that is the same for messages that mean the same.
     */
    public static function canonical(Wire $wire): string
    {
        return Neutral::canonical([
            $wire->payload->decode(),
            $wire->payload->contentType,
            $wire->payload->contentEncoding,
            new JsonObject($wire->headers),
            new JsonObject($wire->properties),
        ]);
    }
}
