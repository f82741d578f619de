<?php

declare(strict_types=1);

namespace Celeriac\Transport\Amqp;

use Celeriac\Transport\Delivery;

/**
 * What became of published messages: not yet confirmed, confirmed, or not taken by the broker.
 *
 * @internal
 */
final class Confirms
{
    /** @var array<int, string> task ids by delivery tag */
    private array $pending = [];

    /** @var array<array-key, true> by task id */
    private array $settled = [];

    /** @var array<array-key, string> reasons by task id */
    private array $faults = [];

    /**
     * Notes that a message is on its way.
     */
    public function published(int $tag, string $taskId): void
    {
        $this->pending[$tag] = $taskId;
    }

    /**
     * Notes the broker's word on a message, and with $multiple on all before it.
     *
     * @param string|null $fault null for an ack
     */
    public function settled(int $tag, bool $multiple, ?string $fault = null): void
    {
        foreach ($multiple ? $this->upTo($tag) : [$tag] as $settled) {
            $taskId = $this->pending[$settled] ?? null;
            unset($this->pending[$settled]);
            if ($taskId !== null) {
                $this->settled[$taskId] = true;
                $this->faults += $fault === null ? [] : [$taskId => $fault];
            }
        }
    }

    /**
     * Notes that a message came back because no queue took it; the broker confirms it all the same.
     */
    public function returned(string $taskId, string $routingKey, string $reason): void
    {
        $this->faults[$taskId] = "no queue for '$routingKey' ($reason): start its worker, or let the client declare"
            . ' queues (TransportOptions declareQueues)';
    }

    /**
     * Whether the broker still owes a confirm.
     */
    public function arePending(): bool
    {
        return $this->pending !== [];
    }

    /**
     * Forgets what is pending: delivery tags start anew on a new channel.
     */
    public function restart(): void
    {
        $this->pending = [];
    }

    /**
     * @param list<Delivery> $deliveries
     * @return list<Delivery> those that the broker has not confirmed
     */
    public function unconfirmed(array $deliveries): array
    {
        return array_values(array_filter(
            $deliveries,
            fn (Delivery $delivery): bool => !isset($this->settled[$delivery->taskId]),
        ));
    }

    /**
     * @return array<array-key, string> reasons by task id
     */
    public function faults(): array
    {
        return $this->faults;
    }

    /**
     * @return list<int> pending delivery tags up to this one; they rise from message to message
     */
    private function upTo(int $tag): array
    {
        $tags = [];
        foreach (array_keys($this->pending) as $pending) {
            if ($pending > $tag) {
                break;
            }
            $tags[] = $pending;
        }

        return $tags;
    }
}
