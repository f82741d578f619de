<?php

declare(strict_types=1);

namespace Celeriac\Transport\Amqp;

use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Message\Wire;
use Celeriac\Serialization\Payload;
use Celeriac\Transport\ControlChannel;
use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Exception\AMQPExceptionInterface;
use PhpAmqpLib\Exception\AMQPInvalidArgumentException;
use PhpAmqpLib\Exception\AMQPOutOfBoundsException;
use PhpAmqpLib\Exception\AMQPOutOfRangeException;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;

/**
 * Remote control through RabbitMQ: a fanout to all workers, and a queue of one's own for their replies.
 */
final class AmqpControl implements ControlChannel
{
    /** As Celery declares its own: 10 s without a consumer, five minutes for a reply */
    private const ARGUMENTS = ['x-expires' => 10_000, 'x-message-ttl' => 300_000];
    /** How long the broker may take to confirm, and the rest of a frame whose first bytes are there */
    private const SECONDS = 30.0;

    private ?AMQPChannel $channel = null;

    /** @var list<Wire> replies not yet handed out */
    private array $replies = [];

    /**
     * @param string $routingKey unique to this controller
     */
    public function __construct(private readonly AmqplibConnector $connector, private readonly string $routingKey)
    {
    }

    public function routingKey(): string
    {
        return $this->routingKey;
    }

    public function listen(): void
    {
        $this->replies = [];
        try {
            // shows whether the connection still stands, and takes in what came late
            while ($this->channel !== null && $this->receive(0.0));
        } catch (BrokerUnavailable | InvalidMessage) {
            $this->discard();
        }
        $this->replies = [];
        $this->channel ??= $this->connector->channel($this->setUp(...));
    }

    public function publish(Wire $request): void
    {
        $message = new AmqplibMessage($request);
        $this->channel ??= $this->connector->channel($this->setUp(...));
        $this->guard(static function (AMQPChannel $channel) use ($message): void {
            $channel->basic_publish($message, self::REQUESTS, '');
            $channel->wait_for_pending_acks(self::SECONDS);
        });
    }

    public function next(float $seconds): ?Wire
    {
        $deadline = microtime(true) + $seconds;
        while ($this->replies === [] && $this->receive(max(0.0, $deadline - microtime(true))));

        return array_shift($this->replies);
    }

    public function rest(): void
    {
        // the queue is kept for the next request, and goes with the connection
    }

    public function close(): void
    {
        $this->channel = null;
        $this->connector->close();
    }

    private function setUp(AMQPChannel $channel): void
    {
        $queue = $this->routingKey . '.' . self::REPLIES;
        $channel->exchange_declare(self::REPLIES, 'direct', false, false, false);
        $channel->queue_declare($queue, false, false, true, true, false, new AMQPTable(self::ARGUMENTS));
        $channel->queue_bind($queue, self::REPLIES, $this->routingKey);
        $channel->exchange_declare(self::REQUESTS, 'fanout', false, false, false);
        $channel->confirm_select();
        $channel->basic_consume($queue, no_ack: true, callback: function (AMQPMessage $message): void {
            $this->replies[] = self::wire($message);
        });
    }

    /**
     * @return bool false when the server sent nothing in time
     */
    private function receive(float $seconds): bool
    {
        return $this->guard(function (AMQPChannel $channel) use ($seconds): bool {
            // a reply that was quicker than the confirmation of its request was put aside
            $heard = $channel->hasPendingMethods() || $this->connector->hears($seconds);
            if ($heard) {
                $channel->wait(null, false, self::SECONDS);
            }

            return $heard;
        });
    }

    /**
     * @template T
     * @param \Closure(AMQPChannel): T $step
     * @return T
     */
    private function guard(\Closure $step): mixed
    {
        if ($this->channel === null) {
            throw $this->connector->unavailable('the connection was closed');
        }
        try {
            return $step($this->channel);
        } catch (AMQPInvalidArgumentException | AMQPOutOfBoundsException | AMQPOutOfRangeException $fault) {
            $this->discard();
            throw new InvalidMessage("a reply cannot be read: {$fault->getMessage()}", 0, $fault);
        } catch (AMQPExceptionInterface $fault) {
            $this->discard();
            throw $this->connector->unavailable($fault->getMessage(), $fault);
        }
    }

    private function discard(): void
    {
        $this->channel = null;
        $this->connector->discard();
    }

    private static function wire(AMQPMessage $message): Wire
    {
        $properties = $message->get_properties();
        $headers = $properties['application_headers'] ?? null;
        $payload = new Payload(
            $message->getBody(),
            $properties['content_type'] ?? null,
            $properties['content_encoding'] ?? null,
        );
        unset($properties['content_type'], $properties['content_encoding'], $properties['application_headers']);

        return new Wire($payload, $headers instanceof AMQPTable ? $headers->getNativeData() : [], $properties);
    }
}
