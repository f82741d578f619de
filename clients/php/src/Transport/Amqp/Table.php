<?php

declare(strict_types=1);

namespace Celeriac\Transport\Amqp;

use Celeriac\Exception\InvalidCall;
use Celeriac\Serialization\Bytes;
use Celeriac\Serialization\JsonObject;

/**
 * Writes headers as an AMQP field table, with the field types that Celery's own producers use.
 *
 * php-amqplib's writer has no floats (it sends text) and takes an empty array for a list; hence this one.
 *
 * @internal
 */
final class Table
{
    /**
     * @param array<array-key, mixed> $members in the lossless form
     * @throws InvalidCall when a value or name has no form in AMQP
     */
    public static function encode(array $members): string
    {
        $encoded = '';
        foreach ($members as $name => $member) {
            $encoded .= self::shortText((string) $name) . self::value($member);
        }

        return self::longText($encoded);
    }

    /**
     * @throws InvalidCall when the text is over 255 bytes
     */
    public static function shortText(string $text): string
    {
        return strlen($text) < 256
            ? chr(strlen($text)) . $text
            : throw new InvalidCall('AMQP names and properties hold at most 255 bytes: ' . substr($text, 0, 40));
    }

    private static function value(mixed $value): string
    {
        return match (true) {
            $value === null => 'V',
            is_bool($value) => 't' . chr((int) $value),
            is_int($value) && $value >= -2 ** 31 && $value < 2 ** 31 => 'I' . pack('N', $value),
            is_int($value) => 'l' . pack('J', $value),
            is_float($value) => 'd' . pack('E', $value),
            is_string($value) => 'S' . self::longText($value),
            is_array($value) => 'A' . self::longText(implode('', array_map(self::value(...), $value))),
            $value instanceof JsonObject => 'F' . self::encode($value->members),
            $value instanceof Bytes => 'x' . self::longText($value->bytes),
            $value instanceof \DateTimeInterface => 'T' . pack('J', $value->getTimestamp()),
            default => throw new InvalidCall(sprintf('an AMQP header cannot hold a %s', get_debug_type($value))),
        };
    }

    private static function longText(string $text): string
    {
        return pack('N', strlen($text)) . $text;
    }
}
