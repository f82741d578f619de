<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidMessage;

/**
 * The content encodings of a text body. Producers write "utf-8"; a reader takes an absent or unknown name for it.
 */
final class Charset
{
    private const ICONV = [
        'latin-1' => 'ISO-8859-1',
        'latin1' => 'ISO-8859-1',
        'iso-8859-1' => 'ISO-8859-1',
        'utf-16' => 'UTF-16',
        'utf-16le' => 'UTF-16LE',
        'utf-16be' => 'UTF-16BE',
        'utf-32' => 'UTF-32',
    ];

    /**
     * @return string the body in UTF-8, not yet checked when it claims to be UTF-8 already
     * @throws InvalidMessage when the body is not in the encoding that it names
     */
    public static function decode(string $body, ?string $encoding): string
    {
        return self::convert($body, self::ICONV[strtolower($encoding ?? '')] ?? 'UTF-8', 'UTF-8');
    }

    /**
     * @param string $text ASCII, as JsonWriter writes it, so that every encoding can hold it
     */
    public static function encode(string $text, ?string $encoding): string
    {
        return self::convert($text, 'UTF-8', self::ICONV[strtolower($encoding ?? '')] ?? 'UTF-8');
    }

    private static function convert(string $text, string $from, string $to): string
    {
        if ($from === $to) {
            return $text;
        }
        // @: iconv raises a notice for what is a fault of the message
        $converted = function_exists('iconv') ? @iconv($from, $to, $text) : false;

        return $converted === false
            ? throw new InvalidMessage("the body cannot be read as $from (which takes ext-iconv)")
            : $converted;
    }
}
