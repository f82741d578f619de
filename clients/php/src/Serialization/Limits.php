<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

/**
 * What is read of what comes from the wire, and how much of it, before it is refused as InvalidMessage.
 */
final readonly class Limits
{
    /**
     * @param int $maxBytes length of a body, decompressed; 128 MiB
     * @param int $maxDepth arrays and objects within each other
     * @param list<Serializer> $accept the serializers that bodies may be in
     */
    public function __construct(
        public int $maxBytes = 134_217_728,
        public int $maxDepth = 500,
        public array $accept = [Serializer::Json],
    ) {
    }
}
