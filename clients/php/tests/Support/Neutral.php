<?php

declare(strict_types=1);

namespace Celeriac\Tests\Support;

use Celeriac\Serialization\BigInteger;
use Celeriac\Serialization\Bytes;
use Celeriac\Serialization\Date;
use Celeriac\Serialization\Decimal;
use Celeriac\Serialization\FloatText;
use Celeriac\Serialization\Iso8601;
use Celeriac\Serialization\Json;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Limits;
use Celeriac\Serialization\LocalDateTime;
use Celeriac\Serialization\Time;
use Celeriac\Serialization\Uuid;

/**
 * The tagged form in which the vectors write values that JSON lacks: {"$bytes": ...}, {"$int": ...}.
 */
final class Neutral
{
    private const TEXTS = [
        Date::class => '$date',
        Time::class => '$time',
        Uuid::class => '$uuid',
        Decimal::class => '$decimal',
        BigInteger::class => '$int',
        LocalDateTime::class => '$datetime',
    ];

    /**
     * The values that tags stand for.
     */
    public static function untag(mixed $value): mixed
    {
        if (!$value instanceof JsonObject) {
            return is_array($value) ? array_map(self::untag(...), $value) : $value;
        }
        $tag = count($value->members) === 1 ? (string) array_key_first($value->members) : '';
        $content = $value->members[$tag] ?? null;

        return match ($tag) {
            '$bytes' => new Bytes(base64_decode($content, true)),
            '$datetime' => Iso8601::hasOffset($content) ? Iso8601::parse($content) : new LocalDateTime($content),
            '$date', '$time', '$uuid', '$decimal' => new (array_search($tag, self::TEXTS, true))($content),
            '$int' => BigInteger::narrow($content),
            '$float' => ['NaN' => NAN, 'Infinity' => INF, '-Infinity' => -INF][$content] ?? (float) $content,
            default => new JsonObject(array_map(
                self::untag(...),
                ($tag === '$object' ? $content : $value)->members,
            )),
        };
    }

    /**
     * A text that is the same for the same values, whatever the order of members, with 1 and 1.0 apart.
     */
    public static function canonical(mixed $value): string
    {
        return Json::encode(self::sorted(self::tag($value)), new Limits(maxDepth: 1000), false);
    }

    /**
     * The reverse of untag().
     */
    private static function tag(mixed $value): mixed
    {
        if ($value instanceof JsonObject) {
            $object = new JsonObject(array_map(self::tag(...), $value->members));
            $looksTagged = count($value->members) === 1
                && str_starts_with((string) array_key_first($value->members), '$');

            return $looksTagged ? new JsonObject(['$object' => $object]) : $object;
        }

        return match (true) {
            is_array($value) => array_map(self::tag(...), $value),
            is_int($value) && abs($value) >= 2 ** 53 => new JsonObject(['$int' => (string) $value]),
            is_float($value) && (!is_finite($value) || floor($value) === $value) =>
                new JsonObject(['$float' => FloatText::of($value)]),
            $value instanceof Bytes => new JsonObject(['$bytes' => base64_encode($value->bytes)]),
            $value instanceof \DateTimeInterface => new JsonObject(['$datetime' => Iso8601::format($value)]),
            is_object($value) => new JsonObject([self::TEXTS[$value::class] => (string) $value]),
            default => $value,
        };
    }

    private static function sorted(mixed $value): mixed
    {
        if ($value instanceof JsonObject) {
            $members = array_map(self::sorted(...), $value->members);
            ksort($members, SORT_STRING);

            return new JsonObject($members);
        }

        return is_array($value) ? array_map(self::sorted(...), $value) : $value;
    }
}
