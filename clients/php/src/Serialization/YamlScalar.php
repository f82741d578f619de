<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;

/**
 * What the text of a YAML scalar stands for, as PyYAML's safe_load sees it (YAML 1.1).
 */
final class YamlScalar
{
    private const NULLS = ['', '~', 'null', 'Null', 'NULL'];
    private const TRUE = ['yes', 'Yes', 'YES', 'true', 'True', 'TRUE', 'on', 'On', 'ON'];
    private const FALSE = ['no', 'No', 'NO', 'false', 'False', 'FALSE', 'off', 'Off', 'OFF'];
    private const INTEGER = '/^([-+]?)(?:0b([01_]+)|0x([\da-fA-F_]+)|0([0-7_]+)|(0|[1-9][\d_]*+(?::[0-5]?\d)*))$/D';
    private const FLOAT = '/^(?:[-+]?\d[\d_]*+\.[\d_]*(?:[eE][-+]\d+)?|\.\d[\d_]*(?:[eE][-+]\d+)?'
        . '|[-+]?\d[\d_]*+(?::[0-5]?\d)+\.[\d_]*)$/D';
    private const WORDS = [
        '.inf' => INF, '.Inf' => INF, '.INF' => INF, '+.inf' => INF, '+.Inf' => INF, '+.INF' => INF,
        '-.inf' => -INF, '-.Inf' => -INF, '-.INF' => -INF, '.nan' => NAN, '.NaN' => NAN, '.NAN' => NAN,
    ];
    private const TIMESTAMP = '/^(\d{4})-(\d\d?)-(\d\d?)(?:[Tt]|[ \t]+)(\d\d?):(\d\d):(\d\d)(?:\.(\d*))?'
        . '(?:[ \t]*(Z|([-+])(\d\d?)(?::(\d\d))?))?$/D';
    private const BASES = [2 => 2, 3 => 16, 4 => 8];

    /**
     * The value of a scalar without a tag or quotes.
     *
     * @throws InvalidMessage when it looks like a date or a number and is none
     */
    public static function resolve(string $text): mixed
    {
        try {
            return match (true) {
                in_array($text, self::NULLS, true) => null,
                in_array($text, self::TRUE, true) => true,
                in_array($text, self::FALSE, true) => false,
                isset(self::WORDS[$text]) => self::WORDS[$text],
                preg_match(self::INTEGER, $text, $m, PREG_UNMATCHED_AS_NULL) === 1 => self::integer($m),
                preg_match(self::FLOAT, $text) === 1 => self::sexagesimal(str_replace('_', '', $text)),
                preg_match('/^\d{4}-\d\d-\d\d$/D', $text) === 1 => new Date($text),
                preg_match(self::TIMESTAMP, $text, $m, PREG_UNMATCHED_AS_NULL) === 1 => self::timestamp($m),
                default => $text,
            };
        } catch (InvalidCall $fault) {
            throw new InvalidMessage("not YAML: {$fault->getMessage()}", 0, $fault);
        }
    }

    /**
     * Whether a text without quotes is read as itself.
     */
    public static function isText(string $text): bool
    {
        try {
            return self::resolve($text) === $text;
        } catch (InvalidMessage) {
            return false;
        }
    }

    /**
     * The value of a scalar with one of YAML's own tags.
     *
     * @param string $tag like "!!binary"
     * @throws InvalidMessage when the text is nothing of that type, or the tag is none of the core schema
     */
    public static function tagged(string $tag, string $text): mixed
    {
        if ($tag === '!!str' || $tag === '!') {
            return $text;
        }
        if ($tag === '!!binary') {
            $bytes = base64_decode((string) preg_replace('/\s+/', '', $text), true);

            return $bytes === false ? throw new InvalidMessage('!!binary does not hold base64') : new Bytes($bytes);
        }
        $value = self::resolve($text);
        $value = $tag === '!!float' && is_int($value) ? (float) $value : $value;
        $fits = match ($tag) {
            '!!null' => $value === null,
            '!!bool' => is_bool($value),
            '!!int' => is_int($value) || $value instanceof BigInteger,
            '!!float' => is_float($value),
            '!!timestamp' => $value instanceof Date || $value instanceof LocalDateTime
                || $value instanceof \DateTimeInterface,
            default => false,
        };

        return $fits ? $value : throw new InvalidMessage('not YAML of the core schema: ' . substr($tag, 0, 80));
    }

    /**
     * @param array<array-key, string|null> $match of INTEGER
     */
    private static function integer(array $match): int|BigInteger
    {
        $sign = $match[1] === '-' ? '-' : '';
        if ($match[5] !== null) {
            $digits = str_replace('_', '', $match[5]);

            return str_contains($digits, ':')
                ? (int) self::sexagesimal($sign . $digits)
                : BigInteger::narrow($sign . $digits);
        }
        foreach (self::BASES as $group => $base) {
            if ($match[$group] !== null) {
                $number = (int) base_convert(str_replace('_', '', $match[$group]), $base, 10);

                return $number < PHP_INT_MAX
                    ? (int) ($sign . $number)
                    : throw new InvalidMessage('not YAML: a number in another base is beyond 64 bits');
            }
        }

        return 0;
    }

    /**
     * A number in decimal, or in base 60 as YAML 1.1 has it: `1:30` is 90.
     */
    private static function sexagesimal(string $text): float
    {
        $sign = $text[0] === '-' ? -1.0 : 1.0;
        $number = 0.0;
        foreach (explode(':', ltrim($text, '+-')) as $digits) {
            $number = $number * 60 + (float) $digits;
        }

        return $sign * $number;
    }

    /**
     * @param array<array-key, string|null> $match of TIMESTAMP
     */
    private static function timestamp(array $match): LocalDateTime|\DateTimeImmutable
    {
        [, $year, $month, $day, $hour, $minute, $second, $fraction, $zone, $sign, $hours, $minutes] = $match;
        $text = sprintf('%s-%02d-%02dT%02d:%s:%s', $year, $month, $day, $hour, $minute, $second)
            . (($fraction ?? '') === '' ? '' : '.' . substr((string) $fraction, 0, 6));
        if ($zone === null) {
            return new LocalDateTime($text);
        }
        $offset = $zone === 'Z' ? 'Z' : sprintf('%s%02d:%02d', $sign, $hours, $minutes);

        return Iso8601::parse($text . $offset) ?? throw new InvalidMessage('not YAML: no such date and time');
    }
}
