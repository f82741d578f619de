<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

/**
 * Python `bytes`, where a PHP string is Python `str`. Wrap whatever is not UTF-8 text.
 *
 * On the wire: `{"__type__": "bytes", "__value__": text}` when the bytes happen to be UTF-8, else `"base64"`.
 */
final readonly class Bytes implements \Stringable
{
    public function __construct(public string $bytes)
    {
    }

    public function __toString(): string
    {
        return $this->bytes;
    }
}
