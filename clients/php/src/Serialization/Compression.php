<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;

/**
 * The compressions that the header `compression` names. "application/x-gzip" is a zlib stream, not a gzip file.
 */
final class Compression
{
    private const ZLIB = ['application/x-gzip', 'gzip', 'zlib'];
    private const BZIP2 = ['application/x-bz2', 'bzip2', 'bzip'];
    private const READ_SIZE = 65536;
    private const STORED_PREFIX = "\0celery-compressed\0";

    /**
     * @param string $name a MIME name or one of Celery's short names
     * @param int $maxBytes refuse to produce more than this
     * @throws InvalidMessage when the bytes are damaged or too many, or the compression is not known here
     */
    public static function decompress(string $bytes, string $name, int $maxBytes): string
    {
        // @: zlib and bzip2 warn about damaged bytes; the false that they return is what counts
        $plain = match (true) {
            in_array($name, self::ZLIB, true) => @gzuncompress($bytes, $maxBytes),
            in_array($name, self::BZIP2, true) && function_exists('bzdecompress') => self::unbzip($bytes, $maxBytes),
            default => throw new InvalidMessage("compression '$name' is not supported here"),
        };

        return is_string($plain) ? $plain : throw new InvalidMessage("the $name body is damaged, or too long");
    }

    /**
     * The name that goes into the header `compression`, for a MIME name or one of Celery's short names.
     *
     * @throws InvalidCall when the compression is not known here
     */
    public static function mimeName(string $name): string
    {
        return match (true) {
            in_array($name, self::ZLIB, true) => self::ZLIB[0],
            in_array($name, self::BZIP2, true) && function_exists('bzcompress') => self::BZIP2[0],
            default => throw new InvalidCall("compression '$name' is not supported here"),
        };
    }

    /**
     * @throws InvalidCall when the compression is not known here
     */
    public static function compress(string $bytes, string $name): string
    {
        $packed = match (true) {
            in_array($name, self::ZLIB, true) => gzcompress($bytes),
            in_array($name, self::BZIP2, true) && function_exists('bzcompress') => bzcompress($bytes),
            default => false,
        };

        return is_string($packed) ? $packed : throw new InvalidCall("compression '$name' is not supported here");
    }

    /**
     * Undoes Celery's `result_compression`, which marks a stored result by a prefix that names the compression.
     *
     * @throws InvalidMessage as decompress()
     */
    public static function openStored(string $bytes, int $maxBytes): string
    {
        if (!str_starts_with($bytes, self::STORED_PREFIX)) {
            return $bytes;
        }
        $parts = explode("\0", substr($bytes, strlen(self::STORED_PREFIX)), 2);

        return self::decompress($parts[1] ?? '', $parts[0], $maxBytes);
    }

    private static function unbzip(string $bytes, int $maxBytes): string|false
    {
        // bzdecompress() has no limit of its own, the stream filter can be read bit by bit
        $stream = fopen('php://temp', 'w+b');
        if ($stream === false) {
            return false;
        }
        fwrite($stream, $bytes);
        rewind($stream);
        stream_filter_append($stream, 'bzip2.decompress', STREAM_FILTER_READ);
        $plain = '';
        // the filter warns of bytes that are no bzip2; that they give no text says so as well
        while (strlen($plain) <= $maxBytes && !in_array($part = @fread($stream, self::READ_SIZE), ['', false], true)) {
            $plain .= $part;
        }
        fclose($stream);

        return $plain !== '' && strlen($plain) <= $maxBytes ? $plain : false;
    }
}
