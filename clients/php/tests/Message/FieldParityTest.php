<?php

declare(strict_types=1);

namespace Celeriac\Tests\Message;

use Celeriac\Control\Reply;
use Celeriac\Control\Request;
use Celeriac\Event\Event;
use Celeriac\Event\EventMessage;
use Celeriac\Message\Envelope;
use Celeriac\Message\TaskMessage;
use Celeriac\Message\TaskMessageV1;
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
            'task-v1' => ['task-v1', TaskMessageV1::FIELDS],
            'control' => ['control', Request::FIELDS],
            'reply' => ['reply', Reply::FIELDS],
            'event-message' => ['event-message', EventMessage::FIELDS],
            'event' => ['event', Event::FIELDS],
        ];
    }
}
