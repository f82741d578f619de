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
use Celeriac\Serialization\Values;

/**
 * What one node says to a request. On the wire its body is an object of one key: `{"w1@host": {"ok": "pong"}}`.
 */
final readonly class Reply
{
    /** name => [place, types, value when omitted]; see FieldTable */
    public const FIELDS = [
        'ticket' => ['headers', ['string', 'null'], null],
        'clock' => ['headers', ['integer', 'null'], 0],
        'delivery_mode' => ['properties', ['integer', 'null'], null],
        'priority' => ['properties', ['integer', 'null'], null],
        'node' => ['body', ['string']],
        'reply' => ['body', ['any'], null],
    ];

    /**
     * @param array<string, mixed> $fields by the names of FIELDS, values in the lossless form
     * @param array<string, array<array-key, mixed>> $extra members of "headers" and "properties" that FIELDS does not
     *                                                     name
     */
    private function __construct(
        public array $fields,
        public array $extra,
        public ?string $contentType,
        public ?string $contentEncoding,
    ) {
    }

    /**
     * A reply from its fields.
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
     * Reads a reply.
     *
     * @throws InvalidMessage when it is none; nothing else is thrown
     */
    public static function parse(Wire $wire, Limits $limits = new Limits()): self
    {
        $body = $wire->payload->decode($limits);
        if (!$body instanceof JsonObject || count($body->members) !== 1) {
            throw new InvalidMessage('the body of a reply has to be an object of one node');
        }
        [$fields, $extra] = (new FieldTable(self::FIELDS))->gather([
            'headers' => $wire->headers,
            'properties' => $wire->properties,
            'body' => ['node' => (string) array_key_first($body->members), 'reply' => current($body->members)],
        ]);

        return new self($fields, $extra, $wire->payload->contentType, $wire->payload->contentEncoding);
    }

    /**
     * Writes the reply: the reverse of parse().
     *
     * @throws InvalidCall when what the node says has no form on the wire
     */
    public function build(): Wire
    {
        $places = (new FieldTable(self::FIELDS))->spread($this->fields, $this->extra);
        $body = new JsonObject([(string) $this->node() => $this->fields['reply'] ?? null]);

        return new Wire(
            Payload::of($body, $this->contentType, $this->contentEncoding),
            $places['headers'],
            $places['properties'],
        );
    }

    /**
     * Name of the node that answers, like "celery@host".
     */
    public function node(): string
    {
        return (string) $this->fields['node'];
    }

    /**
     * What it says, objects as associative arrays; `fields['reply']` has it without that loss.
     */
    public function value(): mixed
    {
        return Values::plain($this->fields['reply'] ?? null);
    }
}
