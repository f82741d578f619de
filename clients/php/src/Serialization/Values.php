<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidCall;

/**
 * Moves between what PHP code holds and the lossless form: null, bool, int, float, string, lists, JsonObject, and the
 * value classes of this namespace.
 */
final class Values
{
    /**
     * Brings one value (not what is inside it) into the lossless form.
     *
     * A list array stays a list, any other array and stdClass become a JsonObject, a backed enum its value, a
     * JsonSerializable what it returns. LocalDateTime, BigInteger and the like stay as they are.
     *
     * @throws InvalidCall for an object or resource that the protocol has no form for
     */
    public static function open(mixed $value): mixed
    {
        return match (true) {
            $value === null, is_scalar($value), $value instanceof JsonObject => $value,
            is_array($value) => array_is_list($value) ? $value : new JsonObject($value),
            $value instanceof \stdClass => new JsonObject(get_object_vars($value)),
            $value instanceof \BackedEnum => $value->value,
            TypeTags::covers($value) => $value,
            $value instanceof \JsonSerializable => self::open($value->jsonSerialize()),
            default => throw new InvalidCall(sprintf(
                'a %s cannot be sent: pass a scalar, an array, a date, or one of the Celeriac\Serialization values',
                get_debug_type($value),
            )),
        };
    }

    /**
     * Brings a value and all that is inside it into the lossless form.
     *
     * @throws InvalidCall as open(), and when the value is nested too deep
     */
    public static function lossless(mixed $value, int $depth = 500): mixed
    {
        $value = self::open($value);
        if (!is_array($value) && !$value instanceof JsonObject) {
            return $value;
        }
        if ($depth === 0) {
            throw new InvalidCall('a value is nested too deep to be sent');
        }
        $members = array_map(
            static fn (mixed $member): mixed => self::lossless($member, $depth - 1),
            is_array($value) ? $value : $value->members,
        );

        return is_array($value) ? $members : new JsonObject($members);
    }

    /**
     * Turns every JsonObject into an associative array; other values stay. An empty object becomes an empty array.
     */
    public static function plain(mixed $value): mixed
    {
        if ($value instanceof JsonObject) {
            $value = $value->members;
        }

        return is_array($value) ? array_map(self::plain(...), $value) : $value;
    }
}
