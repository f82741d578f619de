<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidCall;

/**
 * Writes the JSON that Celery writes: ASCII only, ", " and ": " between, floats as Python prints them, integers of any
 * size, and the bare words NaN, Infinity and -Infinity, which are not JSON but which Celery sends and reads.
 */
final readonly class JsonWriter
{
    /**
     * @param bool $tags whether dates, bytes and the like are written as type tags; without, they cannot be written
     */
    public function __construct(private int $maxDepth, private bool $tags = true)
    {
    }

    /**
     * @throws InvalidCall when the value has no form on the wire; the message says what to pass instead
     */
    public function write(mixed $value, int $depth = 0): string
    {
        return match (true) {
            is_string($value) => $this->text($value),
            is_int($value) => (string) $value,
            is_float($value) => FloatText::of($value),
            $value === null => 'null',
            is_bool($value) => $value ? 'true' : 'false',
            default => $this->compound(Values::open($value), $depth + 1),
        };
    }

    private function compound(mixed $value, int $depth): string
    {
        if ($depth > $this->maxDepth) {
            throw new InvalidCall("a value is nested deeper than {$this->maxDepth} levels");
        }
        if (is_array($value)) {
            $items = [];
            foreach ($value as $item) {
                $items[] = $this->write($item, $depth);
            }

            return '[' . implode(', ', $items) . ']';
        }
        if ($value instanceof JsonObject) {
            if ($this->tags && TypeTags::isTag($value->members)) {
                throw new InvalidCall('an object of just __type__ and __value__ would be read as a tag: add a member');
            }

            return $this->members($value->members, $depth);
        }
        if ($value instanceof BigInteger) {
            return $value->digits;
        }
        $tag = $this->tags && is_object($value) ? TypeTags::write($value) : null;
        if ($tag !== null) {
            return $this->members($tag, $depth);
        }

        return is_object($value)
            ? throw new InvalidCall(sprintf('a %s has no form in plain JSON', get_debug_type($value)))
            : $this->write($value, $depth);
    }

    /**
     * @param array<array-key, mixed> $members
     */
    private function members(array $members, int $depth): string
    {
        $pairs = [];
        foreach ($members as $name => $member) {
            $pairs[] = $this->text((string) $name) . ': ' . $this->write($member, $depth);
        }

        return '{' . implode(', ', $pairs) . '}';
    }

    private function text(string $text): string
    {
        try {
            return self::escape($text);
        } catch (\JsonException) {
            return $this->surrogates($text);
        }
    }

    private static function escape(string $text): string
    {
        // Python escapes DEL, PHP does not
        return str_replace("\x7F", '\u007f', json_encode($text, JSON_THROW_ON_ERROR | JSON_UNESCAPED_SLASHES));
    }

    /**
     * Python sends a lone surrogate as \ud83d; JsonReader keeps it as the three bytes that it would have in UTF-8.
     */
    private function surrogates(string $text): string
    {
        $parts = preg_split('/(\xED[\xA0-\xBF][\x80-\xBF])/', $text, -1, PREG_SPLIT_DELIM_CAPTURE) ?: [];
        $written = '';
        foreach ($parts as $i => $part) {
            if ($i % 2 === 1) {
                $written .= sprintf('\u%04x', 0xD000 | (ord($part[1]) & 0x3F) << 6 | ord($part[2]) & 0x3F);
                continue;
            }
            if (preg_match('//u', $part) !== 1) {
                throw new InvalidCall('a string is not UTF-8 text: wrap it in Celeriac\Serialization\Bytes');
            }
            $written .= substr(self::escape($part), 1, -1);
        }

        return '"' . $written . '"';
    }
}
