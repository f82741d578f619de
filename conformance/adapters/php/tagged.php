<?php

// Tagged values of the testee protocol, {"$bytes": ...}, {"$int": ...}, and the values of the client.

declare(strict_types=1);

use Celeriac\Serialization as S;
use Celeriac\Serialization\{FloatText, Iso8601, JsonObject};

const TEXT_TAGS = [
    S\Date::class => '$date', S\Time::class => '$time', S\Uuid::class => '$uuid', S\Decimal::class => '$decimal',
    S\BigInteger::class => '$int', S\LocalDateTime::class => '$datetime',
];

function untag(mixed $value): mixed
{
    if (!$value instanceof JsonObject) {
        return is_array($value) ? array_map(untag(...), $value) : $value;
    }
    $content = $value->members[$tag = count($value->members) === 1 ? array_key_first($value->members) : ''] ?? null;
    return match ($tag) {
        '$bytes' => new S\Bytes(base64_decode($content)),
        '$datetime' => Iso8601::hasOffset($content) ? Iso8601::parse($content) : new S\LocalDateTime($content),
        '$date', '$time', '$uuid', '$decimal' => new (array_search($tag, TEXT_TAGS, true))($content),
        '$int' => S\BigInteger::narrow($content),
        '$float' => ['NaN' => NAN, 'Infinity' => INF, '-Infinity' => -INF][$content] ?? (float) $content,
        default => new JsonObject(array_map(untag(...), ($tag === '$object' ? $content : $value)->members)),
    };
}

function tag(mixed $value): mixed
{
    if ($value instanceof JsonObject) {
        $object = new JsonObject(array_map(tag(...), $value->members));
        $looksTagged = count($value->members) === 1 && str_starts_with((string) array_key_first($value->members), '$');
        return $looksTagged ? new JsonObject(['$object' => $object]) : $object;
    }
    return match (true) {
        is_array($value) => array_map(tag(...), $value),
        is_int($value) && abs($value) >= 2 ** 53 => new JsonObject(['$int' => (string) $value]),
        is_float($value) && (!is_finite($value) || floor($value) === $value) => new JsonObject(['$float' => FloatText::of($value)]),
        $value instanceof S\Bytes => new JsonObject(['$bytes' => base64_encode($value->bytes)]),
        $value instanceof DateTimeInterface => new JsonObject(['$datetime' => Iso8601::format($value)]),
        is_object($value) => new JsonObject([TEXT_TAGS[$value::class] => (string) $value]),
        default => $value,
    };
}
