<?php

declare(strict_types=1);

namespace Celeriac\Tests\Serialization;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Serialization\BigInteger;
use Celeriac\Serialization\Bytes;
use Celeriac\Serialization\Date;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Limits;
use Celeriac\Serialization\Msgpack;
use Celeriac\Serialization\Payload;
use Celeriac\Serialization\Serializer;
use Celeriac\Tests\Support\Neutral;
use PHPUnit\Framework\TestCase;

final class MsgpackTest extends TestCase
{
    /**
     * @dataProvider values
     */
    public function testShortestFormIsWrittenAndRead(mixed $value, string $head): void
    {
        $bytes = Msgpack::encode($value);
        self::assertSame($head, bin2hex(substr($bytes, 0, intdiv(strlen($head), 2))));
        self::assertSame(Neutral::canonical($value), Neutral::canonical(Msgpack::decode($bytes)));
    }

    /**
     * @return iterable<array{mixed, string}>
     */
    public static function values(): iterable
    {
        $integers = ['00' => 0, '7f' => 127, 'cc80' => 128, 'ccff' => 255, 'cd0100' => 256, 'cdffff' => 65535,
            'ce00010000' => 65536, 'ceffffffff' => 4294967295, 'cf0000000100000000' => 4294967296,
            'ff' => -1, 'e0' => -32, 'd0df' => -33,
            'd080' => -128, 'd1ff7f' => -129, 'd18000' => -32768, 'd2ffff7fff' => -32769,
            'd280000000' => -2147483648, 'd3ffffffff7fffffff' => -2147483649, 'd38000000000000000' => PHP_INT_MIN,
            'cf7fffffffffffffff' => PHP_INT_MAX];
        foreach ($integers as $head => $number) {
            yield "integer $number" => [$number, (string) $head];
        }
        yield 'past 63 bits' => [new BigInteger('9223372036854775808'), 'cf8000000000000000'];
        yield 'past 64 bits, almost' => [new BigInteger('18446744073709551615'), 'cfffffffffffffffff'];
        yield 'float' => [1.0, 'cb3ff0000000000000'];
        yield 'minus zero' => [-0.0, 'cb8000000000000000'];
        yield 'null' => [null, 'c0'];
        yield 'booleans' => [[false, true], '92c2c3'];
        yield 'no text' => ['', 'a0'];
        yield 'text' => [str_repeat('a', 31), 'bf61'];
        yield 'text 8' => [str_repeat('a', 32), 'd92061'];
        yield 'text 16' => [str_repeat('a', 256), 'da010061'];
        yield 'text 32' => [str_repeat('a', 65536), 'db0001000061'];
        yield 'no bytes' => [new Bytes(''), 'c400'];
        yield 'bytes 16' => [new Bytes(str_repeat("\xFF", 256)), 'c50100ff'];
        yield 'bytes 32' => [new Bytes(str_repeat("\xFF", 65536)), 'c600010000ff'];
        yield 'empty array and map' => [[[], new JsonObject()], '929080'];
        yield 'array 16' => [array_fill(0, 16, 1), 'dc001001'];
        yield 'array 32' => [array_fill(0, 65536, 1), 'dd0001000001'];
        yield 'map 16' => [new JsonObject(array_fill(0, 16, 1)), 'de0010a13001'];
    }

    /**
     * @dataProvider invalid
     */
    public function testAnythingElseIsInvalid(string $hex): void
    {
        $this->expectException(InvalidMessage::class);
        Msgpack::decode((string) hex2bin($hex));
    }

    /**
     * @return iterable<string, array{string}>
     */
    public static function invalid(): iterable
    {
        yield 'nothing' => [''];
        yield 'more' => ['0101'];
        yield 'never used' => ['c1'];
        yield 'extension' => ['d40100'];
        yield 'cut' => ['cd01'];
        yield 'array longer than the bytes' => ['ddffffffff01'];
        yield 'text longer than the bytes' => ['dbffffffff61'];
        yield 'text that is not UTF-8' => ['a1ff'];
        yield 'number as key' => ['810101'];
        yield 'nested' => [str_repeat('91', 5000)];
    }

    public function testShortFloatIsRead(): void
    {
        self::assertSame(1.5, Msgpack::decode("\xCA\x3F\xC0\x00\x00"));
    }

    /**
     * @dataProvider unwritable
     */
    public function testWhatMsgpackHasNoTypeForIsRefused(mixed $value): void
    {
        $this->expectException(InvalidCall::class);
        Msgpack::encode([$value]);
    }

    /**
     * @return iterable<string, array{mixed}>
     */
    public static function unwritable(): iterable
    {
        yield 'date' => [new Date('2026-01-02')];
        yield 'instant' => [new \DateTimeImmutable()];
        yield 'integer past 64 bits' => [new BigInteger('18446744073709551616')];
        yield 'integer under 64 bits' => [new BigInteger('-9223372036854775809')];
        yield 'bytes as text' => ["\xFF"];
        yield 'object' => [new \ArrayObject()];
    }

    public function testDepthIsLimitedBothWays(): void
    {
        $limits = new Limits(maxDepth: 2);
        self::assertSame([[1]], Msgpack::decode(Msgpack::encode([[1]], $limits), $limits));
        $this->expectException(InvalidCall::class);
        Msgpack::encode([[[1]]], $limits);
    }

    public function testIsReadOnlyWhenAccepted(): void
    {
        $payload = Payload::of([1], Serializer::Msgpack->value, Serializer::Msgpack->contentEncoding());
        self::assertSame([1], $payload->decode(new Limits(accept: [Serializer::Msgpack])));
        $this->expectException(InvalidMessage::class);
        $payload->decode();
    }
}
