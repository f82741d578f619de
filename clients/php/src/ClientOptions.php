<?php

declare(strict_types=1);

namespace Celeriac;

use Celeriac\Serialization\Limits;
use Celeriac\Serialization\Uuid;
use Celeriac\Transport\TransportOptions;

/**
 * Settings of a client.
 */
final readonly class ClientOptions
{
    /** @var \Closure(): string makes task ids, and this client's own id */
    public \Closure $newId;

    /** @var \Closure(): \DateTimeImmutable tells the time */
    public \Closure $now;

    /**
     * @param string $queue where tasks go whose options name no queue
     * @param TransportOptions $transport timeouts, TLS, drivers
     * @param Limits $limits how large and deep a result may be
     * @param (\Closure(): string)|null $newId null: random UUIDs
     * @param (\Closure(): \DateTimeImmutable)|null $now null: the system's clock
     */
    public function __construct(
        public string $queue = 'celery',
        public TransportOptions $transport = new TransportOptions(),
        public Limits $limits = new Limits(),
        ?\Closure $newId = null,
        ?\Closure $now = null,
    ) {
        $this->newId = $newId ?? static fn (): string => Uuid::version4(random_bytes(16))->text;
        $this->now = $now ?? static fn (): \DateTimeImmutable => new \DateTimeImmutable();
    }
}
