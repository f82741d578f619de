<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidCall;

/**
 * An integer that does not fit PHP's 64 bits; Python's integers have no limit. On the wire: bare digits.
 *
 * Compute with it through ext-gmp or ext-bcmath: `gmp_init((string) $n)`.
 */
final readonly class BigInteger implements \Stringable
{
    /**
     * @param string $digits decimal digits, with "-" in front when negative
     * @throws InvalidCall for anything else
     */
    public function __construct(public string $digits)
    {
        if (preg_match('/^-?(0|[1-9][0-9]*)$/D', $digits) !== 1) {
            throw new InvalidCall('BigInteger takes decimal digits such as "-12345678901234567890"');
        }
    }

    /**
     * The narrowest type that holds these digits: an int, or else a BigInteger.
     */
    public static function narrow(string $digits): int|self
    {
        // a cast stops at the ends of the 64 bits, so that only what fits comes back as it was
        return $digits === '-0' || (string) (int) $digits === $digits ? (int) $digits : new self($digits);
    }

    public function __toString(): string
    {
        return $this->digits;
    }
}
