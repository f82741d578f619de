<?php

declare(strict_types=1);

namespace Celeriac\Control;

use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Message\Wire;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Limits;
use Celeriac\Serialization\Uuid;
use Celeriac\Serialization\Values;
use Celeriac\Transport\ControlChannel;
use Celeriac\Transport\TransportOptions;
use Celeriac\Transport\Transports;

/**
 * Asks workers, and tells them what to do.
 *
 *     $control = Controller::connect('amqp://guest:guest@localhost//');
 *     foreach ($control->ping() as $reply) {
 *         echo $reply->node(), "\n";
 *     }
 *     $control->revoke($result->id);
 */
final class Controller
{
    private const PERSISTENT = 2;

    private int $clock = 0;

    /**
     * A controller over a channel of your own; connect() makes one from a URL.
     *
     * @param Limits $limits how large and deep a reply may be
     */
    public function __construct(
        private readonly ControlChannel $channel,
        private readonly Limits $limits = new Limits(),
    ) {
    }

    /**
     * A controller of the workers of a broker. The connection is made when it is first needed.
     *
     * @param string|object $broker an amqp:// or redis:// URL, or a connection to share: a php-amqplib connection, a
     *                              \Redis, a Predis client
     * @throws InvalidCall when the URL is not understood or its driver not installed
     */
    public static function connect(
        #[\SensitiveParameter] string|object $broker,
        TransportOptions $options = new TransportOptions(),
    ): self {
        return new self(Transports::control($broker, $options, Uuid::version4(random_bytes(16))->text));
    }

    /**
     * Sends a command and waits for replies. Nobody knows how many there will be: the wait ends with the time, or with
     * as many replies as are expected.
     *
     * @param string $method like "ping", "active", "stats", "rate_limit"; see chapter 7 of the specification
     * @param array<string, mixed> $arguments by name
     * @param Nodes|null $to null: all workers
     * @param float $timeout seconds
     * @param int|null $limit how many replies are enough; null: as many as are named in $to, without end for all
     * @return list<Reply> in the order in which they came; none is no fault
     * @throws InvalidCall when an argument cannot be sent
     * @throws BrokerUnavailable when the broker cannot be reached
     */
    public function ask(
        string $method,
        array $arguments = [],
        ?Nodes $to = null,
        float $timeout = 1.0,
        ?int $limit = null,
    ): array {
        $to ??= Nodes::all();
        $ticket = Uuid::version4(random_bytes(16))->text;
        $request = $this->request($method, $arguments, $to, $timeout, [
            'ticket' => $ticket,
            'reply_to' => new JsonObject([
                'exchange' => ControlChannel::REPLIES,
                'routing_key' => $this->channel->routingKey(),
            ]),
        ])->build();
        $this->channel->listen();
        try {
            $this->channel->publish($request);

            return $this->replies($ticket, microtime(true) + $timeout, $limit ?? count($to->names ?? []));
        } finally {
            $this->channel->rest();
        }
    }

    /**
     * Sends a command and does not wait for anybody: what becomes of it is not known.
     *
     * @param string $method like "shutdown", "pool_grow"; see chapter 7 of the specification
     * @param array<string, mixed> $arguments by name
     * @param Nodes|null $to null: all workers
     * @throws InvalidCall when an argument cannot be sent
     * @throws BrokerUnavailable when the broker cannot be reached
     */
    public function tell(string $method, array $arguments = [], ?Nodes $to = null): void
    {
        $this->channel->publish($this->request($method, $arguments, $to ?? Nodes::all(), 1.0, [])->build());
    }

    /**
     * Asks who is there.
     *
     * @param Nodes|null $to null: all workers
     * @param float $timeout seconds
     * @return list<Reply> one of each worker that answered in time
     * @throws BrokerUnavailable when the broker cannot be reached
     */
    public function ping(?Nodes $to = null, float $timeout = 1.0): array
    {
        return $this->ask('ping', [], $to, $timeout);
    }

    /**
     * Tells workers not to run tasks. A task that runs already is stopped only with $terminate, and whatever its
     * process does by then with it. Workers remember ids for some hours; whether a task ended is in its result alone.
     *
     * @param string|list<string> $taskIds
     * @param string $signal for $terminate: "SIGTERM", "SIGKILL", ...
     * @param Nodes|null $to null: all workers
     * @throws BrokerUnavailable when the broker cannot be reached
     */
    public function revoke(
        string|array $taskIds,
        bool $terminate = false,
        string $signal = 'SIGTERM',
        ?Nodes $to = null,
    ): void {
        $this->tell('revoke', ['task_id' => $taskIds, 'terminate' => $terminate, 'signal' => $signal], $to);
    }

    /**
     * The same for all tasks with one of these stamps; those in the queue as well.
     *
     * @param array<string, mixed> $stamps names and values, or lists of values
     * @throws BrokerUnavailable when the broker cannot be reached
     */
    public function revokeByStamps(array $stamps, bool $terminate = false, string $signal = 'SIGTERM'): void
    {
        $arguments = ['headers' => new JsonObject($stamps), 'terminate' => $terminate, 'signal' => $signal];
        $this->tell('revoke_by_stamped_headers', $arguments);
    }

    /**
     * Ends the connection that this controller made. Any number of calls.
     */
    public function close(): void
    {
        $this->channel->close();
    }

    /**
     * @param array<string, mixed> $arguments
     * @param array<string, mixed> $more
     */
    private function request(string $method, array $arguments, Nodes $to, float $timeout, array $more): Request
    {
        return Request::of([
            'clock' => ++$this->clock,
            'expires' => microtime(true) + $timeout,
            'delivery_mode' => self::PERSISTENT,
            'priority' => 0,
            'method' => $method,
            'arguments' => new JsonObject(array_map(Values::lossless(...), $arguments)),
            'destination' => $to->names,
            'pattern' => $to->pattern,
            'matcher' => $to->matcher,
        ] + $more);
    }

    /**
     * @return list<Reply>
     */
    private function replies(string $ticket, float $deadline, int $enough): array
    {
        $replies = [];
        do {
            $reply = $this->reply($ticket, max(0.0, $deadline - microtime(true)));
            if ($reply !== null) {
                $replies[] = $reply;
            }
        } while (($enough === 0 || count($replies) < $enough) && microtime(true) < $deadline);

        return $replies;
    }

    /**
     * The next reply to this request: late ones to others, and what cannot be read, are passed over.
     */
    private function reply(string $ticket, float $seconds): ?Reply
    {
        try {
            $wire = $this->channel->next($seconds);

            return $wire === null || ($wire->headers['ticket'] ?? null) !== $ticket ? null : $this->read($wire);
        } catch (InvalidMessage) {
            return null;
        }
    }

    private function read(Wire $wire): Reply
    {
        $reply = Reply::parse($wire, $this->limits);
        $clock = $reply->fields['clock'] ?? 0;
        $this->clock = max($this->clock, is_int($clock) ? $clock : 0);

        return $reply;
    }
}
