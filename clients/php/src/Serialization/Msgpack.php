<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;

/**
 * MessagePack as Celery speaks it. Not ext-msgpack, which reads text and bytes as one type and cannot write an empty
 * map: Celery's `kwargs` is one more often than not.
 */
final class Msgpack
{
    /**
     * @throws InvalidCall for what MessagePack has no type for: dates, decimals, UUIDs, integers beyond 64 bits
     */
    public static function encode(mixed $value, Limits $limits = new Limits()): string
    {
        return self::write($value, $limits->maxDepth);
    }

    /**
     * Decodes to the lossless form: JsonObject for maps, Bytes for the bin family, BigInteger past PHP's 64 bits.
     *
     * @throws InvalidMessage for anything that is not exactly one value of the types that Celery writes
     */
    public static function decode(string $bytes, Limits $limits = new Limits()): mixed
    {
        return MsgpackReader::read($bytes, $limits->maxDepth);
    }

    private static function write(mixed $value, int $depth): string
    {
        return match (true) {
            $value === null => "\xC0",
            is_bool($value) => $value ? "\xC3" : "\xC2",
            is_int($value) => self::integer($value),
            is_float($value) => "\xCB" . pack('E', $value),
            is_string($value) => self::text($value),
            $value instanceof BigInteger => self::unsigned($value->digits),
            $value instanceof Bytes => self::headed(strlen($value->bytes), 0, -1, [0xC4, 0xC5, 0xC6]) . $value->bytes,
            default => self::compound(Values::open($value), $depth),
        };
    }

    private static function compound(mixed $value, int $depth): string
    {
        if (!is_array($value) && !$value instanceof JsonObject) {
            return is_object($value)
                ? throw new InvalidCall(sprintf('MessagePack has no type for a %s', get_debug_type($value)))
                : self::write($value, $depth);
        }
        if ($depth === 0) {
            throw new InvalidCall('a value is nested too deep to be sent');
        }
        if (is_array($value)) {
            $items = array_map(static fn (mixed $item): string => self::write($item, $depth - 1), $value);

            return self::headed(count($value), 0x90, 15, [null, 0xDC, 0xDD]) . implode('', $items);
        }
        $written = self::headed(count($value->members), 0x80, 15, [null, 0xDE, 0xDF]);
        foreach ($value->members as $name => $member) {
            $written .= self::text((string) $name) . self::write($member, $depth - 1);
        }

        return $written;
    }

    private static function text(string $text): string
    {
        return Utf8::isText($text)
            ? self::headed(strlen($text), 0xA0, 31, [0xD9, 0xDA, 0xDB]) . $text
            : throw new InvalidCall('a string is not UTF-8 text: wrap it in Celeriac\Serialization\Bytes');
    }

    /**
     * The bytes before a text, an array and so on.
     *
     * @param int $short first byte of the short form, and $most the count up to which it serves
     * @param array{int|null, int, int} $marks first byte of the forms with a count of 1, 2 and 4 bytes
     */
    private static function headed(int $count, int $short, int $most, array $marks): string
    {
        return match (true) {
            $count <= $most => chr($short | $count),
            $count < 0x100 && $marks[0] !== null => pack('CC', $marks[0], $count),
            $count < 0x10000 => pack('Cn', $marks[1], $count),
            default => pack('CN', $marks[2], $count),
        };
    }

    private static function integer(int $number): string
    {
        return match (true) {
            $number >= -32 && $number < 0x80 => chr($number & 0xFF),
            $number >= 0 && $number < 0x100 => pack('CC', 0xCC, $number),
            $number >= 0 && $number < 0x10000 => pack('Cn', 0xCD, $number),
            $number >= 0 && $number < 0x1_0000_0000 => pack('CN', 0xCE, $number),
            $number >= 0 => pack('CJ', 0xCF, $number),
            $number >= -0x80 => pack('CC', 0xD0, $number & 0xFF),
            $number >= -0x8000 => pack('Cn', 0xD1, $number & 0xFFFF),
            $number >= -0x8000_0000 => pack('CN', 0xD2, $number & 0xFFFF_FFFF),
            default => pack('CJ', 0xD3, $number),
        };
    }

    private static function unsigned(string $digits): string
    {
        [$high, $low] = [0, 0];
        foreach (str_split($digits) as $digit) {
            $low = $low * 10 + (int) $digit;
            $high = $high * 10 + ($low >> 32);
            $low &= 0xFFFF_FFFF;
            if ($digit === '-' || $high > 0xFFFF_FFFF) {
                throw new InvalidCall('MessagePack has no type for an integer beyond 64 bits');
            }
        }

        return pack('CNN', 0xCF, $high, $low);
    }
}
