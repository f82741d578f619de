<?php

declare(strict_types=1);

namespace Celeriac\Transport;

use Celeriac\Message\Wire;

/**
 * A message with its address.
 */
final readonly class Delivery
{
    /**
     * @param string $taskId names the message in errors
     * @param string $exchange '' to address a queue by its name
     * @param string $routingKey the queue when the exchange is ''
     */
    public function __construct(
        public string $taskId,
        public Wire $wire,
        public string $exchange,
        public string $routingKey,
    ) {
    }
}
