<?php

declare(strict_types=1);

namespace Celeriac\Result;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Exception\NotRegistered;
use Celeriac\Exception\TaskFailure;
use Celeriac\Exception\TaskRevoked;
use Celeriac\Serialization\FieldTable;
use Celeriac\Serialization\Iso8601;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Limits;
use Celeriac\Serialization\Payload;
use Celeriac\Serialization\Values;

/**
 * A result document: what a worker stores or replies about one task. Only fields present on the wire are in it.
 */
final readonly class TaskResult
{
    /** name => [place, types, value when omitted]; see FieldTable */
    public const FIELDS = [
        'task_id' => ['result', ['string']],
        'status' => ['result', ['string']],
        'result' => ['result', ['any'], null],
        'traceback' => ['result', ['string', 'null'], null],
        'children' => ['result', ['array', 'null'], null],
        'date_done' => ['result', ['date-time', 'null'], null],
        'parent_id' => ['result', ['string', 'null'], null],
        'group_id' => ['result', ['string', 'null'], null],
    ];

    private const WRAPPER = 'UnpickleableExceptionWrapper';

    /**
     * @param array<string, mixed> $fields by the names of FIELDS, values in the lossless form
     * @param array<array-key, mixed> $extra members that FIELDS does not name, such as `worker` with result_extended
     */
    private function __construct(
        public array $fields,
        public array $extra,
        public ?string $contentType,
        public ?string $contentEncoding,
    ) {
    }

    /**
     * A document from its fields.
     *
     * @param array<string, mixed> $fields by the names of FIELDS
     * @param array<array-key, mixed> $extra
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
     * Reads a document.
     *
     * @throws InvalidMessage when it is none; nothing else is thrown
     */
    public static function parse(Payload $payload, Limits $limits = new Limits()): self
    {
        $document = $payload->opened($limits)->decode($limits);
        if (!$document instanceof JsonObject) {
            throw new InvalidMessage('a result document has to be an object');
        }
        [$fields, $rest] = (new FieldTable(self::FIELDS))->gather(['result' => $document->members]);
        if ($fields['task_id'] === '' || $fields['status'] === '') {
            throw new InvalidMessage('task_id and status must not be empty');
        }
        $result = new self($fields, $rest['result'] ?? [], $payload->contentType, $payload->contentEncoding);
        if ($result->state() === State::Failure) {
            $result->exception();
        }

        return $result;
    }

    /**
     * Writes the document: the reverse of parse().
     *
     * @throws InvalidCall when the result has no form on the wire
     */
    public function build(): Payload
    {
        $places = (new FieldTable(self::FIELDS))->spread($this->fields, ['result' => $this->extra]);

        return Payload::of(new JsonObject($places['result']), $this->contentType, $this->contentEncoding);
    }

    /**
     * The state of the task.
     */
    public function state(): State
    {
        return State::fromStatus($this->status());
    }

    /**
     * The state as text, which also names states of the task's own making.
     */
    public function status(): string
    {
        return (string) $this->fields['status'];
    }

    /**
     * When the task ended, UTC where the document names no offset; null when it has not, or does not say.
     */
    public function dateDone(): ?\DateTimeImmutable
    {
        $text = $this->fields['date_done'] ?? null;

        return is_string($text) ? Iso8601::parse($text) : null;
    }

    /**
     * What the task returned, objects as associative arrays; `fields['result']` has it without that loss.
     *
     * @throws TaskFailure when the task failed, NotRegistered when there is no such task
     * @throws TaskRevoked when it was revoked
     * @throws InvalidMessage when the document of a failed task does not say how it failed
     */
    public function value(): mixed
    {
        return match ($this->state()) {
            State::Failure, State::Rejected => throw $this->exception(),
            State::Revoked => throw $this->revoked(),
            default => Values::plain($this->fields['result'] ?? null),
        };
    }

    private function exception(): TaskFailure
    {
        $error = $this->fields['result'] ?? null;
        $error = $error instanceof JsonObject ? $error->members : [];
        [$type, $args] = [$error['exc_type'] ?? null, Values::plain($error['exc_message'] ?? [])];
        $module = $error['exc_module'] ?? null;
        if (!is_string($type) || !($module === null || is_string($module))) {
            throw new InvalidMessage('the document of a failed task has to name exc_type, exc_message and exc_module');
        }
        $args = is_array($args) && array_is_list($args) ? $args : [$args];
        // so Celery wraps what it cannot pickle: module, name, arguments and text of the exception itself
        if ($type === self::WRAPPER && count($args) === 4 && is_string($args[1]) && is_array($args[2])) {
            [$module, $type, $args] = [is_string($args[0]) ? $args[0] : null, $args[1], array_values($args[2])];
        }
        $traceback = $this->fields['traceback'] ?? null;

        return new ($type === 'NotRegistered' ? NotRegistered::class : TaskFailure::class)(
            (string) $this->fields['task_id'],
            $this->status(),
            $type,
            $module,
            $args,
            is_string($traceback) ? $traceback : null,
        );
    }

    private function revoked(): TaskRevoked
    {
        $error = $this->fields['result'] ?? null;
        $said = $error instanceof JsonObject ? $error->members['exc_message'] ?? null : $error;
        $reason = is_array($said) ? $said[0] ?? null : $said;

        return new TaskRevoked((string) $this->fields['task_id'], is_string($reason) ? $reason : 'revoked');
    }
}
