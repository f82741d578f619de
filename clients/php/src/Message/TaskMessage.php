<?php

declare(strict_types=1);

namespace Celeriac\Message;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Serialization\FieldTable;
use Celeriac\Serialization\Iso8601;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Limits;
use Celeriac\Serialization\Payload;

/**
 * A task message of protocol 2. Only fields that are (to be) on the wire are in it: absent, null and empty differ.
 *
 * Values are in the lossless form of Celeriac\Serialization\Values.
 */
final readonly class TaskMessage
{
    /** name => [place, types, value when omitted]; see FieldTable */
    public const FIELDS = [
        'lang' => ['headers', ['string', 'null'], null],
        'task' => ['headers', ['string']],
        'id' => ['headers', ['string']],
        'shadow' => ['headers', ['string', 'null'], null],
        'eta' => ['headers', ['date-time', 'null'], null],
        'expires' => ['headers', ['date-time', 'null'], null],
        'group' => ['headers', ['string', 'null'], null],
        'group_index' => ['headers', ['integer', 'null'], null],
        'retries' => ['headers', ['integer'], 0],
        'timelimit' => ['headers', ['time-limit', 'null'], null],
        'root_id' => ['headers', ['string', 'null'], null],
        'parent_id' => ['headers', ['string', 'null'], null],
        'argsrepr' => ['headers', ['string', 'null'], null],
        'kwargsrepr' => ['headers', ['string', 'null'], null],
        'origin' => ['headers', ['string', 'null'], null],
        'ignore_result' => ['headers', ['boolean', 'null'], null],
        'replaced_task_nesting' => ['headers', ['integer', 'null'], 0],
        'stamped_headers' => ['headers', ['array', 'null'], null],
        'stamps' => ['headers', ['object', 'null'], []],
        'compression' => ['headers', ['string', 'null'], null],
        'correlation_id' => ['properties', ['string', 'null'], null],
        'reply_to' => ['properties', ['string', 'null'], null],
        'delivery_mode' => ['properties', ['integer', 'null'], null],
        'priority' => ['properties', ['integer', 'null'], null],
        'expiration' => ['properties', ['string', 'null'], null],
        'args' => ['body', ['array']],
        'kwargs' => ['body', ['object']],
        'callbacks' => ['embed', ['array', 'null'], null],
        'errbacks' => ['embed', ['array', 'null'], null],
        'chain' => ['embed', ['array', 'null'], null],
        'chord' => ['embed', ['object', 'null'], null],
    ];

    /**
     * @param array<string, mixed> $fields by the names of FIELDS
     * @param array<string, array<array-key, mixed>> $extra members of "headers", "properties" and "embed" that FIELDS
     *                                                     does not name
     */
    private function __construct(
        public array $fields,
        public ?string $contentType,
        public ?string $contentEncoding,
        public array $extra,
    ) {
    }

    /**
     * A message from its fields.
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
        self::table()->check($fields);
        if (!self::isNamed($fields)) {
            throw new InvalidCall('task and id have to be text, and not empty');
        }

        return new self($fields, $contentType, $contentEncoding, $extra);
    }

    /**
     * Reads a message from the wire.
     *
     * @throws InvalidMessage for anything that is not a task message of protocol 2; nothing else is thrown
     */
    public static function parse(Wire $wire, Limits $limits = new Limits()): self
    {
        $compression = $wire->headers['compression'] ?? null;
        $body = $wire->payload->decode($limits, is_string($compression) ? $compression : null);
        if (!is_array($body) || count($body) !== 3) {
            throw new InvalidMessage('the body has to be an array of three: args, kwargs, embed');
        }
        $embed = $body[2] ?? new JsonObject();
        if (!$embed instanceof JsonObject) {
            throw new InvalidMessage('embed, the third part of the body, has to be an object');
        }
        [$fields, $extra] = self::table()->gather([
            'headers' => $wire->headers,
            'properties' => $wire->properties,
            'body' => ['args' => $body[0], 'kwargs' => $body[1]],
            'embed' => $embed->members,
        ]);
        if (!self::isNamed($fields)) {
            throw new InvalidMessage('task and id have to be text, and not empty');
        }

        return new self($fields, $wire->payload->contentType, $wire->payload->contentEncoding, $extra);
    }

    /**
     * Writes the message for the wire: the reverse of parse().
     *
     * @throws InvalidCall when an argument has no form on the wire
     */
    public function build(Limits $limits = new Limits()): Wire
    {
        $places = self::table()->spread($this->fields, $this->extra);
        ['args' => $args, 'kwargs' => $kwargs] = $places['body'];
        $compression = $places['headers']['compression'] ?? null;
        $payload = Payload::of(
            [$args, $kwargs, new JsonObject($places['embed'])],
            $this->contentType,
            $this->contentEncoding,
            is_string($compression) ? $compression : null,
            $limits,
        );

        return new Wire($payload, $places['headers'], $places['properties']);
    }

    /**
     * The value of a field, or what a reader has to take it for when the message lacks it.
     *
     * @param key-of<self::FIELDS> $name
     */
    public function get(string $name): mixed
    {
        return array_key_exists($name, $this->fields) ? $this->fields[$name] : self::table()->omitted($name);
    }

    /**
     * A copy with one field changed.
     *
     * @param key-of<self::FIELDS> $name
     * @throws InvalidCall when the field cannot have this value
     */
    public function with(string $name, mixed $value): self
    {
        $fields = [$name => $value] + $this->fields;

        return self::of($fields, $this->extra, $this->contentType, $this->contentEncoding);
    }

    /**
     * The instant of "eta" or "expires", UTC where the text names no offset; null when there is none.
     */
    public function instant(string $name): ?\DateTimeImmutable
    {
        $text = $this->fields[$name] ?? null;

        return is_string($text) ? Iso8601::parse($text) : null;
    }

    /**
     * @param array<string, mixed> $fields
     */
    private static function isNamed(array $fields): bool
    {
        return is_string($fields['task']) && $fields['task'] !== '' && is_string($fields['id']) && $fields['id'] !== '';
    }

    private static function table(): FieldTable
    {
        return new FieldTable(self::FIELDS);
    }
}
