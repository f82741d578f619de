<?php

declare(strict_types=1);

namespace Celeriac\Tests\Serialization;

use Celeriac\Exception\InvalidMessage;
use Celeriac\Serialization\Payload;
use Celeriac\Tests\Support\Neutral;
use Celeriac\Tests\Support\Vectors;
use PHPUnit\Framework\TestCase;

/**
 * Every vector of serialized values, both ways.
 */
final class ValueVectorsTest extends TestCase
{
    /**
     * @dataProvider values
     * @param array<string, mixed> $vector
     */
    public function testValueIsDecodedAndEncodedAgain(array $vector): void
    {
        $payload = Vectors::payload($vector);
        $value = $vector['message']->members['value'];
        self::assertSame(Neutral::canonical($value), Neutral::canonical($payload->decode()));
        self::assertSame(Neutral::canonical($value), Neutral::canonical(Payload::of($value)->decode()));
        self::assertSame($payload->body, Payload::of($payload->decode())->body, 'byte for byte as kombu writes it');
    }

    /**
     * @dataProvider invalidValues
     * @param array<string, mixed> $vector
     */
    public function testInvalidValueIsRefused(array $vector): void
    {
        $this->expectException(InvalidMessage::class);
        Vectors::payload($vector)->decode();
    }

    /**
     * @return array<string, array{array<string, mixed>}>
     */
    public static function values(): array
    {
        return Vectors::in('serialization') + Vectors::in('serialization/optional');
    }

    /**
     * @return array<string, array{array<string, mixed>}>
     */
    public static function invalidValues(): array
    {
        return Vectors::in('serialization/invalid');
    }
}
