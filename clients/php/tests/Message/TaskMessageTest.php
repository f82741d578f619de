<?php

declare(strict_types=1);

namespace Celeriac\Tests\Message;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Message\Envelope;
use Celeriac\Message\TaskMessage;
use Celeriac\Message\Wire;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Payload;
use PHPUnit\Framework\TestCase;

final class TaskMessageTest extends TestCase
{
    private const MINIMAL = ['task' => 't', 'id' => 'i'];

    public function testAbsentFieldsAreWhatReadersTakeThemFor(): void
    {
        $message = TaskMessage::parse(new Wire(new Payload('[[], {}, null]'), self::MINIMAL));
        self::assertSame(['task' => 't', 'id' => 'i', 'args' => []], array_diff_key($message->fields, ['kwargs' => 0]));
        self::assertSame(0, $message->get('retries'));
        self::assertNull($message->get('eta'));
        self::assertEquals(new JsonObject(), $message->get('stamps'));
        self::assertNull($message->instant('eta'));
        $this->expectException(InvalidCall::class);
        $message->get('frob');
    }

    public function testAnEmptyArrayIsNoEmptyEmbed(): void
    {
        $this->expectException(InvalidMessage::class);
        TaskMessage::parse(new Wire(new Payload('[[], {}, []]'), self::MINIMAL));
    }

    public function testInstantsAreUtcWhereTheTextSaysNothing(): void
    {
        $headers = self::MINIMAL + ['eta' => '2026-01-02T03:04:05', 'expires' => '2026-01-02T03:04:05+05:30'];
        $message = TaskMessage::parse(new Wire(new Payload('[[], {}, {}]'), $headers));
        self::assertSame('2026-01-02T03:04:05+00:00', $message->instant('eta')?->format('c'));
        self::assertSame('2026-01-02T03:04:05+05:30', $message->instant('expires')?->format('c'));
    }

    public function testUnknownFieldsAreKeptAndWrittenBack(): void
    {
        $wire = new Wire(new Payload('[[], {}, {"frob": 1}]'), self::MINIMAL + ['own' => 1.5], ['app_id' => 'x']);
        $message = TaskMessage::parse($wire);
        self::assertSame(
            ['headers' => ['own' => 1.5], 'properties' => ['app_id' => 'x'], 'embed' => ['frob' => 1]],
            $message->extra,
        );
        self::assertEquals($wire, $message->build());
    }

    public function testWithChangesACopy(): void
    {
        $message = TaskMessage::parse(new Wire(new Payload('[[], {}, {}]'), self::MINIMAL));
        self::assertSame(3, $message->with('retries', 3)->get('retries'));
        self::assertSame(0, $message->get('retries'));
        $this->expectException(InvalidCall::class);
        $this->expectExceptionMessage('retries has to be integer, not null');
        $message->with('retries', null);
    }

    /**
     * @dataProvider wrong
     * @param array<string, mixed> $fields
     */
    public function testRefusesToBuildWhatNobodyCouldRead(string $hint, array $fields): void
    {
        $this->expectException(InvalidCall::class);
        $this->expectExceptionMessage($hint);
        TaskMessage::of($fields + self::MINIMAL + ['args' => [], 'kwargs' => new JsonObject()]);
    }

    /**
     * @return iterable<string, array{string, array<string, mixed>}>
     */
    public static function wrong(): iterable
    {
        yield 'unknown' => ['frob', ['frob' => 1]];
        yield 'empty id' => ['empty', ['id' => '']];
        yield 'list for kwargs' => ['kwargs has to be object', ['kwargs' => []]];
        yield 'eta' => ['eta has to be date-time or null', ['eta' => '']];
        yield 'timelimit' => ['timelimit', ['timelimit' => [1]]];
    }

    public function testEnvelopeNeedsATag(): void
    {
        $this->expectException(InvalidCall::class);
        Envelope::of(
            new Wire(new Payload('x')),
            ['delivery_tag' => '', 'exchange' => '', 'routing_key' => 'q'],
        );
    }

    public function testEnvelopeKeepsTheOrderOfCelery(): void
    {
        $wire = new Wire(new Payload('x'), [], ['correlation_id' => 'i', 'reply_to' => 'r', 'delivery_mode' => 2]);
        $fields = ['delivery_tag' => 't', 'body_encoding' => 'base64', 'exchange' => '', 'routing_key' => 'q'];
        self::assertSame(
            '{"body": "eA==", "content-encoding": "utf-8", "content-type": "application/json", "headers": {},'
            . ' "properties": {"correlation_id": "i", "reply_to": "r", "delivery_mode": 2,'
            . ' "delivery_info": {"exchange": "", "routing_key": "q"}, "delivery_tag": "t",'
            . ' "body_encoding": "base64"}}',
            Envelope::of($wire, $fields)->build(),
        );
    }
}
