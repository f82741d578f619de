<?php

declare(strict_types=1);

namespace Celeriac;

use Celeriac\Exception\InvalidCall;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Serializer;

/**
 * How one task is sent. Pass what you need by name: `new SendOptions(queue: 'mail', countdown: 5)`.
 */
final readonly class SendOptions
{
    /** @var list<Signature> tasks to call with the result after success; `callbacks` on the wire */
    public array $link;

    /** @var list<Signature> tasks to call with the task id after failure; `errbacks` on the wire */
    public array $linkError;

    /**
     * @param string|null $queue name of the queue; null: the client's default queue
     * @param string|null $exchange AMQP exchange to publish to instead of a queue; it has to exist
     * @param string|null $routingKey routing key for the exchange
     * @param int|null $priority 0 to 255 on RabbitMQ, where the higher goes first and the queue needs x-max-priority;
     *                           0 to 9 on Redis, where the lower goes first
     * @param int|float|null $countdown seconds from now before which the task does not start; `eta` on the wire
     * @param \DateTimeInterface|null $eta instant before which the task does not start
     * @param int|float|\DateTimeInterface|null $expires seconds from now, or the instant, after which it does not start
     * @param int|float|null $timeLimit seconds after which the worker kills the task; `timelimit[0]`
     * @param int|float|null $softTimeLimit seconds after which the task is interrupted; `timelimit[1]`
     * @param string|null $taskId id of the task; null: a new random UUID
     * @param bool|null $ignoreResult true: store no result; null: as the task is configured
     * @param array<string, mixed> $headers headers of your own beside the protocol's
     * @param Signature|list<Signature> $link tasks to call with the result after success
     * @param Signature|list<Signature> $linkError tasks to call with the task id after failure
     * @param string|null $shadow name to show in logs and events in place of the task's
     * @param string|null $rootId first task of the workflow that this one belongs to; null: the task itself
     * @param string|null $parentId task on whose behalf this one is sent
     * @param string|null $replyTo queue for rpc results instead of this client's own
     * @param array<string, mixed> $stamps names and values by which workers can be told to revoke the task
     * @param Serializer $serializer what the arguments are written in; the worker has to accept it
     * @param string|null $compression of the arguments: "zlib" or "bzip2"
     * @throws InvalidCall when a value is out of range or two options exclude each other
     */
    public function __construct(
        public ?string $queue = null,
        public ?string $exchange = null,
        public ?string $routingKey = null,
        public ?int $priority = null,
        public int|float|null $countdown = null,
        public ?\DateTimeInterface $eta = null,
        public int|float|\DateTimeInterface|null $expires = null,
        public int|float|null $timeLimit = null,
        public int|float|null $softTimeLimit = null,
        public ?string $taskId = null,
        public ?bool $ignoreResult = false,
        public array $headers = [],
        Signature|array $link = [],
        Signature|array $linkError = [],
        public ?string $shadow = null,
        public ?string $rootId = null,
        public ?string $parentId = null,
        public ?string $replyTo = null,
        public array $stamps = [],
        public Serializer $serializer = Serializer::Json,
        public ?string $compression = null,
    ) {
        $this->link = self::signatures($link, 'link');
        $this->linkError = self::signatures($linkError, 'link_error');
        $faults = [
            'queue must not be empty: leave it out for the default queue' => $queue === '',
            'task_id must not be empty: leave it out for a new one' => $taskId === '',
            'priority has to be 0 to 255' => $priority !== null && ($priority < 0 || $priority > 255),
            'countdown has to be a finite number of seconds' => !self::isSpan($countdown),
            'expires has to be a finite number of seconds, or a date' => !self::isSpan($expires),
            'name countdown or eta, not both' => $countdown !== null && $eta !== null,
            'time_limit has to be over 0' => $timeLimit !== null && !($timeLimit > 0 && is_finite($timeLimit)),
            'soft_time_limit has to be over 0' => $softTimeLimit !== null
                && !($softTimeLimit > 0 && is_finite($softTimeLimit)),
            'soft_time_limit has to be at most time_limit' => $timeLimit !== null && $softTimeLimit > $timeLimit,
            'name queue or exchange, not both' => $queue !== null && ($exchange ?? '') !== '',
            'routing_key without an exchange is the name of the queue: pass it as queue' => $routingKey !== null
                && ($exchange ?? '') === '' && $queue !== $routingKey,
        ];
        $fault = array_search(true, $faults, true);
        if (is_string($fault)) {
            throw new InvalidCall($fault);
        }
    }

    /**
     * Options by the names that Celery and the other Celeriac clients use: `['time_limit' => 30, 'task_id' => ...]`.
     *
     * @param array<array-key, mixed> $options link and link_error may hold Signatures or their objects
     * @throws InvalidCall for an unknown name or a value of the wrong type
     */
    public static function fromArray(array $options): self
    {
        $named = [];
        $names = $options['stamped_headers'] ?? [];
        $stamps = array_intersect_key($options, array_flip(is_array($names) ? $names : []));
        $options = array_diff_key($options, $stamps, ['stamped_headers' => 0]) + array_filter(['stamps' => $stamps]);
        foreach ($options as $name => $value) {
            $parameter = lcfirst(str_replace('_', '', ucwords((string) $name, '_')));
            $named[$parameter] = match (true) {
                $parameter === 'serializer' && is_string($value) => Serializer::named($value),
                !$value instanceof JsonObject => $value,
                $parameter === 'headers', $parameter === 'stamps' => $value->members,
                default => [$value],
            };
        }
        $known = array_column((new \ReflectionMethod(self::class, '__construct'))->getParameters(), 'name');
        $unknown = array_diff(array_keys($named), $known);
        if ($unknown !== []) {
            throw new InvalidCall('unknown option ' . implode(', ', $unknown));
        }
        try {
            /** @phpstan-ignore argument.type (what does not fit is the TypeError below) */
            return new self(...$named);
        } catch (\TypeError $fault) {
            $said = preg_replace('/^.*\(\$(\w+)\) (.*), called in .*$/s', '$1 $2', $fault->getMessage());
            throw new InvalidCall("bad option: $said", 0, $fault);
        }
    }

    /**
     * As fromArray(); most signatures have no options, and all of those share one object.
     *
     * @internal
     * @param array<string, mixed> $options
     */
    public static function ofSignature(array $options): self
    {
        static $none = new self();

        return $options === [] ? $none : self::fromArray($options);
    }

    /**
     * The reverse of fromArray(): what differs from the defaults, as options of a signature.
     *
     * @return array<string, mixed>
     */
    public function toArray(): array
    {
        $options = [];
        foreach (self::changes($this) as $name => $value) {
            $options[strtolower((string) preg_replace('/[A-Z]/', '_$0', $name))]
                = $value instanceof Serializer ? $value->celeryName() : $value;
        }
        $stamps = $options['stamps'] ?? [];
        unset($options['stamps']);

        return $options + $stamps + array_filter(['stamped_headers' => array_keys($stamps)]);
    }

    /**
     * A copy with some options changed: `$options->with(queue: 'mail')`.
     *
     * @throws InvalidCall as the constructor
     */
    public function with(mixed ...$options): self
    {
        return new self(...$options + get_object_vars($this));
    }

    /**
     * These options, and those of others where these are as by default.
     *
     * @throws InvalidCall when they do not go together
     */
    public function over(self $others): self
    {
        return $others->with(...self::changes($this));
    }

    /**
     * @return array<string, mixed>
     */
    private static function changes(self $options): array
    {
        $default = get_object_vars(new self());

        return array_filter(
            get_object_vars($options),
            static fn (mixed $value, string $name): bool => $value !== $default[$name],
            ARRAY_FILTER_USE_BOTH,
        );
    }

    private static function isSpan(mixed $seconds): bool
    {
        return !is_float($seconds) || is_finite($seconds);
    }

    /**
     * @param Signature|array<array-key, mixed> $links
     * @return list<Signature>
     */
    private static function signatures(Signature|array $links, string $option): array
    {
        $signatures = [];
        foreach (is_array($links) ? $links : [$links] as $link) {
            $signatures[] = match (true) {
                $link instanceof Signature => $link,
                $link instanceof JsonObject => Signature::fromObject($link),
                default => throw new InvalidCall("$option takes Celeriac\Signature objects"),
            };
        }

        return $signatures;
    }
}
