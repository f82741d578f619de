<?php

declare(strict_types=1);

namespace Celeriac\Transport\Amqp;

use Celeriac\Exception\PublishFailed;
use Celeriac\Transport\Broker;
use Celeriac\Transport\ConnectionLost;
use Celeriac\Transport\Delivery;
use Celeriac\Transport\Refused;
use Celeriac\Transport\TransportOptions;

/**
 * Publishes to RabbitMQ: every message mandatory and confirmed, queues left as their owners made them.
 */
final class AmqpBroker implements Broker
{
    /** Messages in flight before confirms are collected: keeps the broker's answers from filling the socket */
    private const WINDOW = 500;

    /** @var array<string, true> queues that were there */
    private array $known = [];

    public function __construct(
        private readonly Publisher $publisher,
        private readonly TransportOptions $options = new TransportOptions(),
    ) {
    }

    public function publish(array $deliveries): void
    {
        // all of them first, so that one which cannot be sent stops the others too
        $messages = [];
        foreach ($deliveries as $delivery) {
            $messages[spl_object_id($delivery)] = $this->publisher->prepare($delivery->wire);
        }
        foreach (array_chunk($deliveries, self::WINDOW) as $window) {
            $confirms = new Confirms();
            try {
                $this->attempt($window, $messages, $confirms);
            } catch (ConnectionLost $lost) {
                $this->known = [];
                $this->publisher->discard();
                $this->again($window, $messages, $confirms, $lost);
            }
            $this->report($window, $confirms);
        }
    }

    public function close(): void
    {
        $this->publisher->close();
    }

    /**
     * @param list<Delivery> $window
     * @param array<int, object> $messages by object id of their deliveries
     */
    private function again(array $window, array $messages, Confirms $confirms, ConnectionLost $lost): void
    {
        $open = $confirms->unconfirmed($window);
        $confirms->restart();
        try {
            $lost->silent ? throw $lost : $this->attempt($open, $messages, $confirms);
        } catch (ConnectionLost $lost) {
            $this->publisher->discard();
            throw new PublishFailed(
                "no confirm from the broker ({$lost->getMessage()}); the message may have arrived all the same:"
                . ' send it again with the same task id if the task bears running twice',
                self::ids($confirms->unconfirmed($open)),
                $lost,
            );
        }
    }

    /**
     * @param list<Delivery> $deliveries
     * @param array<int, object> $messages by object id of their deliveries
     */
    private function attempt(array $deliveries, array $messages, Confirms $confirms): void
    {
        try {
            foreach ($deliveries as $delivery) {
                if ($delivery->exchange === '' && $this->options->declareQueues) {
                    $this->ensureQueue($delivery->routingKey);
                }
            }
            foreach ($deliveries as $delivery) {
                $this->publisher->publish($delivery, $messages[spl_object_id($delivery)], $confirms);
            }
            $this->publisher->settle($confirms, $this->options->answerTimeout);
        } catch (Refused $refusal) {
            throw new PublishFailed(
                "the broker refused: {$refusal->getMessage()}",
                self::ids($confirms->unconfirmed($deliveries)),
                $refusal,
            );
        }
    }

    /**
     * @param list<Delivery> $deliveries
     * @return list<string>
     */
    private static function ids(array $deliveries): array
    {
        return array_map(static fn (Delivery $delivery): string => $delivery->taskId, $deliveries);
    }

    private function ensureQueue(string $name): void
    {
        if (isset($this->known[$name])) {
            return;
        }
        if (!$this->publisher->hasQueue($name)) {
            $this->publisher->declareQueue($name);
        }
        $this->known[$name] = true;
    }

    /**
     * @param list<Delivery> $window
     */
    private function report(array $window, Confirms $confirms): void
    {
        $faults = $confirms->faults();
        if ($faults === []) {
            return;
        }
        $this->known = array_diff_key($this->known, array_flip(array_column($window, 'routingKey')));
        throw new PublishFailed(
            implode('; ', array_unique($faults)),
            array_map(strval(...), array_keys($faults)),
        );
    }
}
