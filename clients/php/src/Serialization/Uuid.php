<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidCall;

/**
 * Python `uuid.UUID`. On the wire: `{"__type__": "uuid", "__value__": {"hex": 32 digits}}`.
 */
final readonly class Uuid implements \Stringable
{
    /** Lower case, in the form 8-4-4-4-12. */
    public string $text;

    /**
     * @param string $text 32 hexadecimal digits, with or without hyphens
     * @throws InvalidCall for anything else
     */
    public function __construct(string $text)
    {
        $hex = strtolower(str_replace('-', '', $text));
        if (preg_match('/^[0-9a-f]{32}$/D', $hex) !== 1) {
            throw new InvalidCall('a UUID has 32 hexadecimal digits');
        }
        $this->text = vsprintf('%s%s-%s-%s-%s-%s%s%s', str_split($hex, 4));
    }

    /**
     * A version 4 UUID made of random bytes: `Uuid::version4(random_bytes(16))`.
     *
     * @param string $bytes 16 of them
     * @throws InvalidCall when there are more or fewer
     */
    public static function version4(string $bytes): self
    {
        $hex = bin2hex($bytes);
        $hex = substr_replace($hex, '4', 12, 1);
        $variant = dechex((int) hexdec($hex[16] ?? '0') & 0x3 | 0x8);

        return new self(substr_replace($hex, $variant, 16, 1));
    }

    public function __toString(): string
    {
        return $this->text;
    }
}
