<?php

declare(strict_types=1);

namespace Celeriac\Transport\Amqp;

use Celeriac\Exception\InvalidMessage;
use Celeriac\Message\Wire;
use Celeriac\Serialization\Payload;
use Celeriac\Transport\ConnectionLost;
use Celeriac\Transport\ResultStore;
use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Exception\AMQPExceptionInterface;
use PhpAmqpLib\Exception\AMQPInvalidArgumentException;
use PhpAmqpLib\Exception\AMQPOutOfBoundsException;
use PhpAmqpLib\Exception\AMQPOutOfRangeException;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;

/**
 * Results as replies ("rpc"): one queue for this client, read over php-amqplib on a connection of its own.
 *
 * The queue goes with its connection, as Celery's does: replies that a broken connection misses are lost.
 */
final class AmqpResults implements ResultStore
{
    private const EXPIRES = 86_400_000;
    /** Replies held here unread; the rest waits in the queue, so that a client that never reads does not fill up */
    private const PREFETCH = 200;
    /** How long the rest of a frame may take once its first bytes are there */
    private const FRAME_SECONDS = 30.0;

    /** Tasks whose replies are kept for whoever asks; past that the oldest are dropped */
    private const KEPT = 10_000;

    private ?AMQPChannel $channel = null;

    /** @var array<array-key, list<Wire>> replies not yet handed out, by task id, oldest first */
    private array $replies = [];

    /**
     * @param string $queue name of the reply queue, unique to this client
     */
    public function __construct(private readonly AmqplibConnector $connector, private readonly string $queue)
    {
    }

    public function replyTo(): string
    {
        return $this->queue;
    }

    public function expect(array $taskIds): void
    {
        $this->channel ??= $this->consume();
    }

    public function wait(string $taskId, float $seconds): ?Wire
    {
        $deadline = microtime(true) + $seconds;
        do {
            $this->expect([$taskId]);
            try {
                $heard = $this->receive($taskId, max(0.0, $deadline - microtime(true)));
            } catch (ConnectionLost) {
                $this->channel = null;
                $this->connector->discard();
                $heard = false;
            }
        } while (!isset($this->replies[$taskId]) && ($heard || microtime(true) < $deadline));

        $replies = $this->replies[$taskId] ?? [];
        $next = array_shift($replies);
        unset($this->replies[$taskId]);
        $this->replies += $replies === [] ? [] : [$taskId => $replies];

        return $next;
    }

    public function forget(string $taskId): void
    {
        unset($this->replies[$taskId]);
    }

    public function close(): void
    {
        $this->channel = null;
        $this->connector->close();
    }

    /**
     * @return bool whether the server sent anything
     */
    private function receive(string $taskId, float $seconds): bool
    {
        $channel = $this->channel;
        try {
            while ($channel?->hasPendingMethods()) {
                $channel->wait(null, true);
            }
            if (isset($this->replies[$taskId]) || !$this->connector->hears($seconds)) {
                return false;
            }
            $channel?->wait(null, false, self::FRAME_SECONDS);

            return true;
        } catch (AMQPInvalidArgumentException | AMQPOutOfBoundsException | AMQPOutOfRangeException $fault) {
            $this->channel = null;
            $this->connector->discard();
            throw new InvalidMessage("a reply cannot be read: {$fault->getMessage()}", 0, $fault);
        } catch (AMQPExceptionInterface $fault) {
            throw new ConnectionLost($fault->getMessage(), $fault);
        }
    }

    private function consume(): AMQPChannel
    {
        return $this->connector->channel(function (AMQPChannel $channel): void {
            $arguments = new AMQPTable(['x-expires' => self::EXPIRES]);
            $channel->queue_declare($this->queue, false, true, false, true, false, $arguments);
            $channel->basic_qos(0, self::PREFETCH, false);
            $channel->basic_consume($this->queue, callback: $this->keep(...));
        });
    }

    private function keep(AMQPMessage $message): void
    {
        $properties = $message->get_properties();
        $taskId = $properties['correlation_id'] ?? null;
        if (is_string($taskId)) {
            $payload = new Payload(
                $message->getBody(),
                $properties['content_type'] ?? null,
                $properties['content_encoding'] ?? null,
            );
            unset($properties['content_type'], $properties['content_encoding'], $properties['application_headers']);
            $this->replies[$taskId][] = new Wire($payload, [], $properties);
            if (count($this->replies) > self::KEPT) {
                unset($this->replies[array_key_first($this->replies)]);
            }
        }
        $message->ack();
    }
}
