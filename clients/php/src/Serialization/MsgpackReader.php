<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidMessage;

/**
 * Reads MessagePack to the lossless form; see Msgpack.
 */
final class MsgpackReader
{
    /** first byte => what follows, and the form and length of its number or count */
    private const FORMS = [
        0xC4 => ['bytes', 'C', 1], 0xC5 => ['bytes', 'n', 2], 0xC6 => ['bytes', 'N', 4],
        0xCA => ['number', 'G', 4], 0xCB => ['number', 'E', 8],
        0xCC => ['number', 'C', 1], 0xCD => ['number', 'n', 2], 0xCE => ['number', 'N', 4],
        0xCF => ['unsigned', 'J', 8],
        0xD0 => ['signed', 'C', 1], 0xD1 => ['signed', 'n', 2], 0xD2 => ['signed', 'N', 4], 0xD3 => ['signed', 'J', 8],
        0xD9 => ['text', 'C', 1], 0xDA => ['text', 'n', 2], 0xDB => ['text', 'N', 4],
        0xDC => ['array', 'n', 2], 0xDD => ['array', 'N', 4], 0xDE => ['map', 'n', 2], 0xDF => ['map', 'N', 4],
    ];
    private const WORDS = [0xC0 => null, 0xC2 => false, 0xC3 => true];

    private int $at = 0;

    private function __construct(private readonly string $bytes, private readonly int $maxDepth)
    {
    }

    /**
     * @throws InvalidMessage for anything but exactly one value
     */
    public static function read(string $bytes, int $maxDepth): mixed
    {
        $reader = new self($bytes, $maxDepth);
        $value = $reader->value(0);

        return $reader->at === strlen($bytes) ? $value : throw new InvalidMessage('more than one MessagePack value');
    }

    private function value(int $depth): mixed
    {
        $first = ord($this->take(1));
        if (array_key_exists($first, self::WORDS)) {
            return self::WORDS[$first];
        }
        [$form, $count] = match (true) {
            $first < 0x80 => ['number', $first],
            $first < 0x90 => ['map', $first & 0x0F],
            $first < 0xA0 => ['array', $first & 0x0F],
            $first < 0xC0 => ['text', $first & 0x1F],
            $first >= 0xE0 => ['number', $first - 0x100],
            default => $this->headed($first),
        };

        return match ($form) {
            'bytes' => new Bytes($this->take((int) $count)),
            'text' => $this->text((int) $count),
            'array' => $this->list((int) $count, $depth + 1),
            'map' => $this->map((int) $count, $depth + 1),
            'unsigned' => $count < 0 ? new BigInteger(sprintf('%u', $count)) : $count,
            default => $count,
        };
    }

    /**
     * @return array{string, int|float} what follows, and its number or count
     */
    private function headed(int $first): array
    {
        [$form, $code, $length] = self::FORMS[$first]
            ?? throw new InvalidMessage(sprintf('MessagePack of type %02x is not read', $first));
        $number = unpack($code, $this->take($length))[1] ?? 0;
        if ($form === 'signed' && $length < 8 && $number >> ($length * 8 - 1) === 1) {
            $number -= 1 << $length * 8;
        }

        return [$form, $number];
    }

    private function text(int $length): string
    {
        $text = $this->take($length);

        return Utf8::isText($text) ? $text : throw new InvalidMessage('a MessagePack text is not UTF-8');
    }

    /**
     * @return list<mixed>
     */
    private function list(int $count, int $depth): array
    {
        $this->check($depth);
        $items = [];
        while ($count-- > 0) {
            $items[] = $this->value($depth);
        }

        return $items;
    }

    private function map(int $count, int $depth): JsonObject
    {
        $this->check($depth);
        $members = [];
        while ($count-- > 0) {
            $name = $this->value($depth);
            $members[is_string($name) ? $name : throw new InvalidMessage('a MessagePack key has to be text')]
                = $this->value($depth);
        }

        return new JsonObject($members);
    }

    private function check(int $depth): void
    {
        if ($depth > $this->maxDepth) {
            throw new InvalidMessage("nested deeper than {$this->maxDepth} levels");
        }
    }

    private function take(int $length): string
    {
        $bytes = substr($this->bytes, $this->at, $length);
        $this->at += $length;

        return strlen($bytes) === $length ? $bytes : throw new InvalidMessage('MessagePack ends in the middle');
    }
}
