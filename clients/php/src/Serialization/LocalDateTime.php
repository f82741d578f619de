<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidCall;

/**
 * Python `datetime` without a time zone, which a DateTimeImmutable cannot be: it names no instant until one is chosen.
 *
 * On the wire: `{"__type__": "datetime", "__value__": "2026-01-02T03:04:05.000006"}`, without an offset.
 */
final readonly class LocalDateTime implements \Stringable
{
    /**
     * @param string $text YYYY-MM-DDTHH:MM:SS[.ffffff]
     * @throws InvalidCall for any other text, and when it has an offset
     */
    public function __construct(public string $text)
    {
        if (Iso8601::parse($text) === null || Iso8601::hasOffset($text)) {
            throw new InvalidCall('LocalDateTime takes text such as "2026-01-02T03:04:05", without an offset');
        }
    }

    /**
     * The instant that this wall clock shows in the given zone.
     */
    public function in(\DateTimeZone $zone): \DateTimeImmutable
    {
        return new \DateTimeImmutable($this->text, $zone);
    }

    public function __toString(): string
    {
        return $this->text;
    }
}
