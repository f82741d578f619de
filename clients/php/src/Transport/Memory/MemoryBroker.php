<?php

declare(strict_types=1);

namespace Celeriac\Transport\Memory;

use Celeriac\Message\Envelope;
use Celeriac\Message\TaskMessage;
use Celeriac\Serialization\Uuid;
use Celeriac\Transport\Broker;

/**
 * A broker for tests: keeps messages in the bytes that would cross the wire.
 *
 *     $client = new Client($broker = new MemoryBroker());
 *     $client->send('mail.welcome', [42]);
 *     self::assertSame([42], $broker->messages('celery')[0]->get('args'));
 */
final class MemoryBroker implements Broker
{
    /** @var array<array-key, list<string>> items by queue, or exchange and routing key joined by a slash */
    private array $queues = [];

    public function publish(array $deliveries): void
    {
        foreach ($deliveries as $delivery) {
            $address = ltrim("$delivery->exchange/$delivery->routingKey", '/');
            $tag = Uuid::version4(random_bytes(16));
            $envelope = Envelope::to($delivery->wire, $delivery->exchange, $delivery->routingKey, $tag);
            $this->queues[$address][] = $envelope->build();
        }
    }

    public function close(): void
    {
        // what was sent can still be looked at
    }

    /**
     * What was sent to a queue, oldest first, read back from its bytes.
     *
     * @return list<TaskMessage>
     */
    public function messages(string $queue): array
    {
        return array_map(
            static fn (string $item): TaskMessage => TaskMessage::parse(Envelope::parse($item)->wire),
            $this->queues[$queue] ?? [],
        );
    }
}
