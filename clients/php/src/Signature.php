<?php

declare(strict_types=1);

namespace Celeriac;

use Celeriac\Exception\InvalidCall;
use Celeriac\Serialization\JsonObject;

/**
 * A call that is described but not made: sent by Client::send(), carried by another task as link or linkError, or part
 * of a canvas (see Canvas).
 *
 *     $report = (new Signature('reports.build', kwargs: ['format' => 'pdf']))->onQueue('reports');
 *     $client->send('orders.close', [42], options: new SendOptions(link: $report));
 *
 * On the wire it is an object of six members: task, args, kwargs, options, subtask_type, immutable.
 */
final readonly class Signature implements \JsonSerializable
{
    /** name => [place, types, value when omitted]; see Serialization\FieldTable */
    public const FIELDS = [
        'task' => ['signature', ['string']],
        'args' => ['signature', ['array'], []],
        'kwargs' => ['signature', ['object'], []],
        'options' => ['signature', ['object'], []],
        'subtask_type' => ['signature', ['string', 'null'], null],
        'immutable' => ['signature', ['boolean'], false],
        'chord_size' => ['signature', ['integer', 'null'], null],
    ];

    private const LINKS = ['link' => 0, 'link_error' => 0];

    /** @var array<string, mixed> how to send it, by Celery's names; link and link_error as lists of objects */
    public array $options;

    /**
     * @param string $task name of the task, like "tasks.add"
     * @param list<mixed> $args positional arguments
     * @param array<string, mixed> $kwargs keyword arguments
     * @param array<string, mixed> $options how to send it, by Celery's names: queue, countdown, task_id, ...
     * @param bool $immutable true: the task does not get the result of the task that it is linked to
     * @param string|null $subtaskType null, "chain", "group" or "chord"
     * @throws InvalidCall when a name is empty, args is no list, or kwargs is one
     */
    public function __construct(
        public string $task,
        public array $args = [],
        public array $kwargs = [],
        array $options = [],
        public bool $immutable = false,
        public ?string $subtaskType = null,
    ) {
        if ($task === '') {
            throw new InvalidCall('a task needs a name');
        }
        if (!array_is_list($args)) {
            throw new InvalidCall('args has to be a list: pass named arguments as kwargs');
        }
        if ($kwargs !== [] && array_is_list($kwargs)) {
            throw new InvalidCall('kwargs has to have names as keys: pass positional arguments as args');
        }
        foreach (array_intersect_key($options, self::LINKS) as $name => $links) {
            $options[$name] = self::objects($links, $name);
        }
        $this->options = $options;
    }

    /**
     * A copy that is sent to the named queue.
     */
    public function onQueue(string $queue): self
    {
        return $this->withOption('queue', $queue);
    }

    /**
     * A copy that does not get the result of the task that it is linked to.
     */
    public function immutable(): self
    {
        return new self($this->task, $this->args, $this->kwargs, $this->options, true, $this->subtaskType);
    }

    /**
     * A copy that calls another task, with its result, after it has succeeded.
     */
    public function link(self $callback): self
    {
        return $this->withOption('link', [...$this->options['link'] ?? [], $callback]);
    }

    /**
     * A copy that calls another task, with its task id, after it has failed.
     */
    public function linkError(self $errback): self
    {
        return $this->withOption('link_error', [...$this->options['link_error'] ?? [], $errback]);
    }

    /**
     * A copy with stamps: names and values in its headers, by which it can be revoked. Those of a canvas go to its
     * parts.
     *
     * @param array<string, mixed> $stamps
     */
    public function stamp(array $stamps): self
    {
        $names = array_keys($stamps + array_flip($this->options['stamped_headers'] ?? []));

        return $stamps === [] ? $this : new self(
            $this->task,
            $this->args,
            $this->kwargs,
            ['stamped_headers' => $names] + $stamps + $this->options,
            $this->immutable,
            $this->subtaskType,
        );
    }

    /**
     * A copy with one option set, named as Celery names it: "countdown", "priority", "task_id", ...
     */
    public function withOption(string $name, mixed $value): self
    {
        $options = [$name => $value] + $this->options;

        return new self($this->task, $this->args, $this->kwargs, $options, $this->immutable, $this->subtaskType);
    }

    /**
     * The object of six members that crosses the wire.
     */
    public function toObject(): JsonObject
    {
        return new JsonObject([
            'task' => $this->task,
            'args' => $this->args,
            'kwargs' => new JsonObject($this->kwargs),
            'options' => new JsonObject($this->options),
            'subtask_type' => $this->subtaskType,
            'immutable' => $this->immutable,
        ]);
    }

    /**
     * The same, for wherever a signature stands in args, kwargs or options.
     */
    public function jsonSerialize(): JsonObject
    {
        return $this->toObject();
    }

    /**
     * A signature from an object that was written by toObject(), by Celery, or by hand with the same names.
     *
     * @param JsonObject|array<string, mixed> $object
     * @throws InvalidCall when it has no task, or a member of the wrong type
     */
    public static function fromObject(JsonObject|array $object): self
    {
        $members = $object instanceof JsonObject ? $object->members : $object;
        [$task, $args] = [$members['task'] ?? null, $members['args'] ?? []];
        $kwargs = self::named($members['kwargs'] ?? []);
        $options = self::named($members['options'] ?? []);
        $type = $members['subtask_type'] ?? null;
        $immutable = $members['immutable'] ?? false;
        if (!is_string($task) || !is_array($args) || !is_bool($immutable) || !($type === null || is_string($type))) {
            throw new InvalidCall('a signature has task, args, kwargs, options, subtask_type and immutable');
        }

        return new self($task, array_values($args), $kwargs, $options, $immutable, $type);
    }

    /**
     * @return array<string, mixed>
     */
    private static function named(mixed $value): array
    {
        $members = $value instanceof JsonObject ? $value->members : $value;

        return is_array($members) ? $members : throw new InvalidCall('kwargs and options of a signature are objects');
    }

    /**
     * @return list<JsonObject>
     */
    private static function objects(mixed $links, string $option): array
    {
        return array_map(static fn (mixed $link): JsonObject => match (true) {
            $link instanceof self => $link->toObject(),
            $link instanceof JsonObject => self::fromObject($link)->toObject(),
            default => throw new InvalidCall("$option takes Celeriac\Signature objects"),
        }, is_array($links) ? array_values($links) : [$links]);
    }
}
