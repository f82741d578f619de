<?php

declare(strict_types=1);

namespace Celeriac\Control;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Message\Wire;
use Celeriac\Serialization\FieldTable;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Limits;
use Celeriac\Serialization\Payload;

/**
 * A question or an order to workers. Only fields that are (to be) on the wire are in it: absent, null and empty differ.
 */
final readonly class Request
{
    /** name => [place, types, value when omitted]; see FieldTable */
    public const FIELDS = [
        'clock' => ['headers', ['integer', 'null'], 0],
        'expires' => ['headers', ['number', 'null'], 0],
        'delivery_mode' => ['properties', ['integer', 'null'], null],
        'priority' => ['properties', ['integer', 'null'], null],
        'method' => ['body', ['string']],
        'arguments' => ['body', ['object', 'null'], []],
        'destination' => ['body', ['array', 'null'], null],
        'pattern' => ['body', ['string', 'null'], null],
        'matcher' => ['body', ['string', 'null'], null],
        'ticket' => ['body', ['string', 'null'], null],
        'reply_to' => ['body', ['object', 'null'], null],
    ];

    /**
     * @param array<string, mixed> $fields by the names of FIELDS, values in the lossless form
     * @param array<string, array<array-key, mixed>> $extra members of "headers", "properties" and "body" that FIELDS
     *                                                     does not name
     */
    private function __construct(
        public array $fields,
        public array $extra,
        public ?string $contentType,
        public ?string $contentEncoding,
    ) {
    }

    /**
     * A request from its fields.
     *
     * @param array<string, mixed> $fields by the names of FIELDS
     * @param array<string, array<array-key, mixed>> $extra
     * @throws InvalidCall when a field is missing, unknown or of the wrong type
     */
    public static function of(
        array $fields,
        array $extra = [],
        ?string $contentType = Payload::CONTENT_TYPE,
        ?string $contentEncoding = Payload::CONTENT_ENCODING,
    ): self {
        (new FieldTable(self::FIELDS))->check($fields);

        return new self($fields, $extra, $contentType, $contentEncoding);
    }

    /**
     * Reads a request.
     *
     * @throws InvalidMessage when it is none; nothing else is thrown
     */
    public static function parse(Wire $wire, Limits $limits = new Limits()): self
    {
        $body = $wire->payload->decode($limits);
        if (!$body instanceof JsonObject) {
            throw new InvalidMessage('the body of a request has to be an object');
        }
        [$fields, $extra] = (new FieldTable(self::FIELDS))->gather([
            'headers' => $wire->headers,
            'properties' => $wire->properties,
            'body' => $body->members,
        ]);

        return new self($fields, $extra, $wire->payload->contentType, $wire->payload->contentEncoding);
    }

    /**
     * Writes the request: the reverse of parse().
     *
     * @throws InvalidCall when an argument has no form on the wire
     */
    public function build(): Wire
    {
        $places = (new FieldTable(self::FIELDS))->spread($this->fields, $this->extra);
        $payload = Payload::of(new JsonObject($places['body']), $this->contentType, $this->contentEncoding);

        return new Wire($payload, $places['headers'], $places['properties']);
    }
}
