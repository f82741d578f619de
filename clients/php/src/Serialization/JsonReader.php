<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidMessage;

/**
 * Reads what json_decode cannot: NaN and Infinity, integers past 64 bits, lone surrogates, members named "\0...".
 *
 * Json turns to it only for texts that hold one of these, as it is slower.
 */
final class JsonReader
{
    private const SPACE = " \t\n\r";
    private const WORD = '/\G(?:(-?(?:0|[1-9]\d*))((?:\.\d+)?(?:[eE][+-]?\d+)?)|-?[A-Za-z]+)/';
    private const ESCAPES = [
        '"' => '"', '\\' => '\\', '/' => '/', 'b' => "\x08", 'f' => "\f", 'n' => "\n", 'r' => "\r", 't' => "\t",
    ];
    private const WORDS = [
        'null' => null, 'true' => true, 'false' => false, 'NaN' => NAN, 'Infinity' => INF, '-Infinity' => -INF,
    ];

    private int $at = 0;

    private function __construct(
        private readonly string $text,
        private readonly int $maxDepth,
        private readonly bool $tags,
    ) {
    }

    /**
     * @param string $text UTF-8
     * @param bool $tags whether type tags become the values that they stand for
     * @throws InvalidMessage when it is not even Python's JSON, or nested too deep
     */
    public static function read(string $text, int $maxDepth, bool $tags = true): mixed
    {
        $reader = new self($text, $maxDepth, $tags);
        $value = $reader->value(0);
        $reader->skipSpace();

        return $reader->at === strlen($text) ? $value : throw $reader->fault('the end');
    }

    private function value(int $depth): mixed
    {
        $this->skipSpace();
        $first = $this->text[$this->at] ?? '';
        if ($depth >= $this->maxDepth && ($first === '[' || $first === '{')) {
            throw new InvalidMessage("nested deeper than {$this->maxDepth} levels");
        }

        return match ($first) {
            '"' => $this->text(),
            '[' => $this->list($depth),
            '{' => $this->object($depth),
            default => $this->word(),
        };
    }

    /**
     * @return list<mixed>
     */
    private function list(int $depth): array
    {
        $this->at++;
        $items = [];
        if ($this->took(']')) {
            return $items;
        }
        do {
            $items[] = $this->value($depth + 1);
        } while ($this->took(','));

        return $this->took(']') ? $items : throw $this->fault('"," or "]"');
    }

    private function object(int $depth): mixed
    {
        $this->at++;
        $members = [];
        if (!$this->took('}')) {
            do {
                $this->skipSpace();
                $name = ($this->text[$this->at] ?? '') === '"' ? $this->text() : throw $this->fault('a name');
                $members[$name] = $this->took(':') ? $this->value($depth + 1) : throw $this->fault('":"');
            } while ($this->took(','));
            if (!$this->took('}')) {
                throw $this->fault('"," or "}"');
            }
        }

        return $this->tags ? TypeTags::read($members) : new JsonObject($members);
    }

    private function word(): mixed
    {
        preg_match(self::WORD, $this->text, $m, 0, $this->at);
        $word = $m[0] ?? '';
        if (isset($m[1])) {
            $this->at += strlen($word);

            return ($m[2] ?? '') === '' ? BigInteger::narrow($m[1]) : (float) $word;
        }
        if (!array_key_exists($word, self::WORDS)) {
            throw $this->fault('a value');
        }
        $this->at += strlen($word);

        return self::WORDS[$word];
    }

    private function text(): string
    {
        $text = '';
        $this->at++;
        while (true) {
            $length = strcspn($this->text, "\"\\\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0B\f\r\x0E\x0F\x10\x11\x12"
                . "\x13\x14\x15\x16\x17\x18\x19\x1A\x1B\x1C\x1D\x1E\x1F", $this->at);
            $text .= substr($this->text, $this->at, $length);
            $this->at += $length + 1;
            $stop = $this->text[$this->at - 1] ?? '';
            if ($stop === '"') {
                return $text;
            }
            $text .= $stop === '\\' ? $this->escape() : throw $this->fault('text');
        }
    }

    private function escape(): string
    {
        $letter = $this->text[$this->at++] ?? '';
        if ($letter !== 'u') {
            return self::ESCAPES[$letter] ?? throw $this->fault('an escape');
        }
        $unit = $this->codeUnit() ?? throw $this->fault('four hexadecimal digits');
        if ($unit >= 0xD800 && $unit < 0xDC00 && substr($this->text, $this->at, 2) === '\u') {
            $this->at += 2;
            $low = $this->codeUnit() ?? throw $this->fault('four hexadecimal digits');
            if ($low >= 0xDC00 && $low < 0xE000) {
                return Utf8::of(0x10000 + (($unit & 0x3FF) << 10 | $low & 0x3FF));
            }
            $this->at -= 6;
        }

        return Utf8::of($unit);
    }

    private function codeUnit(): ?int
    {
        $digits = substr($this->text, $this->at, 4);
        $this->at += 4;

        return strspn($digits, '0123456789abcdefABCDEF') === 4 ? (int) hexdec($digits) : null;
    }

    private function skipSpace(): void
    {
        $this->at += strspn($this->text, self::SPACE, $this->at);
    }

    private function took(string $sign): bool
    {
        $this->skipSpace();
        if (($this->text[$this->at] ?? '') !== $sign) {
            return false;
        }
        $this->at++;

        return true;
    }

    private function fault(string $wanted): InvalidMessage
    {
        return new InvalidMessage("not JSON: expected $wanted at byte {$this->at}");
    }
}
