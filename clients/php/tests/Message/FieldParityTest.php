<?php

declare(strict_types=1);

namespace Celeriac\Tests\Message;

use Celeriac\Message\Envelope;
use Celeriac\Message\TaskMessage;
use Celeriac\Result\TaskResult;
use Celeriac\Serialization\JsonObject;
use Celeriac\Signature;
use Celeriac\Tests\Support\Vectors;
use PHPUnit\Framework\TestCase;

/**
 * Holds the FIELDS tables against the one list of fields, spec/fields.json.
 */
final class FieldParityTest extends TestCase
{
    /**
     * @dataProvider tables
     * @param array<string, mixed> $fields
     */
    public function testTableIsTheListOfTheSpecification(string $list, array $fields): void
    {
        $expected = [];
        foreach (Vectors::fields($list) as $row) {
            $expected[$row['name']] = [$row['place'], $row['type']];
            if (array_key_exists('omitted', $row)) {
                $expected[$row['name']][] = $row['omitted'] instanceof JsonObject ? [] : $row['omitted'];
            }
        }
        self::assertSame($expected, $fields);
    }

    /**
     * @return array<string, array{string, array<string, mixed>}>
     */
    public static function tables(): array
    {
        return [
            'task-v2' => ['task-v2', TaskMessage::FIELDS],
            'envelope' => ['envelope', Envelope::FIELDS],
            'signature' => ['signature', Signature::FIELDS],
            'result' => ['result', TaskResult::FIELDS],
        ];
    }
}
