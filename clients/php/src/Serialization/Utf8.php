<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

/**
 * Code points and their bytes, without ext-mbstring.
 */
final class Utf8
{
    /**
     * As mb_chr(), but lets a lone surrogate through, as Python does.
     */
    public static function of(int $code): string
    {
        return match (true) {
            $code < 0x80 => chr($code),
            $code < 0x800 => chr(0xC0 | $code >> 6) . chr(0x80 | $code & 0x3F),
            $code < 0x10000 => chr(0xE0 | $code >> 12) . chr(0x80 | $code >> 6 & 0x3F) . chr(0x80 | $code & 0x3F),
            default => chr(0xF0 | $code >> 18) . chr(0x80 | $code >> 12 & 0x3F)
                . chr(0x80 | $code >> 6 & 0x3F) . chr(0x80 | $code & 0x3F),
        };
    }

    /**
     * The code point of one character of valid UTF-8.
     */
    public static function codePoint(string $character): int
    {
        $bytes = array_map(ord(...), str_split($character));
        $first = [1 => 0x7F, 2 => 0x1F, 3 => 0x0F, 4 => 0x07][count($bytes)] & array_shift($bytes);

        return array_reduce($bytes, static fn (int $code, int $byte): int => $code << 6 | $byte & 0x3F, $first);
    }

    /**
     * Whether bytes are UTF-8 text.
     */
    public static function isText(string $bytes): bool
    {
        return preg_match('//u', $bytes) === 1;
    }
}
