<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

/**
 * The type names of spec/fields.json, over values in the lossless form.
 */
final class FieldType
{
    /**
     * @param non-empty-list<string> $types
     */
    public static function anyFits(array $types, mixed $value): bool
    {
        foreach ($types as $type) {
            if (self::fits($type, $value)) {
                return true;
            }
        }

        return false;
    }

    private static function fits(string $type, mixed $value): bool
    {
        return match ($type) {
            'any' => true,
            'null' => $value === null,
            // a header on AMQP may hold bytes that are not UTF-8, such as a cut text representation
            'string' => is_string($value) || $value instanceof Bytes,
            'integer' => is_int($value) || $value instanceof BigInteger,
            'number' => is_int($value) || is_float($value) || $value instanceof BigInteger,
            'boolean' => is_bool($value),
            'array' => is_array($value),
            'object' => $value instanceof JsonObject,
            'date-time' => is_string($value) && Iso8601::parse($value) !== null,
            'time-limit' => is_array($value) && count($value) === 2 && array_filter($value, self::isNoTime(...)) === [],
            default => false,
        };
    }

    private static function isNoTime(mixed $seconds): bool
    {
        return $seconds !== null && !is_int($seconds) && !is_float($seconds);
    }
}
