<?php

declare(strict_types=1);

namespace Celeriac\Tests;

use Celeriac\Exception\InvalidCall;
use Celeriac\SendOptions;
use Celeriac\Serialization\JsonObject;
use Celeriac\Signature;
use PHPUnit\Framework\TestCase;

final class SendOptionsTest extends TestCase
{
    /**
     * @dataProvider wrong
     * @param array<string, mixed> $options
     */
    public function testWrongOptionsAreRefusedByName(string $hint, array $options): void
    {
        $this->expectException(InvalidCall::class);
        $this->expectExceptionMessage($hint);
        SendOptions::fromArray($options);
    }

    /**
     * @return iterable<string, array{string, array<array-key, mixed>}>
     */
    public static function wrong(): iterable
    {
        yield 'unknown' => ['unknown option frob', ['frob' => 1]];
        yield 'unknown, no name' => ['unknown option', ['x']];
        yield 'wrong type' => ['bad option: queue must be of type ?string, int given', ['queue' => 5]];
        yield 'empty queue' => ['queue must not be empty', ['queue' => '']];
        yield 'empty id' => ['task_id must not be empty', ['task_id' => '']];
        yield 'priority below' => ['priority', ['priority' => -1]];
        yield 'priority above' => ['priority', ['priority' => 256]];
        yield 'countdown NaN' => ['countdown', ['countdown' => NAN]];
        yield 'expires infinite' => ['expires', ['expires' => INF]];
        yield 'both' => ['countdown or eta', ['countdown' => 1, 'eta' => new \DateTimeImmutable('2026-01-02')]];
        yield 'no time' => ['time_limit has to be over 0', ['time_limit' => 0]];
        yield 'endless time' => ['time_limit has to be over 0', ['time_limit' => INF]];
        yield 'negative time' => ['soft_time_limit has to be over 0', ['soft_time_limit' => -1]];
        yield 'soft over hard' => ['at most time_limit', ['time_limit' => 1, 'soft_time_limit' => 2]];
        yield 'two addresses' => ['queue or exchange', ['queue' => 'q', 'exchange' => 'x']];
        yield 'key of no exchange' => ['routing_key', ['routing_key' => 'k']];
        yield 'link' => ['link takes', ['link' => ['tasks.add']]];
        yield 'link without a task' => ['a signature has task', ['link' => new JsonObject(['args' => []])]];
    }

    public function testTheShortWayOfASignatureWithoutOptionsIsTheLongOne(): void
    {
        self::assertEquals(SendOptions::fromArray([]), SendOptions::ofSignature([]));
        self::assertEquals(SendOptions::fromArray(['queue' => 'q']), SendOptions::ofSignature(['queue' => 'q']));
    }

    public function testNamesAreThoseOfEveryLanguage(): void
    {
        $options = SendOptions::fromArray([
            'queue' => 'q', 'priority' => 3, 'countdown' => 1.5, 'expires' => 60,
            'time_limit' => 3, 'soft_time_limit' => 2,
            'task_id' => 'id', 'ignore_result' => null, 'headers' => new JsonObject(['a' => 1]), 'shadow' => 's',
            'root_id' => 'r', 'parent_id' => 'p', 'reply_to' => 'o', 'link' => (new Signature('next'))->toObject(),
            'link_error' => [new Signature('oops'), (new Signature('oh'))->toObject()],
        ]);
        self::assertEquals(new SendOptions(
            queue: 'q',
            priority: 3,
            countdown: 1.5,
            expires: 60,
            timeLimit: 3,
            softTimeLimit: 2,
            taskId: 'id',
            ignoreResult: null,
            headers: ['a' => 1],
            link: new Signature('next'),
            linkError: [new Signature('oops'), new Signature('oh')],
            shadow: 's',
            rootId: 'r',
            parentId: 'p',
            replyTo: 'o',
        ), $options);
        $to = SendOptions::fromArray(['exchange' => 'x', 'routing_key' => 'k']);
        self::assertSame(['x', 'k'], [$to->exchange, $to->routingKey]);
    }

    public function testWithTaskIdChangesACopy(): void
    {
        $options = new SendOptions(queue: 'q', link: new Signature('next'));
        self::assertSame('id', $options->with(taskId: 'id')->taskId);
        self::assertEquals($options->link, $options->with(taskId: 'id')->link);
        self::assertNull($options->taskId);
    }
}
