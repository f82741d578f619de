<?php

declare(strict_types=1);

namespace Celeriac\Tests\Serialization;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Serialization\Compression;
use Celeriac\Serialization\Limits;
use Celeriac\Serialization\Payload;
use PHPUnit\Framework\TestCase;

final class PayloadTest extends TestCase
{
    /**
     * @dataProvider encodings
     */
    public function testContentEncodingIsHonoured(?string $encoding, string $body): void
    {
        if (!extension_loaded('iconv')) {
            self::markTestSkipped('SKIPPED encodings: ext-iconv is not loaded');
        }
        self::assertSame("\u{E9}", (new Payload($body, contentEncoding: $encoding))->decode());
    }

    /**
     * @return iterable<string, array{string|null, string}>
     */
    public static function encodings(): iterable
    {
        yield 'utf-8' => ['utf-8', "\"\u{E9}\""];
        yield 'absent' => [null, "\"\u{E9}\""];
        yield 'unknown' => ['frob', "\"\u{E9}\""];
        yield 'binary' => ['binary', "\"\u{E9}\""];
        yield 'latin-1' => ['latin-1', "\"\xE9\""];
        yield 'ISO-8859-1' => ['ISO-8859-1', "\"\xE9\""];
        yield 'utf-16' => ['utf-16', "\xFF\xFE\"\0\xE9\0\"\0"];
    }

    public function testBodyOfAnotherEncodingIsInvalid(): void
    {
        $this->expectException(InvalidMessage::class);
        (new Payload("\xFF\xFE\"", contentEncoding: 'utf-16'))->decode();
    }

    public function testZlibIsReadUnderEachOfItsNames(): void
    {
        foreach (['application/x-gzip', 'gzip', 'zlib'] as $name) {
            $payload = Payload::of(['x' => str_repeat('a', 1000)], compression: $name);
            self::assertLessThan(100, strlen($payload->body));
            self::assertSame(str_repeat('a', 1000), $payload->decode(compression: $name)->members['x']);
        }
    }

    public function testBombIsStoppedAtTheLimit(): void
    {
        $bomb = Payload::of(str_repeat('a', 1_000_000), compression: 'zlib');
        $this->expectException(InvalidMessage::class);
        $bomb->decode(new Limits(maxBytes: 10_000), 'zlib');
    }

    public function testBodyOverTheLimitIsInvalid(): void
    {
        $this->expectException(InvalidMessage::class);
        Payload::of('aaaaaaaaaa')->decode(new Limits(maxBytes: 10));
    }

    public function testUnknownCompressionIsTheFaultOfWhoeverNamesIt(): void
    {
        try {
            Compression::decompress('x', 'application/x-frob', 100);
            self::fail('read');
        } catch (InvalidMessage $fault) {
            self::assertStringContainsString('application/x-frob', $fault->getMessage());
        }
        $this->expectException(InvalidCall::class);
        Compression::compress('x', 'application/x-frob');
    }

    public function testBzip2BothWays(): void
    {
        if (!extension_loaded('bz2')) {
            self::markTestSkipped('SKIPPED bzip2: ext-bz2 is not loaded');
        }
        $packed = Compression::compress(str_repeat('a', 5000), 'application/x-bz2');
        self::assertSame(str_repeat('a', 5000), Compression::decompress($packed, 'bzip2', 5000));
        $this->expectException(InvalidMessage::class);
        Compression::decompress($packed, 'bzip2', 4999);
    }

    public function testOnlyJsonIsWritten(): void
    {
        $this->expectException(InvalidCall::class);
        Payload::of(1, 'application/x-python-serialize');
    }
}
