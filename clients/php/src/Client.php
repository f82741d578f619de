<?php

declare(strict_types=1);

namespace Celeriac;

use Celeriac\Canvas\Plan;
use Celeriac\Canvas\PlannedCall;
use Celeriac\Canvas\Planner;
use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\PublishFailed;
use Celeriac\Message\Producer;
use Celeriac\Transport\Broker;
use Celeriac\Transport\Delivery;
use Celeriac\Transport\ResultStore;
use Celeriac\Transport\Transports;

/**
 * Sends tasks to Celery workers and reads their results.
 *
 *     $client = Client::connect(broker: 'amqp://guest:guest@localhost//', backend: 'rpc://');
 *     $sum = $client->send('tasks.add', [2, 3])->get(timeout: 10.0);
 */
final class Client
{
    private readonly Producer $producer;
    private readonly string $replyTo;
    private bool $closed = false;

    /**
     * A client over transports of your own; connect() makes them from URLs.
     *
     * @param ResultStore|null $results null: results cannot be read
     */
    public function __construct(
        private readonly Broker $broker,
        private readonly ?ResultStore $results = null,
        private readonly ClientOptions $options = new ClientOptions(),
    ) {
        $this->replyTo = $results?->replyTo() ?? ($options->newId)();
        $this->producer = new Producer(sprintf('gen%d@%s', getmypid(), gethostname()), $this->replyTo);
    }

    /**
     * A client for a broker and a result backend. Connections are made when they are first needed.
     *
     * @param string|object $broker amqp://, amqps://, redis://, rediss:// or redis+socket:// URL, or a connection to
     *                              share: a php-amqplib connection, an \AMQPConnection, a \Redis, a Predis client
     * @param string|object|null $backend "rpc://" (replies through RabbitMQ), a Redis URL, or a connection to share;
     *                                    null: results are not read
     * @throws InvalidCall when a URL is not understood or its driver not installed
     */
    public static function connect(
        #[\SensitiveParameter] string|object $broker,
        #[\SensitiveParameter] string|object|null $backend = null,
        ClientOptions $options = new ClientOptions(),
    ): self {
        $results = $backend === null
            ? null
            : Transports::results($backend, $broker, $options->transport, ($options->newId)());

        return new self(Transports::broker($broker, $options->transport), $results, $options);
    }

    /**
     * Sends one task, or a canvas that has one result, and returns when the broker has confirmed it.
     *
     * @param string|Signature $task name of the task, or a signature that has arguments and options; see Canvas
     * @param list<mixed> $args positional arguments
     * @param array<string, mixed> $kwargs keyword arguments; empty is `{}` on the wire, as it has to be
     * @throws InvalidCall when the call cannot be sent; nothing has been published then
     * @throws BrokerUnavailable when there is no connection within the connect timeout
     * @throws PublishFailed when the broker refused the message, had no queue for it, or did not confirm it
     */
    public function send(
        string|Signature $task,
        array $args = [],
        array $kwargs = [],
        ?SendOptions $options = null,
    ): AsyncResult {
        return $this->sendMany([new Call($task, $args, $kwargs, $options)])[0];
    }

    /**
     * Sends many tasks with one wait for all confirms: several times faster than one by one.
     *
     * @param iterable<Call|Signature> $calls
     * @return list<AsyncResult> in the order of the calls
     * @throws InvalidCall when one of them cannot be sent; nothing has been published then
     * @throws BrokerUnavailable when there is no connection within the connect timeout
     * @throws PublishFailed when some were not taken; it names them
     */
    public function sendMany(iterable $calls): array
    {
        $plans = [];
        foreach ($calls as $call) {
            $plans[] = $plan = $this->plan($call instanceof Signature ? new Call($call) : $call);
            if ($plan->end->children !== null) {
                throw new InvalidCall('a group has a result for each member: send it by sendGroup()');
            }
        }
        $this->publish($plans);

        return array_map(fn (Plan $plan): AsyncResult => $this->result($plan->end->id), $plans);
    }

    /**
     * Sends a group, or a canvas that ends with one, with one wait for all confirms.
     *
     * @param SendOptions|null $options for every member; null: those of the signature
     * @throws InvalidCall when it cannot be sent, or has one result alone; nothing has been published then
     * @throws BrokerUnavailable when there is no connection within the connect timeout
     * @throws PublishFailed when some messages were not taken; it names them
     */
    public function sendGroup(Signature $group, ?SendOptions $options = null): GroupResult
    {
        $plan = $this->plan(new Call($group, options: $options));
        $ids = $plan->end->children ?? throw new InvalidCall('this is no group, and has one result: send it by send()');
        $this->publish([$plan]);

        return new GroupResult($plan->end->id, array_map($this->result(...), $ids));
    }

    /**
     * The result of a task sent earlier, or by somebody else; over "rpc://" only of tasks that this client sent.
     */
    public function result(string $taskId): AsyncResult
    {
        return new AsyncResult($taskId, $this->results, $this->options->limits);
    }

    /**
     * Ends the connections that this client made. Any number of calls; sending afterwards is an InvalidCall.
     */
    public function close(): void
    {
        $this->closed = true;
        $this->broker->close();
        $this->results?->close();
    }

    private function plan(Call $call): Plan
    {
        return Planner::plan(
            $call->signature,
            $call->options,
            $this->options->newId,
            $this->replyTo,
            $this->results?->countsChords() === true,
        );
    }

    /**
     * @param list<Plan> $plans
     */
    private function publish(array $plans): void
    {
        if ($this->closed) {
            throw new InvalidCall('the client is closed');
        }
        $deliveries = [];
        $ids = [];
        foreach ($plans as $plan) {
            array_push($deliveries, ...array_map($this->delivery(...), $plan->calls));
            array_push($ids, ...$plan->end->children ?? [$plan->end->id]);
        }
        foreach ($plans as $plan) {
            $plan->chords === [] || $this->results?->startChords($plan->chords);
        }
        $this->results?->expect($ids);
        try {
            $this->broker->publish($deliveries);
        } catch (PublishFailed $failure) {
            foreach ($plans as $plan) {
                $this->forget($plan, $failure->taskIds);
            }
            throw $failure;
        }
    }

    /**
     * @param list<string> $failed ids of messages that were not taken
     */
    private function forget(Plan $plan, array $failed): void
    {
        if (array_intersect(array_column($plan->calls, 'id'), $failed) !== []) {
            array_map(fn (string $id) => $this->results?->forget($id), $plan->end->children ?? [$plan->end->id]);
        }
    }

    private function delivery(PlannedCall $call): Delivery
    {
        [$options, $now] = [$call->options, ($this->options->now)()];
        $message = $this->producer->message($call->signature, $options, $call->id, $now, $call->fields);
        $exchange = $options->exchange ?? '';
        $routingKey = $exchange === '' ? $options->queue ?? $this->options->queue : $options->routingKey ?? '';

        return new Delivery($call->id, $message->build(), $exchange, $routingKey);
    }
}
