<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidCall;

/**
 * Python `datetime.time`: a time of day. On the wire: `{"__type__": "time", "__value__": "03:04:05.000006"}`.
 */
final readonly class Time implements \Stringable
{
    /**
     * @param string $text HH:MM[:SS[.ffffff]], perhaps with an offset such as +05:30
     * @throws InvalidCall when there is no such time of day
     */
    public function __construct(public string $text)
    {
        $clock = '/^([01]\d|2[0-3]):[0-5]\d(:[0-5]\d(\.\d{1,9})?)?(Z|[+-]([01]\d|2[0-3]):?[0-5]\d(:?[0-5]\d)?)?$/D';
        if (preg_match($clock, $text) !== 1) {
            throw new InvalidCall('Time takes text such as "03:04:05.000006"');
        }
    }

    public function __toString(): string
    {
        return $this->text;
    }
}
