<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;

/**
 * kombu's tags for what JSON lacks: `{"__type__": "date", "__value__": "2026-01-02"}`, at any depth.
 *
 * An object is a tag when it has these two members and no other. A type outside the seven makes a message invalid.
 */
final class TypeTags
{
    private const CLASSES = [
        \DateTimeInterface::class,
        LocalDateTime::class,
        Date::class,
        Time::class,
        Uuid::class,
        Decimal::class,
        Bytes::class,
        BigInteger::class,
    ];

    /**
     * Whether the value is one of those that need no conversion before it is written.
     */
    public static function covers(mixed $value): bool
    {
        foreach (self::CLASSES as $class) {
            if ($value instanceof $class) {
                return true;
            }
        }

        return false;
    }

    /**
     * Whether an object with these members would be taken for a tag.
     *
     * @param array<array-key, mixed> $members
     */
    public static function isTag(array $members): bool
    {
        return count($members) === 2
            && array_key_exists('__type__', $members)
            && array_key_exists('__value__', $members);
    }

    /**
     * The value that an object read from the wire stands for: a tagged value, or the object itself.
     *
     * @param array<array-key, mixed> $members
     * @throws InvalidMessage for an unknown type or a value that the type cannot have
     */
    public static function read(array $members): mixed
    {
        if (!self::isTag($members)) {
            return new JsonObject($members);
        }
        [$type, $value] = [$members['__type__'], $members['__value__']];
        if ($type === 'uuid') {
            $value = $value instanceof JsonObject ? $value->members['hex'] ?? null : null;
        }
        if (!is_string($type) || !is_string($value)) {
            throw new InvalidMessage('a type tag needs a name and a text value');
        }
        try {
            return self::readText($type, $value);
        } catch (InvalidCall $fault) {
            throw new InvalidMessage("bad value under type tag '$type': {$fault->getMessage()}", 0, $fault);
        }
    }

    /**
     * The tag that stands for a value, or null when the value needs none.
     *
     * @return array{__type__: string, __value__: mixed}|null
     */
    public static function write(mixed $value): ?array
    {
        [$type, $content] = match (true) {
            $value instanceof \DateTimeInterface => ['datetime', Iso8601::format($value)],
            $value instanceof LocalDateTime => ['datetime', $value->text],
            $value instanceof Date => ['date', $value->text],
            $value instanceof Time => ['time', $value->text],
            $value instanceof Uuid => ['uuid', new JsonObject(['hex' => str_replace('-', '', $value->text)])],
            $value instanceof Decimal => ['decimal', $value->text],
            $value instanceof Bytes => preg_match('//u', $value->bytes) === 1
                ? ['bytes', $value->bytes]
                : ['base64', base64_encode($value->bytes)],
            default => [null, null],
        };

        return $type === null ? null : ['__type__' => $type, '__value__' => $content];
    }

    private static function readText(string $type, string $text): mixed
    {
        return match ($type) {
            'datetime' => Iso8601::hasOffset($text)
                ? Iso8601::parse($text) ?? throw new InvalidMessage('no such date and time')
                : new LocalDateTime($text),
            'date' => new Date($text),
            'time' => new Time($text),
            'uuid' => new Uuid($text),
            'decimal' => new Decimal($text),
            'bytes' => new Bytes($text),
            'base64' => new Bytes(self::base64($text)),
            default => throw new InvalidMessage("unknown type tag '$type'"),
        };
    }

    private static function base64(string $text): string
    {
        $bytes = base64_decode($text, true);

        return $bytes === false ? throw new InvalidMessage('a base64 type tag does not hold base64') : $bytes;
    }
}
