<?php

declare(strict_types=1);

namespace Celeriac\Message;

use Celeriac\Serialization\Payload;

/**
 * A message as a broker carries it: body, headers and properties, none of them interpreted.
 *
 * Header values are in the lossless form: null, bool, int, float, string, lists, JsonObject, DateTimeInterface.
 */
final readonly class Wire
{
    /**
     * @param array<array-key, mixed> $headers
     * @param array<array-key, mixed> $properties correlation_id, reply_to and so on, without content type and encoding
     */
    public function __construct(public Payload $payload, public array $headers = [], public array $properties = [])
    {
    }
}
