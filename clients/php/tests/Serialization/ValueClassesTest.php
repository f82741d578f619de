<?php

declare(strict_types=1);

namespace Celeriac\Tests\Serialization;

use Celeriac\Exception\InvalidCall;
use Celeriac\Serialization\BigInteger;
use Celeriac\Serialization\Date;
use Celeriac\Serialization\Decimal;
use Celeriac\Serialization\Iso8601;
use Celeriac\Serialization\LocalDateTime;
use Celeriac\Serialization\Time;
use Celeriac\Serialization\Uuid;
use PHPUnit\Framework\TestCase;

final class ValueClassesTest extends TestCase
{
    /**
     * @dataProvider refused
     * @param class-string $class
     */
    public function testRefusesWhatItCannotBe(string $class, string $text): void
    {
        $this->expectException(InvalidCall::class);
        new $class($text);
    }

    /**
     * @return iterable<string, array{class-string, string}>
     */
    public static function refused(): iterable
    {
        $texts = [
            BigInteger::class => ['', '-', '1.0', '0x1', '01', '1 ', "1\n", 'NaN'],
            Date::class => ['', '2026-02-29', '2026-1-2', '2026-01-02T00:00:00', "2026-01-02\n", '0000-00-00'],
            Time::class => ['', '24:00', '12:60', '12', '12:00:60', 'noon', '12:00+25:00'],
            Uuid::class => ['', 'x', '12345678-1234-5678-1234-56781234567', str_repeat('g', 32)],
            Decimal::class => ['', 'ten', '1.1.1', '1e', '--1', '1,5'],
            LocalDateTime::class => ['', '2026-01-02T03:04:05Z', '2026-01-02T03:04:05+00:00', 'now'],
        ];
        foreach ($texts as $class => $wrong) {
            foreach ($wrong as $text) {
                yield "$class <$text>" => [$class, $text];
            }
        }
    }

    public function testDecimalsTakeWhatPythonTakes(): void
    {
        foreach (['1.10', '-0', '1E+3', '.5', '5.', 'NaN', 'sNaN', 'Infinity', '-Inf', '+1'] as $text) {
            self::assertSame($text, (string) new Decimal($text));
        }
    }

    public function testUuidHasOneForm(): void
    {
        $uuid = new Uuid('12345678123456781234567812345ABC');
        self::assertSame('12345678-1234-5678-1234-567812345abc', (string) $uuid);
        $random = (string) Uuid::version4(str_repeat("\xFF", 16));
        self::assertSame('ffffffff-ffff-4fff-bfff-ffffffffffff', $random);
        self::assertSame('00000000-0000-4000-8000-000000000000', (string) Uuid::version4(str_repeat("\0", 16)));
        $this->expectException(InvalidCall::class);
        Uuid::version4('short');
    }

    public function testLocalTimeBecomesAnInstantInAZone(): void
    {
        $instant = (new LocalDateTime('2026-07-01T12:00:00.5'))->in(new \DateTimeZone('Europe/Berlin'));
        self::assertSame('2026-07-01T10:00:00.500000+00:00', Iso8601::formatUtc($instant));
    }

    /**
     * @dataProvider dates
     */
    public function testDatesAreReadAsWidelyAsCeleryReadsThem(string $text, ?string $expected): void
    {
        $instant = Iso8601::parse($text);
        self::assertSame($expected, $instant === null ? null : Iso8601::format($instant));
    }

    /**
     * @return iterable<string, array{string, string|null}>
     */
    public static function dates(): iterable
    {
        $dates = [
            '2026-01-02T03:04:05' => '2026-01-02T03:04:05+00:00',
            '2026-01-02 03:04:05Z' => '2026-01-02T03:04:05+00:00',
            '2026-01-02T03:04:05.5+0530' => '2026-01-02T03:04:05.500000+05:30',
            '2026-01-02T03:04:05.123456789-04:00' => '2026-01-02T03:04:05.123456-04:00',
            '2026-01-02T03:04-08' => '2026-01-02T03:04:00-08:00',
            '2026-01-02' => '2026-01-02T00:00:00+00:00',
            '1900-01-01T00:00:00+05:53:28' => '1899-12-31T18:06:32+00:00',
            '0001-01-01T00:00:00' => '0001-01-01T00:00:00+00:00',
            '9999-12-31T23:59:59.999999+00:00' => '9999-12-31T23:59:59.999999+00:00',
            '' => null, 'now' => null, '1' => null, '2026-13-01' => null, '2026-02-30T00:00:00' => null,
            '2026-01-02T24:00:00' => null, '2026-01-02T03:04:05+25:00' => null, "2026-01-02\n" => null,
            '0000-01-01T00:00:00' => null, '2026-01-02T03:04:05 UTC' => null,
        ];
        foreach ($dates as $text => $expected) {
            yield "<$text>" => [(string) $text, $expected];
        }
    }
}
