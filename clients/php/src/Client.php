<?php

declare(strict_types=1);

namespace Celeriac;

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
        $this->producer = new Producer(
            sprintf('gen%d@%s', getmypid(), gethostname()),
            $results?->replyTo() ?? ($options->newId)(),
        );
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
     * Sends one task and returns when the broker has confirmed it.
     *
     * @param string|Signature $task name of the task, or a signature that has arguments and options
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
        if ($this->closed) {
            throw new InvalidCall('the client is closed');
        }
        $deliveries = [];
        foreach ($calls as $call) {
            $deliveries[] = $this->delivery($call instanceof Signature ? new Call($call) : $call);
        }
        $ids = array_column($deliveries, 'taskId');
        $this->results?->expect($ids);
        try {
            $this->broker->publish($deliveries);
        } catch (PublishFailed $failure) {
            array_map(fn (string $id) => $this->results?->forget($id), $failure->taskIds);
            throw $failure;
        }

        return array_map($this->result(...), $ids);
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

    private function delivery(Call $call): Delivery
    {
        $options = $call->options;
        $id = $options->taskId ?? ($this->options->newId)();
        $message = $this->producer->message($call->signature, $options, $id, ($this->options->now)());
        $exchange = $options->exchange ?? '';
        $routingKey = $exchange === '' ? $options->queue ?? $this->options->queue : $options->routingKey ?? '';

        return new Delivery($id, $message->build(), $exchange, $routingKey);
    }
}
