<?php

declare(strict_types=1);

namespace Celeriac\Transport\Redis;

use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Message\Wire;
use Celeriac\Serialization\Payload;
use Celeriac\Transport\ConnectionLost;
use Celeriac\Transport\Patience;
use Celeriac\Transport\Refused;
use Celeriac\Transport\ResultStore;

/**
 * Results as keys of a Redis: subscribes to the key's channel, then looks at the key, so that nothing is missed.
 *
 * With a Redis connection that was handed in there is no second one to subscribe on; then the key is looked at again
 * and again, at most every 50 ms.
 */
final class RedisResults implements ResultStore
{
    public const KEY_PREFIX = 'celery-task-meta-';
    private const GROUP_PREFIX = 'celery-taskset-meta-';
    /** Celery's default for `result_expires` */
    private const EXPIRES = 86_400;
    private const FIRST_PAUSE = 0.002;
    private const LAST_PAUSE = 0.05;

    /** Whether there was a connection to the store once */
    private bool $reached = false;

    /** @var array<array-key, string> documents already handed out, by task id */
    private array $seen = [];

    public function __construct(private readonly Commands $commands, private readonly ?Subscriber $subscriber = null)
    {
    }

    public function replyTo(): ?string
    {
        return null;
    }

    public function expect(array $taskIds): void
    {
        // a document stays in its key: it is found whenever somebody asks
    }

    public function countsChords(): bool
    {
        return true;
    }

    public function startChords(array $sizes): void
    {
        foreach ($sizes as $groupId => $size) {
            $key = self::GROUP_PREFIX . $groupId;
            // a claim on the body that is left from an earlier use of the id would keep it from being sent
            $this->reliably(fn () => $this->commands->delete("$key.c"));
            $this->reliably(fn () => $this->commands->set("$key.s", (string) $size, self::EXPIRES));
        }
    }

    public function wait(string $taskId, float $seconds): ?Wire
    {
        $deadline = microtime(true) + $seconds;
        $patience = new Patience($deadline);
        do {
            try {
                return $this->subscriber === null || $seconds <= 0.0
                    ? $this->poll($taskId, $deadline)
                    : $this->listen($this->subscriber, $taskId, $deadline);
            } catch (ConnectionLost | BrokerUnavailable $lost) {
                $this->subscriber?->close();
                $this->reached = $this->reached || $lost instanceof ConnectionLost;
                // an address that was never right is told at once
                if (!$this->reached || $seconds <= 0.0) {
                    throw $lost instanceof BrokerUnavailable
                        ? $lost
                        : new BrokerUnavailable($this->commands->name(), $lost->getMessage(), $lost);
                }
            }
        } while ($patience->pause());

        return null;
    }

    public function forget(string $taskId): void
    {
        unset($this->seen[$taskId]);
        $this->subscriber?->unsubscribe(self::KEY_PREFIX . $taskId);
    }

    public function close(): void
    {
        $this->subscriber?->close();
        $this->commands->close();
    }

    private function listen(Subscriber $subscriber, string $taskId, float $deadline): ?Wire
    {
        $channel = self::KEY_PREFIX . $taskId;
        $subscriber->subscribe($channel);
        $document = $this->look($taskId);
        while ($document === null && ($left = $deadline - microtime(true)) > 0.0) {
            $document = $this->news($taskId, $subscriber->next($channel, $left));
        }

        return $document;
    }

    private function poll(string $taskId, float $deadline): ?Wire
    {
        $pause = self::FIRST_PAUSE;
        while (($document = $this->look($taskId)) === null && ($left = $deadline - microtime(true)) > 0.0) {
            usleep((int) (min($pause, $left) * 1e6));
            $pause = min(self::LAST_PAUSE, $pause * 2);
        }

        return $document;
    }

    private function look(string $taskId): ?Wire
    {
        $key = self::KEY_PREFIX . $taskId;

        $document = $this->reliably(fn (): ?string => $this->commands->get($key));
        $this->reached = true;

        return $this->news($taskId, $document);
    }

    /**
     * Runs a command that may be run twice: once more on a new connection when the one that was there is gone.
     *
     * @template T
     * @param \Closure(): T $command
     * @return T
     */
    private function reliably(\Closure $command): mixed
    {
        try {
            try {
                return $command();
            } catch (ConnectionLost) {
                $this->reached = true;
                $this->commands->discard();

                return $command();
            }
        } catch (ConnectionLost | Refused $fault) {
            $this->commands->discard();
            throw new BrokerUnavailable($this->commands->name(), $fault->getMessage(), $fault);
        }
    }

    private function news(string $taskId, ?string $document): ?Wire
    {
        if ($document === null || $document === ($this->seen[$taskId] ?? null)) {
            return null;
        }
        $this->seen[$taskId] = $document;

        return new Wire(new Payload($document));
    }
}
