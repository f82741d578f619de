<?php

declare(strict_types=1);

namespace Celeriac\Event;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Message\Wire;
use Celeriac\Serialization\FieldTable;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Limits;
use Celeriac\Serialization\Payload;

/**
 * A message with one event, or with several in an array.
 */
final readonly class EventMessage
{
    /** name => [place, types, value when omitted]; see FieldTable */
    public const FIELDS = [
        'hostname' => ['headers', ['string', 'null'], null],
        'delivery_mode' => ['properties', ['integer', 'null'], null],
        'priority' => ['properties', ['integer', 'null'], null],
    ];

    /**
     * @param array<string, mixed> $fields by the names of FIELDS
     * @param list<Event> $events in the order in which they happened
     * @param bool $isArray whether they travel as an array; one event alone may do so too
     * @param array<string, array<array-key, mixed>> $extra members of "headers" and "properties" that FIELDS does not
     *                                                     name
     */
    private function __construct(
        public array $fields,
        public array $events,
        public bool $isArray,
        public array $extra,
        public ?string $contentType,
        public ?string $contentEncoding,
    ) {
    }

    /**
     * A message from its fields.
     *
     * @param array<string, mixed> $fields by the names of FIELDS
     * @param JsonObject|list<mixed> $events one event, or an array of them
     * @param array<string, array<array-key, mixed>> $extra
     * @throws InvalidCall when a field is unknown or of the wrong type
     * @throws InvalidMessage when an event is none
     */
    public static function of(
        array $fields,
        JsonObject|array $events,
        array $extra = [],
        ?string $contentType = Payload::CONTENT_TYPE,
        ?string $contentEncoding = Payload::CONTENT_ENCODING,
    ): self {
        (new FieldTable(self::FIELDS))->check($fields);

        return new self($fields, self::events($events), is_array($events), $extra, $contentType, $contentEncoding);
    }

    /**
     * Reads a message.
     *
     * @throws InvalidMessage when it is none, or one of its events is none; nothing else is thrown
     */
    public static function parse(Wire $wire, Limits $limits = new Limits()): self
    {
        $body = $wire->payload->decode($limits);
        [$fields, $extra] = (new FieldTable(self::FIELDS))->gather([
            'headers' => $wire->headers,
            'properties' => $wire->properties,
        ]);
        ['contentType' => $type, 'contentEncoding' => $encoding] = get_object_vars($wire->payload);

        return new self($fields, self::events($body), is_array($body), $extra, $type, $encoding);
    }

    /**
     * Writes the message: the reverse of parse().
     *
     * @throws InvalidCall when a value has no form on the wire
     */
    public function build(): Wire
    {
        $places = (new FieldTable(self::FIELDS))->spread($this->fields, $this->extra);
        $body = array_map(static fn (Event $event): JsonObject => new JsonObject($event->members), $this->events);

        return new Wire(
            Payload::of($this->isArray ? $body : $body[0], $this->contentType, $this->contentEncoding),
            $places['headers'],
            $places['properties'],
        );
    }

    /**
     * @return list<Event>
     */
    private static function events(mixed $body): array
    {
        return array_map(Event::parse(...), is_array($body) ? array_values($body) : [$body]);
    }
}
