<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

/**
 * How much of a message is read before it is refused as InvalidMessage.
 */
final readonly class Limits
{
    /**
     * @param int $maxBytes length of a body, decompressed; 128 MiB
     * @param int $maxDepth arrays and objects within each other
     */
    public function __construct(public int $maxBytes = 134_217_728, public int $maxDepth = 500)
    {
    }
}
