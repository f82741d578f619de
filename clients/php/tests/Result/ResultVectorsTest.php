<?php

declare(strict_types=1);

namespace Celeriac\Tests\Result;

use Celeriac\Exception\InvalidMessage;
use Celeriac\Result\TaskResult;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Payload;
use Celeriac\Tests\Support\Neutral;
use Celeriac\Tests\Support\Vectors;
use PHPUnit\Framework\TestCase;

/**
 * Every vector of result documents, both ways.
 */
final class ResultVectorsTest extends TestCase
{
    /**
     * @dataProvider documents
     * @param array<string, mixed> $vector
     */
    public function testDocumentIsDecodedAndEncodedAgain(array $vector): void
    {
        $payload = Vectors::payload($vector);
        $result = TaskResult::parse($payload);
        $extra = $result->extra === [] ? [] : ['extra' => new JsonObject($result->extra)];
        self::assertSame(
            Neutral::canonical($vector['message']),
            Neutral::canonical(new JsonObject($result->fields + $extra)),
        );

        $fields = $vector['message']->members;
        $extra = ($fields['extra'] ?? new JsonObject())->members;
        $built = TaskResult::of(array_diff_key($fields, ['extra' => 0]), $extra)->build();
        self::assertSame(Neutral::canonical($payload->decode()), Neutral::canonical($built->decode()));
        self::assertSame($payload->contentType, $built->contentType);
        self::assertSame($payload->contentEncoding, $built->contentEncoding);
    }

    /**
     * @dataProvider stored
     * @param array<string, mixed> $vector
     */
    public function testStoredDocumentIsOpened(array $vector): void
    {
        $document = Vectors::payload($vector)->opened()->decode();
        self::assertSame(Neutral::canonical($vector['message']), Neutral::canonical($document));
        self::assertSame(Neutral::canonical($vector['message']), Neutral::canonical(Payload::of($document)->decode()));
    }

    /**
     * @dataProvider invalidDocuments
     * @param array<string, mixed> $vector
     */
    public function testInvalidDocumentIsRefused(array $vector): void
    {
        $this->expectException(InvalidMessage::class);
        TaskResult::parse(Vectors::payload($vector));
    }

    /**
     * @return array<string, array{array<string, mixed>}>
     */
    public static function documents(): array
    {
        return Vectors::in('result') + Vectors::in('result/optional');
    }

    /**
     * @return array<string, array{array<string, mixed>}>
     */
    public static function stored(): array
    {
        return Vectors::in('stored');
    }

    /**
     * @return array<string, array{array<string, mixed>}>
     */
    public static function invalidDocuments(): array
    {
        return Vectors::in('result/invalid');
    }
}
