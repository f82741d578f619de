<?php

declare(strict_types=1);

namespace Celeriac\Tests\Support;

use Celeriac\Exception\InvalidCall;
use Celeriac\Message\Wire;
use Celeriac\Transport\Amqp\Confirms;
use Celeriac\Transport\Amqp\Publisher;
use Celeriac\Transport\Delivery;

/**
 * An AMQP library for tests: has the queues it is given, throws what it is told to, confirms the rest.
 */
final class ScriptedPublisher implements Publisher
{
    /** @var list<string> what was asked of it, in order */
    public array $log = [];

    /** @var array<int, \Exception> what to throw instead of the n-th confirm round, counted from 0 */
    public array $faults = [];

    /** @var list<string> task ids confirmed before a fault strikes */
    public array $confirmedBefore = [];

    /** @var list<string> task ids that are refused */
    public array $refused = [];

    private int $round = 0;
    private int $tag = 0;

    /** @var array<int, string> */
    private array $sent = [];

    /**
     * @param list<string> $queues
     */
    public function __construct(private array $queues = [])
    {
    }

    public function hasQueue(string $name): bool
    {
        $this->log[] = "look $name";

        return in_array($name, $this->queues, true);
    }

    public function declareQueue(string $name): void
    {
        $this->log[] = "declare $name";
        $this->queues[] = $name;
    }

    public function prepare(Wire $wire): Wire
    {
        return $wire->payload->body === 'bad' ? throw new InvalidCall('bad message') : $wire;
    }

    public function publish(Delivery $delivery, object $message, Confirms $confirms): void
    {
        $this->log[] = "publish $delivery->taskId";
        $confirms->published(++$this->tag, $delivery->taskId);
        $this->sent[$this->tag] = $delivery->taskId;
        if ($delivery->exchange === '' && !in_array($delivery->routingKey, $this->queues, true)) {
            $confirms->returned($delivery->taskId, $delivery->routingKey, 'NO_ROUTE');
        }
    }

    public function settle(Confirms $confirms, float $seconds): void
    {
        $fault = $this->faults[$this->round++] ?? null;
        foreach ($this->sent as $tag => $taskId) {
            if ($fault === null || in_array($taskId, $this->confirmedBefore, true)) {
                $confirms->settled($tag, false, in_array($taskId, $this->refused, true) ? 'nack' : null);
            }
        }
        if ($fault !== null) {
            throw $fault;
        }
    }

    public function discard(): void
    {
        $this->log[] = 'discard';
        $this->sent = [];
        $this->tag = 0;
    }

    public function close(): void
    {
        $this->log[] = 'close';
    }
}
