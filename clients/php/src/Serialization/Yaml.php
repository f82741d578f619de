<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;

/**
 * YAML as Celery speaks it: written as PyYAML's safe_dump writes it. Neither ext-yaml nor symfony/yaml is used: the one
 * reads `{}` as `[]`, the other bytes as text and days as instants, and both build objects when they are told to.
 */
final class Yaml
{
    /** Text that needs no quotes, unless it stands for something else */
    private const PLAIN = '/^(?:[^\s\-?:,\[\]{}#&*!|>\'"%@`]|[-?:](?=\S))'
        . '(?:[!-"$-9;-~]|(?<=\S)#|:(?=\S)| (?=[^ #]))*$/D';
    private const LETTERS = ['"' => '\"', '\\' => '\\\\', "\n" => '\n', "\r" => '\r', "\t" => '\t'];
    private const INDENT = '  ';
    private const LINE = 76;

    /**
     * @throws InvalidCall for what YAML has no type for: times of day, decimals, UUIDs
     */
    public static function encode(mixed $value, Limits $limits = new Limits()): string
    {
        return ltrim(self::write($value, '', $limits->maxDepth)) . "\n";
    }

    /**
     * Decodes to the lossless form: JsonObject for mappings, Bytes for `!!binary`, Date, LocalDateTime and
     * DateTimeImmutable for timestamps. Bare words mean what they mean to PyYAML: `yes` is true.
     *
     * @throws InvalidMessage for anything but one document, and for tags outside of the core schema
     */
    public static function decode(string $text, Limits $limits = new Limits()): mixed
    {
        if (!Utf8::isText($text)) {
            throw new InvalidMessage('the text is not UTF-8');
        }

        return YamlReader::read($text, $limits->maxDepth);
    }

    /**
     * @param string $margin what the lines of the value begin with
     * @return string " scalar", or lines that each begin with a line feed
     */
    private static function write(mixed $value, string $margin, int $depth): string
    {
        $value = Values::open($value);
        $parts = match (true) {
            is_array($value) => $value,
            $value instanceof JsonObject => $value->members,
            default => null,
        };
        if ($parts === null || $parts === []) {
            return ' ' . match (true) {
                $value === [] => '[]',
                $parts === [] => '{}',
                default => self::scalar($value, $margin),
            };
        }
        if ($depth === 0) {
            throw new InvalidCall('a value is nested too deep to be sent');
        }

        return is_array($value)
            ? self::sequence($value, $margin, $depth - 1)
            : self::mapping($parts, $margin, $depth - 1);
    }

    /**
     * @param list<mixed> $items
     */
    private static function sequence(array $items, string $margin, int $depth): string
    {
        $lines = '';
        foreach ($items as $item) {
            $written = self::write($item, $margin . self::INDENT, $depth);
            // the first line of a collection stands beside the hyphen
            $lines .= "\n$margin- " . ltrim($written);
        }

        return $lines;
    }

    /**
     * @param array<array-key, mixed> $members
     */
    private static function mapping(array $members, string $margin, int $depth): string
    {
        ksort($members, SORT_STRING);
        $lines = '';
        foreach ($members as $name => $member) {
            $member = Values::open($member);
            // a list is not indented under its key, so that both end at the same column
            $inner = is_array($member) ? $margin : $margin . self::INDENT;
            $lines .= "\n$margin" . self::text((string) $name) . ':' . self::write($member, $inner, $depth);
        }

        return $lines;
    }

    private static function scalar(mixed $value, string $margin): string
    {
        return match (true) {
            $value === null => 'null',
            is_bool($value) => $value ? 'true' : 'false',
            is_int($value) => (string) $value,
            is_float($value) => self::float($value),
            is_string($value) => self::text($value),
            $value instanceof BigInteger => $value->digits,
            $value instanceof Date => $value->text,
            $value instanceof LocalDateTime => str_replace('T', ' ', $value->text),
            $value instanceof \DateTimeInterface => str_replace('T', ' ', Iso8601::format($value)),
            $value instanceof Bytes => "!!binary |\n$margin" . rtrim(
                chunk_split(base64_encode($value->bytes), self::LINE, "\n$margin"),
            ),
            default => throw new InvalidCall(sprintf('YAML has no type for a %s', get_debug_type($value))),
        };
    }

    private static function float(float $number): string
    {
        if (!is_finite($number)) {
            return is_nan($number) ? '.nan' : ($number > 0 ? '.inf' : '-.inf');
        }
        $text = FloatText::of($number);

        // YAML wants a point in a number with an exponent
        return str_contains($text, '.') ? $text : str_replace('e', '.0e', $text);
    }

    private static function text(string $text): string
    {
        if (!Utf8::isText($text)) {
            throw new InvalidCall('a string is not UTF-8 text: wrap it in Celeriac\Serialization\Bytes');
        }
        if (preg_match('/^[ -~]*$/D', $text) === 1) {
            $isPlain = preg_match(self::PLAIN, $text) === 1 && !in_array($text, ['=', '<<'], true)
                && preg_match('/^(---|\.\.\.)/', $text) !== 1 && YamlScalar::isText($text);

            return $isPlain ? $text : "'" . str_replace("'", "''", $text) . "'";
        }

        return '"' . preg_replace_callback('/[^ -~]|["\\\\]/u', static function (array $match): string {
            $code = Utf8::codePoint($match[0]);

            return self::LETTERS[$match[0]]
                ?? sprintf($code < 0x100 ? '\x%02X' : ($code < 0x10000 ? '\u%04X' : '\U%08X'), $code);
        }, $text) . '"';
    }
}
