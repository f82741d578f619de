<?php

declare(strict_types=1);

namespace Celeriac\Event;

use Celeriac\Exception\InvalidMessage;
use Celeriac\Serialization\FieldTable;
use Celeriac\Serialization\JsonObject;

/**
 * One piece of news from a worker or a producer: "task-succeeded", "worker-heartbeat", or one of the application's own.
 */
final readonly class Event
{
    /** name => [which events have it, types, value when omitted]; see FieldTable */
    public const FIELDS = [
        'type' => ['every', ['string']],
        'hostname' => ['every', ['string']],
        'timestamp' => ['every', ['number']],
        'utcoffset' => ['every', ['number', 'null'], 0],
        'pid' => ['every', ['integer', 'null'], null],
        'clock' => ['every', ['integer', 'null'], null],
        'uuid' => ['task', ['string'], null],
        'name' => ['task-sent and task-received', ['string', 'null'], null],
        'args' => ['task-sent and task-received', ['string', 'null'], null],
        'kwargs' => ['task-sent and task-received', ['string', 'null'], null],
        'root_id' => ['task-sent and task-received', ['string', 'null'], null],
        'parent_id' => ['task-sent and task-received', ['string', 'null'], null],
        'retries' => ['task-sent and task-received', ['integer', 'null'], null],
        'eta' => ['task-sent and task-received', ['date-time', 'null'], null],
        'expires' => ['task-sent and task-received', ['date-time', 'null'], null],
        'queue' => ['task-sent', ['string', 'null'], null],
        'exchange' => ['task-sent', ['string', 'null'], null],
        'routing_key' => ['task-sent', ['string', 'null'], null],
        'result' => ['task-succeeded', ['string', 'null'], null],
        'runtime' => ['task-succeeded', ['number', 'null'], null],
        'exception' => ['task-failed and task-retried', ['string', 'null'], null],
        'traceback' => ['task-failed and task-retried', ['string', 'null'], null],
        'requeue' => ['task-rejected', ['boolean', 'null'], null],
        'terminated' => ['task-revoked', ['boolean', 'null'], null],
        'signum' => ['task-revoked', ['integer', 'string', 'null'], null],
        'expired' => ['task-revoked', ['boolean', 'null'], null],
        'freq' => ['worker', ['number', 'null'], null],
        'active' => ['worker', ['integer', 'null'], null],
        'processed' => ['worker', ['integer', 'null'], null],
        'loadavg' => ['worker', ['array', 'null'], null],
        'sw_ident' => ['worker', ['string', 'null'], null],
        'sw_ver' => ['worker', ['string', 'null'], null],
        'sw_sys' => ['worker', ['string', 'null'], null],
    ];

    /**
     * @param array<array-key, mixed> $members as they travelled, values in the lossless form; fields that an event of
     *                                         its type lacks are not in it, others than those of FIELDS may be
     */
    private function __construct(public array $members)
    {
    }

    /**
     * Reads an event.
     *
     * @param mixed $value what the body of a message holds, or one element of its array
     * @throws InvalidMessage when it is none: without type, hostname or timestamp, or a field of the wrong type
     */
    public static function parse(mixed $value): self
    {
        $members = $value instanceof JsonObject ? $value->members : [];
        $type = $members['type'] ?? null;
        if (!is_string($type)) {
            throw new InvalidMessage('an event has to be an object with a type');
        }
        (new FieldTable(self::rows($type)))->accept($members);
        if (str_starts_with($type, 'task-') && !isset($members['uuid'])) {
            throw new InvalidMessage('an event of a task has to name the task by its uuid');
        }

        return new self($members);
    }

    /**
     * What happened: group, hyphen, name.
     */
    public function type(): string
    {
        return (string) $this->members['type'];
    }

    /**
     * The rows of FIELDS that hold for a type of event.
     *
     * @return array<string, array{string, non-empty-list<string>, 2?: mixed}>
     */
    private static function rows(string $type): array
    {
        $places = ['every', explode('-', $type)[0], $type];

        return array_filter(
            self::FIELDS,
            static fn (array $row): bool => array_intersect(explode(' and ', $row[0]), $places) !== [],
        );
    }
}
