<?php

declare(strict_types=1);

namespace Celeriac\Tests\Support;

use Celeriac\Message\Envelope;
use Celeriac\Message\TaskMessage;
use Celeriac\Message\Wire;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Limits;
use Celeriac\Serialization\Serializer;

/**
 * Task messages and their neutral form.
 */
final class Tasks
{
    /**
     * The neutral form of a message as it travelled by AMQP, or of a whole item of a Redis list.
     */
    public static function decoded(Wire|string $wire): JsonObject
    {
        if ($wire instanceof Wire) {
            return self::flat(TaskMessage::parse($wire, self::limits()));
        }
        $envelope = Envelope::parse($wire);
        $message = TaskMessage::parse($envelope->wire, self::limits());

        return self::flat($message, $envelope->fields, $envelope->deliveryInfo);
    }

    /**
     * The message that a neutral form stands for.
     *
     * @param array<string, mixed> $flat
     */
    public static function message(array $flat): TaskMessage
    {
        $flat = array_diff_key($flat, Envelope::FIELDS);
        $extra = array_diff_key(($flat['extra'] ?? new JsonObject())->members, ['delivery_info' => 0]);

        return TaskMessage::of(
            array_diff_key($flat, ['extra' => 0, 'content_type' => 0, 'content_encoding' => 0]),
            array_map(static fn (JsonObject $members): array => $members->members, $extra),
            $flat['content_type'],
            $flat['content_encoding'],
        );
    }

    /**
     * The envelope that a neutral form stands for.
     *
     * @param array<string, mixed> $flat
     */
    public static function envelope(array $flat): Envelope
    {
        $deliveryInfo = ($flat['extra'] ?? new JsonObject())->members['delivery_info'] ?? new JsonObject();
        $address = array_intersect_key($flat, Envelope::FIELDS);

        return Envelope::of(self::message($flat)->build(), $address, $deliveryInfo->members);
    }

    /**
     * A text that is the same for messages that mean the same.
     */
    public static function canonical(Wire $wire): string
    {
        $body = $wire->payload->decode(self::limits(), $wire->headers['compression'] ?? null);
        // null and {} are the same embed, and only the second is written
        $body[2] ??= new JsonObject();

        return Neutral::canonical([
            $wire->payload->contentType,
            $wire->payload->contentEncoding,
            new JsonObject($wire->headers),
            new JsonObject($wire->properties),
            $body,
        ]);
    }

    private static function limits(): Limits
    {
        return new Limits(accept: Serializer::cases());
    }

    /**
     * @param array<string, mixed> $more
     * @param array<array-key, mixed> $deliveryInfo
     */
    private static function flat(TaskMessage $message, array $more = [], array $deliveryInfo = []): JsonObject
    {
        $left = $message->extra + ($deliveryInfo === [] ? [] : ['delivery_info' => $deliveryInfo]);
        $extra = array_map(static fn (array $members): JsonObject => new JsonObject($members), $left);

        return new JsonObject($message->fields + $more + [
            'content_type' => $message->contentType,
            'content_encoding' => $message->contentEncoding,
        ] + ($extra === [] ? [] : ['extra' => new JsonObject($extra)]));
    }
}
