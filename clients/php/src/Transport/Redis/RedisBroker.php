<?php

declare(strict_types=1);

namespace Celeriac\Transport\Redis;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\PublishFailed;
use Celeriac\Message\Envelope;
use Celeriac\Message\Wire;
use Celeriac\Serialization\Uuid;
use Celeriac\Transport\Broker;
use Celeriac\Transport\ConnectionLost;
use Celeriac\Transport\Delivery;
use Celeriac\Transport\Refused;

/**
 * Publishes to Redis lists; the answer to LPUSH is the confirm.
 */
final readonly class RedisBroker implements Broker
{
    /** Items in one LPUSH */
    private const WINDOW = 500;
    /** kombu's separator between a queue and a priority step */
    private const SEPARATOR = "\x06\x16";

    public function __construct(private Commands $commands)
    {
    }

    public function publish(array $deliveries): void
    {
        foreach (self::byList($deliveries) as $list => $group) {
            foreach (array_chunk($group, self::WINDOW, true) as $window) {
                $this->push((string) $list, $window);
            }
        }
    }

    public function close(): void
    {
        $this->commands->close();
    }

    /**
     * The list that holds messages of a priority: kombu has four for each queue, read in the order of their numbers.
     */
    public static function list(string $queue, int $priority): string
    {
        $step = min(9, intdiv(max(0, $priority), 3) * 3);

        return $step === 0 ? $queue : $queue . self::SEPARATOR . $step;
    }

    /**
     * @param list<Delivery> $deliveries
     * @return array<array-key, array<array-key, string>> items by task id by list
     */
    private static function byList(array $deliveries): array
    {
        $lists = [];
        foreach ($deliveries as $delivery) {
            if ($delivery->exchange !== '') {
                throw new InvalidCall('Redis has no exchanges: name the queue');
            }
            $wire = $delivery->wire;
            $priority = $wire->properties['priority'] ?? 0;
            $wire = new Wire($wire->payload, $wire->headers, $wire->properties + ['priority' => 0]);
            $item = Envelope::to($wire, '', $delivery->routingKey, Uuid::version4(random_bytes(16)))->build();
            $lists[self::list($delivery->routingKey, is_int($priority) ? $priority : 0)][$delivery->taskId] = $item;
        }

        return $lists;
    }

    /**
     * @param array<array-key, string> $window
     */
    private function push(string $list, array $window): void
    {
        $items = array_values($window);
        try {
            try {
                $this->commands->push($list, $items);
            } catch (ConnectionLost) {
                $this->commands->discard();
                $this->commands->push($list, $items);
            }
        } catch (ConnectionLost | Refused $fault) {
            $this->commands->discard();
            throw new PublishFailed(
                "Redis did not take the message: {$fault->getMessage()}",
                array_map(strval(...), array_keys($window)),
                $fault,
            );
        }
    }
}
