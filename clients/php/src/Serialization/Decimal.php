<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidCall;

/**
 * Python `decimal.Decimal`, kept as text so that no digit is lost: "1.10" stays "1.10".
 *
 * On the wire: `{"__type__": "decimal", "__value__": text}`.
 */
final readonly class Decimal implements \Stringable
{
    /**
     * @param string $text like "1.10", "1E+3", "NaN" or "-Infinity"
     * @throws InvalidCall when Python's Decimal would not take it
     */
    public function __construct(public string $text)
    {
        if (preg_match('/^[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|inf(inity)?|s?nan\d*)$/Di', $text) !== 1) {
            throw new InvalidCall('Decimal takes text such as "1.10"');
        }
    }

    public function __toString(): string
    {
        return $this->text;
    }
}
