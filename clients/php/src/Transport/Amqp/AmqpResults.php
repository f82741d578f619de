<?php

declare(strict_types=1);

namespace Celeriac\Transport\Amqp;

use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Message\Wire;
use Celeriac\Serialization\Payload;
use Celeriac\Transport\ConnectionLost;
use Celeriac\Transport\Patience;
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

    /** Tasks that nobody waits for whose replies are kept all the same, should somebody ask by the id */
    private const UNCLAIMED = 1000;

    private ?AMQPChannel $channel = null;

    /** Whether there has been a connection */
    private bool $reached = false;

    /** @var array<array-key, list<Wire>> replies not yet handed out, by task id; a key for each task awaited */
    private array $claimed = [];

    /** @var array<array-key, list<Wire>> replies about other tasks, oldest task first */
    private array $unclaimed = [];

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
        foreach ($taskIds as $taskId) {
            $this->claimed[$taskId] ??= $this->unclaimed[$taskId] ?? [];
            unset($this->unclaimed[$taskId]);
        }
        try {
            // shows whether the connection still stands: with it the reply queue would be gone
            while ($this->channel !== null && $this->receive(0.0));
        } catch (ConnectionLost | InvalidMessage) {
            $this->discard();
        }
        $this->channel ??= $this->consume();
        $this->reached = true;
    }

    public function countsChords(): bool
    {
        return false;
    }

    public function startChords(array $sizes): void
    {
        throw new InvalidCall('replies by rpc:// cannot be counted: a chord needs a redis:// URL as backend');
    }

    public function wait(string $taskId, float $seconds): ?Wire
    {
        $deadline = microtime(true) + $seconds;
        $patience = new Patience($deadline);
        do {
            try {
                $this->expect([$taskId]);
                $left = max(0.0, $deadline - microtime(true));
                $again = $this->claimed[$taskId] === [] && ($this->receive($left) || microtime(true) < $deadline);
            } catch (ConnectionLost) {
                $this->discard();
                $again = microtime(true) < $deadline;
            } catch (BrokerUnavailable $lost) {
                // an address that was never right is told at once
                if (!$this->reached || $seconds <= 0.0) {
                    throw $lost;
                }
                $again = $patience->pause();
            }
        } while ($this->claimed[$taskId] === [] && $again);

        return array_shift($this->claimed[$taskId]);
    }

    public function forget(string $taskId): void
    {
        $replies = $this->claimed[$taskId] ?? [];
        unset($this->claimed[$taskId]);
        if ($replies !== []) {
            $this->unclaimed[$taskId] = $replies;
            $this->dropOldest();
        }
    }

    public function close(): void
    {
        $this->channel = null;
        $this->connector->close();
    }

    private function discard(): void
    {
        $this->channel = null;
        $this->connector->discard();
    }

    /**
     * Reads what the server sends next, replies into their places.
     *
     * @return bool false when it sent nothing in time
     */
    private function receive(float $seconds): bool
    {
        $channel = $this->channel;
        try {
            while ($channel?->hasPendingMethods()) {
                $channel->wait(null, true);
            }
            if (!$this->connector->hears($seconds)) {
                return false;
            }
            $channel?->wait(null, false, self::FRAME_SECONDS);

            return true;
        } catch (AMQPInvalidArgumentException | AMQPOutOfBoundsException | AMQPOutOfRangeException $fault) {
            $this->discard();
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
            $this->file($taskId, new Wire($payload, [], $properties));
        }
        $message->ack();
    }

    private function file(string $taskId, Wire $reply): void
    {
        if (isset($this->claimed[$taskId])) {
            $this->claimed[$taskId][] = $reply;
        } else {
            $this->unclaimed[$taskId][] = $reply;
            $this->dropOldest();
        }
    }

    private function dropOldest(): void
    {
        if (count($this->unclaimed) > self::UNCLAIMED) {
            unset($this->unclaimed[array_key_first($this->unclaimed)]);
        }
    }
}
