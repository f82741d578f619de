<?php

declare(strict_types=1);

namespace Celeriac\Message;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Serialization\FieldTable;
use Celeriac\Serialization\Json;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Limits;
use Celeriac\Serialization\Payload;
use Celeriac\Serialization\Uuid;

/**
 * The JSON text that carries a message through a Redis list.
 */
final readonly class Envelope
{
    /** name => [place, types, value when omitted]; see FieldTable */
    public const FIELDS = [
        'delivery_tag' => ['envelope', ['string']],
        'body_encoding' => ['envelope', ['string', 'null'], null],
        'exchange' => ['delivery_info', ['string']],
        'routing_key' => ['delivery_info', ['string']],
    ];

    /**
     * @param array<string, mixed> $fields by the names of FIELDS
     * @param array<array-key, mixed> $deliveryInfo what else was in delivery_info, such as `redelivered`
     */
    private function __construct(public Wire $wire, public array $fields, public array $deliveryInfo = [])
    {
    }

    /**
     * Wraps a message.
     *
     * @param array<string, mixed> $fields by the names of FIELDS; the delivery tag has to be unique among all messages
     *                                     of the broker, as workers keep unfinished ones by it
     * @param array<array-key, mixed> $deliveryInfo what else belongs into delivery_info
     * @throws InvalidCall when a field is missing, unknown or of the wrong type, or the tag is empty
     */
    public static function of(Wire $wire, array $fields, array $deliveryInfo = []): self
    {
        (new FieldTable(self::FIELDS))->check($fields);
        if ($fields['delivery_tag'] === '') {
            throw new InvalidCall('an envelope needs a delivery tag');
        }

        return new self($wire, $fields, $deliveryInfo);
    }

    /**
     * Wraps a message for an address, the body in base64.
     */
    public static function to(Wire $wire, string $exchange, string $routingKey, Uuid $deliveryTag): self
    {
        return self::of($wire, [
            'delivery_tag' => $deliveryTag->text,
            'body_encoding' => 'base64',
            'exchange' => $exchange,
            'routing_key' => $routingKey,
        ]);
    }

    /**
     * Reads an item of a list.
     *
     * @throws InvalidMessage when it is no envelope; nothing else is thrown
     */
    public static function parse(string $item, Limits $limits = new Limits()): self
    {
        $envelope = self::members(Json::decode($item, $limits), 'the envelope');
        $properties = self::members($envelope['properties'] ?? null, 'properties');
        $deliveryInfo = self::members($properties['delivery_info'] ?? null, 'delivery_info');
        $headers = self::members($envelope['headers'] ?? null, 'headers');
        unset($properties['delivery_info']);
        [$fields, $rest] = (new FieldTable(self::FIELDS))
            ->gather(['envelope' => $properties, 'delivery_info' => $deliveryInfo]);
        $body = $envelope['body'] ?? null;
        if (!is_string($body) || $fields['delivery_tag'] === '') {
            throw new InvalidMessage('an envelope needs a body and a delivery tag');
        }
        $payload = new Payload(
            self::decodeBody($body, $fields['body_encoding'] ?? null),
            self::textOrNull($envelope['content-type'] ?? null),
            self::textOrNull($envelope['content-encoding'] ?? null),
        );

        return new self(new Wire($payload, $headers, $rest['envelope'] ?? []), $fields, $rest['delivery_info'] ?? []);
    }

    /**
     * Writes the item for the list, keys in Celery's order: the reverse of parse().
     *
     * @throws InvalidCall when a header has no form on the wire
     */
    public function build(): string
    {
        $payload = $this->wire->payload;
        $places = (new FieldTable(self::FIELDS))->spread($this->fields, ['delivery_info' => $this->deliveryInfo]);
        $properties = ['delivery_info' => new JsonObject($places['delivery_info'])] + $places['envelope'];
        $inBase64 = ($this->fields['body_encoding'] ?? null) === 'base64';

        return Json::encode(new JsonObject([
            'body' => $inBase64 ? base64_encode($payload->body) : $payload->body,
            'content-encoding' => $payload->contentEncoding,
            'content-type' => $payload->contentType,
            'headers' => new JsonObject($this->wire->headers),
            'properties' => new JsonObject($this->wire->properties + $properties),
        ]));
    }

    /**
     * @return array<array-key, mixed>
     */
    private static function members(mixed $value, string $what): array
    {
        return $value instanceof JsonObject ? $value->members : throw new InvalidMessage("$what has to be an object");
    }

    private static function textOrNull(mixed $value): ?string
    {
        return $value === null || is_string($value) ? $value : throw new InvalidMessage('content type has to be text');
    }

    private static function decodeBody(string $body, mixed $encoding): string
    {
        $decoded = match ($encoding) {
            'base64' => base64_decode($body, true),
            null, 'utf-8' => $body,
            default => false,
        };

        return is_string($decoded) ? $decoded : throw new InvalidMessage('the body is not in its body_encoding');
    }
}
