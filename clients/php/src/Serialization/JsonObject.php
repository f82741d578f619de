<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

/**
 * A JSON object as it stood on the wire: unlike a PHP array it stays an object when it is empty or has numeric keys.
 *
 * Hand one over wherever an empty `[]` has to become `{}`: `new JsonObject()`.
 */
final readonly class JsonObject
{
    /**
     * @param array<array-key, mixed> $members in the order of the wire; PHP turns a key like "1" into an int, it is
     *                                         text again on the wire
     */
    public function __construct(public array $members = [])
    {
    }
}
