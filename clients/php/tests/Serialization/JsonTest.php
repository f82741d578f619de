<?php

declare(strict_types=1);

namespace Celeriac\Tests\Serialization;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Result\State;
use Celeriac\Serialization\BigInteger;
use Celeriac\Serialization\Bytes;
use Celeriac\Serialization\Date;
use Celeriac\Serialization\Decimal;
use Celeriac\Serialization\FloatText;
use Celeriac\Serialization\Json;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\JsonReader;
use Celeriac\Serialization\Limits;
use Celeriac\Serialization\LocalDateTime;
use Celeriac\Serialization\Time;
use Celeriac\Serialization\Uuid;
use Celeriac\Serialization\Values;
use PHPUnit\Framework\TestCase;

final class JsonTest extends TestCase
{
    /**
     * @dataProvider written
     */
    public function testWritesWhatPythonWrites(string $expected, mixed $value): void
    {
        self::assertSame($expected, Json::encode($value));
    }

    /**
     * @return iterable<string, array{string, mixed}>
     */
    public static function written(): iterable
    {
        yield 'empty array' => ['[]', []];
        yield 'empty object' => ['{}', new JsonObject()];
        yield 'empty stdClass' => ['{}', new \stdClass()];
        yield 'list' => ['[1, [2], {}]', [1, [2], new JsonObject()]];
        yield 'associative array' => ['{"a": 1, "b": null}', ['a' => 1, 'b' => null]];
        yield 'array with gaps' => ['{"1": true, "3": false}', [1 => true, 3 => false]];
        yield 'numeric keys in order of an object' => ['{"0": 1}', new JsonObject([1])];
        yield 'slash, quotes, unicode' => ['"/\"\u00e9\ud83d\ude00"', "/\"\u{E9}\u{1F600}"];
        yield 'lone surrogate' => ['"a\ud83db"', "a\xED\xA0\xBDb"];
        yield 'integer' => ['9223372036854775807', PHP_INT_MAX];
        yield 'big integer' => ['-12345678901234567890123', new BigInteger('-12345678901234567890123')];
        yield 'floats' => [
            '[1.0, -0.0, 1e+16, 1000000000000000.0, 0.0001, 1e-05, 0.1, NaN, Infinity, -Infinity]',
            [1.0, -0.0, 1e16, 1e15, 1e-4, 1e-5, 0.1, NAN, INF, -INF],
        ];
        yield 'enum' => ['"SUCCESS"', State::Success];
        yield 'JsonSerializable' => ['{"x": 1}', new class implements \JsonSerializable {
            public function jsonSerialize(): mixed
            {
                return ['x' => 1];
            }
        }];
        yield 'date' => ['{"__type__": "date", "__value__": "2026-01-02"}', new Date('2026-01-02')];
        yield 'time' => ['{"__type__": "time", "__value__": "03:04:05.000006"}', new Time('03:04:05.000006')];
        yield 'decimal' => ['{"__type__": "decimal", "__value__": "1.10"}', new Decimal('1.10')];
        yield 'uuid' => [
            '{"__type__": "uuid", "__value__": {"hex": "12345678123456781234567812345678"}}',
            new Uuid('12345678-1234-5678-1234-567812345678'),
        ];
        yield 'bytes that are text' => ['{"__type__": "bytes", "__value__": "abc"}', new Bytes('abc')];
        yield 'bytes' => ['{"__type__": "base64", "__value__": "/wA="}', new Bytes("\xFF\0")];
        yield 'local time' => [
            '{"__type__": "datetime", "__value__": "2026-01-02T03:04:05"}',
            new LocalDateTime('2026-01-02T03:04:05'),
        ];
        yield 'instant' => [
            '{"__type__": "datetime", "__value__": "2026-01-02T03:04:05.000006+05:30"}',
            new \DateTimeImmutable('2026-01-02T03:04:05.000006+05:30'),
        ];
        yield 'mutable instant without microseconds' => [
            '{"__type__": "datetime", "__value__": "2026-01-02T03:04:05+00:00"}',
            new \DateTime('2026-01-02T03:04:05Z'),
        ];
    }

    /**
     * @dataProvider unsendable
     */
    public function testRefusesWhatHasNoForm(string $hint, mixed $value): void
    {
        $this->expectException(InvalidCall::class);
        $this->expectExceptionMessage($hint);
        Json::encode($value);
    }

    /**
     * @return iterable<string, array{string, mixed}>
     */
    public static function unsendable(): iterable
    {
        $deep = [];
        for ($i = 0; $i < 600; $i++) {
            $deep = [$deep];
        }
        yield 'object' => ['a DateInterval cannot be sent', new \DateInterval('P1D')];
        yield 'closure' => ['Closure', static fn (): int => 1];
        yield 'resource' => ['resource', STDIN];
        yield 'bytes as text' => ['wrap it in', "\xFF"];
        yield 'a tag' => ['would be read as a tag', ['__type__' => 'x', '__value__' => 1]];
        yield 'too deep' => ['500', $deep];
    }

    /**
     * @dataProvider readable
     */
    public function testReadsAlikeByBothReaders(string $json, mixed $expected): void
    {
        foreach ([Json::decode($json), JsonReader::read($json, 500)] as $value) {
            self::assertSame(Json::encode($expected), Json::encode($value));
            self::assertEquals(is_nan(is_float($expected) ? $expected : 0.0) ? null : $expected, is_float($value)
                && is_nan($value) ? null : $value);
        }
    }

    /**
     * @return iterable<string, array{string, mixed}>
     */
    public static function readable(): iterable
    {
        yield 'empty things apart' => ['[{}, [], ""]', [new JsonObject(), [], '']];
        yield 'numeric keys' => ['{"0": 1, "1": 2}', new JsonObject([1, 2])];
        yield 'last of two equal keys' => ['{"a": 1, "b": 2, "a": 3}', new JsonObject(['a' => 3, 'b' => 2])];
        yield 'empty key, NUL key' => ["{\"\": 1, \"\\u0000x\": 2}", new JsonObject(['' => 1, "\0x" => 2])];
        yield 'escapes' => ['"\\"\\\\\\/\\b\\f\\n\\r\\t\\u00e9\\ud83d\\ude00"', "\"\\/\x08\f\n\r\t\u{E9}\u{1F600}"];
        yield 'lone surrogates' => ['"\ud83d x \ude00\ud83d\u0041"', "\xED\xA0\xBD x \xED\xB8\x80\xED\xA0\xBDA"];
        yield 'space' => [" \t\r\n[ 1 , { \"a\" : 2 } ] ", [1, new JsonObject(['a' => 2])]];
        yield 'numbers' => ['[0, -1, 1.5, 1e3, 1E-2, -0.0]', [0, -1, 1.5, 1000.0, 0.01, -0.0]];
        yield 'minus zero is an integer' => ['[-0]', [0]];
        yield 'overflow' => ['1e400', INF];
        yield 'largest integers' => ['[9223372036854775807, -9223372036854775808]', [PHP_INT_MAX, PHP_INT_MIN]];
        yield 'past them' => [
            '[9223372036854775808, -9223372036854775809]',
            [new BigInteger('9223372036854775808'), new BigInteger('-9223372036854775809')],
        ];
        yield 'NaN' => ['NaN', NAN];
        yield 'infinities' => ['[Infinity, -Infinity]', [INF, -INF]];
        yield 'words' => ['[true, false, null]', [true, false, null]];
        yield 'words inside text' => ['"NaN 12345678901234567890 Infinity"', 'NaN 12345678901234567890 Infinity'];
        yield 'tag with an extra member' => [
            '{"__type__": "date", "__value__": "x", "more": 1}',
            new JsonObject(['__type__' => 'date', '__value__' => 'x', 'more' => 1]),
        ];
        yield 'tag inside a list' => ['[{"__value__": "1.10", "__type__": "decimal"}]', [new Decimal('1.10')]];
    }

    /**
     * @dataProvider unreadable
     */
    public function testRefusesAlikeByBothReaders(string $json): void
    {
        $faults = 0;
        foreach ([Json::decode(...), static fn (string $text) => JsonReader::read($text, 500)] as $read) {
            try {
                $read($json);
            } catch (InvalidMessage) {
                $faults++;
            }
        }
        self::assertSame(2, $faults);
    }

    /**
     * @return iterable<string, array{string}>
     */
    public static function unreadable(): iterable
    {
        $texts = [
            '', ' ', '[', ']', '[1', '[1,]', '[,1]', '{', '{"a"}', '{"a":}', '{"a":1,}', '{1: 2}', "{'a': 1}", '"',
            '"\\', '"\\x"', '"\\u12"', '"\\u12G4"', "\"\n\"", '01', '1.', '.5', '+1', '-', '1e', '0x1', 'nan',
            'infinity', 'True', '-NaN', '1 2', '[1] x', "\u{FEFF}1", '{"__type__": "date", "__value__": 5}', '[NaN',
            '[12345678901234567890',
            '{"__type__": "frob", "__value__": "x"}', '{"__type__": "uuid", "__value__": {"hex": 5}}',
        ];
        foreach ($texts as $text) {
            yield "<$text>" => [$text];
        }
        yield 'too deep' => [str_repeat('[', 5000) . str_repeat(']', 5000)];
        yield 'objects too deep' => [str_repeat('{"a":', 5000) . '1' . str_repeat('}', 5000)];
    }

    public function testDepthLimitIsTheSameForBothReadersAndTheWriter(): void
    {
        $nested = static fn (int $depth): string => str_repeat('[', $depth) . str_repeat(']', $depth);
        $limits = new Limits(maxDepth: 7);
        self::assertSame($nested(7), Json::encode(Json::decode($nested(7), $limits), $limits));
        self::assertSame($nested(7), Json::encode(JsonReader::read($nested(7), 7)));
        foreach (
            [
                static fn () => Json::decode($nested(8), $limits),
                static fn () => JsonReader::read($nested(8), 7),
                static fn () => Json::encode(Json::decode($nested(8)), $limits),
            ] as $tooDeep
        ) {
            try {
                $tooDeep();
                self::fail('eight levels were let through');
            } catch (InvalidMessage | InvalidCall $fault) {
                self::assertStringContainsString('7 levels', $fault->getMessage());
            }
        }
    }

    public function testFloatsReadBackAsThemselvesWhateverTheIniSays(): void
    {
        mt_srand(20260102);
        $before = ini_set('serialize_precision', '5');
        try {
            for ($i = 0; $i < 2000; $i++) {
                $number = unpack('E', pack('J', mt_rand() << 32 | mt_rand() << 1 | $i & 1))[1];
                if (is_finite($number)) {
                    self::assertSame($number, Json::decode(FloatText::of($number)), FloatText::of($number));
                }
            }
        } finally {
            ini_set('serialize_precision', (string) $before);
        }
    }

    public function testPlainTurnsObjectsIntoArraysAtAnyDepth(): void
    {
        $value = Json::decode('{"a": [{"b": {}}], "c": {"__type__": "date", "__value__": "2026-01-02"}}');
        self::assertEquals(['a' => [['b' => []]], 'c' => new Date('2026-01-02')], Values::plain($value));
        $native = ['a' => [['b' => new \stdClass()]], 'c' => new Date('2026-01-02')];
        self::assertEquals($value, Values::lossless($native));
    }

    public function testJsonWithoutTagsLeavesThemAlone(): void
    {
        $json = '{"__type__": "frob", "__value__": [NaN]}';
        self::assertSame($json, Json::encode(Json::decode($json, tags: false), tags: false));
        $this->expectException(InvalidCall::class);
        Json::encode(new Date('2026-01-02'), tags: false);
    }
}
