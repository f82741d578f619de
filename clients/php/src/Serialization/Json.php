<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;

/**
 * JSON as Celery speaks it, both ways without loss; see JsonWriter and JsonReader for where that differs from JSON.
 */
final class Json
{
    /** Texts that json_decode would refuse, or read with a loss: -0, long integers, NaN, Infinity. */
    private const NEEDS_READER = '/\d{19}|-0(?:[,\]}\s]|$)|NaN|Infinity/';

    /**
     * @param bool $tags false: plain JSON, in which dates, bytes and the like have no form
     * @throws InvalidCall when the value has no form on the wire
     */
    public static function encode(mixed $value, Limits $limits = new Limits(), bool $tags = true): string
    {
        return (new JsonWriter($limits->maxDepth, $tags))->write($value);
    }

    /**
     * Decodes to the lossless form: JsonObject for objects, BigInteger past 64 bits, tagged values as their classes.
     *
     * @param bool $tags false: type tags stay objects
     * @throws InvalidMessage for anything that Python's json module would refuse, and past the depth limit
     */
    public static function decode(string $text, Limits $limits = new Limits(), bool $tags = true): mixed
    {
        if (preg_match('//u', $text) !== 1) {
            throw new InvalidMessage('the text is not UTF-8');
        }
        if (preg_match(self::NEEDS_READER, $text) === 1) {
            return JsonReader::read($text, $limits->maxDepth, $tags);
        }
        // json_decode counts the innermost value as a level of its own
        $value = json_decode($text, false, $limits->maxDepth + 1);

        return match (json_last_error()) {
            JSON_ERROR_NONE => self::lossless($value, $tags),
            JSON_ERROR_UTF16, JSON_ERROR_INVALID_PROPERTY_NAME => JsonReader::read($text, $limits->maxDepth, $tags),
            JSON_ERROR_DEPTH => throw new InvalidMessage("nested deeper than {$limits->maxDepth} levels"),
            default => throw new InvalidMessage('not JSON: ' . json_last_error_msg()),
        };
    }

    private static function lossless(mixed $value, bool $tags): mixed
    {
        if (is_array($value)) {
            foreach ($value as $i => $item) {
                if (is_array($item) || $item instanceof \stdClass) {
                    $value[$i] = self::lossless($item, $tags);
                }
            }

            return $value;
        }
        if ($value instanceof \stdClass) {
            $members = [];
            foreach (get_object_vars($value) as $name => $member) {
                $members[$name] = self::lossless($member, $tags);
            }

            return $tags ? TypeTags::read($members) : new JsonObject($members);
        }

        return $value;
    }
}
