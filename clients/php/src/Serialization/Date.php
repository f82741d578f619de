<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidCall;

/**
 * Python `datetime.date`: a day without a time. On the wire: `{"__type__": "date", "__value__": "2026-01-02"}`.
 */
final readonly class Date implements \Stringable
{
    /**
     * @param string $text YYYY-MM-DD
     * @throws InvalidCall when there is no such day
     */
    public function __construct(public string $text)
    {
        if (
            preg_match('/^(\d{4})-(\d\d)-(\d\d)$/D', $text, $m) !== 1
            || !checkdate((int) $m[2], (int) $m[3], (int) $m[1])
        ) {
            throw new InvalidCall('Date takes an existing day as YYYY-MM-DD');
        }
    }

    public function __toString(): string
    {
        return $this->text;
    }
}
