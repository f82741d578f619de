<?php

declare(strict_types=1);

namespace Celeriac\Message;

use Celeriac\Exception\InvalidMessage;
use Celeriac\Serialization\FieldTable;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Limits;

/**
 * A task message of protocol 1, which Celery 3 spoke: the whole call is one object in the body. Read, never written.
 */
final readonly class TaskMessageV1
{
    /** name => [place, types, value when omitted]; see FieldTable */
    public const FIELDS = [
        'task' => ['body', ['string']],
        'id' => ['body', ['string']],
        'args' => ['body', ['array'], []],
        'kwargs' => ['body', ['object'], []],
        'group' => ['body', ['string', 'null'], null],
        'group_index' => ['body', ['integer', 'null'], null],
        'retries' => ['body', ['integer'], 0],
        'eta' => ['body', ['date-time', 'null'], null],
        'expires' => ['body', ['date-time', 'null'], null],
        'utc' => ['body', ['boolean'], true],
        'callbacks' => ['body', ['array', 'null'], null],
        'errbacks' => ['body', ['array', 'null'], null],
        'timelimit' => ['body', ['time-limit', 'null'], null],
        'taskset' => ['body', ['string', 'null'], null],
        'chord' => ['body', ['object', 'null'], null],
    ];

    /**
     * @param array<string, mixed> $fields by the names of FIELDS
     * @param array<array-key, mixed> $extra members of the body that FIELDS does not name
     */
    private function __construct(public array $fields, public array $extra)
    {
    }

    /**
     * Reads a message from the wire.
     *
     * @throws InvalidMessage for anything that is not a task message of protocol 1; nothing else is thrown
     */
    public static function parse(Wire $wire, Limits $limits = new Limits()): self
    {
        if (array_key_exists('task', $wire->headers)) {
            throw new InvalidMessage('a header named task makes it protocol 2');
        }
        $compression = $wire->headers['compression'] ?? null;
        $body = $wire->payload->decode($limits, is_string($compression) ? $compression : null);
        if (!$body instanceof JsonObject) {
            throw new InvalidMessage('the body of protocol 1 has to be an object');
        }
        [$fields, $extra] = (new FieldTable(self::FIELDS))->gather(['body' => $body->members]);
        if ($fields['task'] === '' || $fields['id'] === '') {
            throw new InvalidMessage('task and id must not be empty');
        }

        return new self($fields, $extra['body'] ?? []);
    }
}
