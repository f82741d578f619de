<?php

declare(strict_types=1);

namespace Celeriac\Tests\Result;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\NotRegistered;
use Celeriac\Exception\TaskFailure;
use Celeriac\Exception\TaskRevoked;
use Celeriac\Result\State;
use Celeriac\Result\TaskResult;
use Celeriac\Serialization\Payload;
use Celeriac\Tests\Support\Vectors;
use PHPUnit\Framework\TestCase;

final class TaskResultTest extends TestCase
{
    public function testSuccess(): void
    {
        $result = $this->result('{"task_id": "i", "status": "SUCCESS", "result": {"a": [{}]},'
            . ' "date_done": "2026-01-02T03:04:05"}');
        self::assertSame(State::Success, $result->state());
        self::assertSame(['a' => [[]]], $result->value());
        self::assertSame('2026-01-02T03:04:05+00:00', $result->dateDone()?->format('c'));
    }

    public function testFailureNamesThePythonException(): void
    {
        $vector = Vectors::in('result')['result/redis-failure'][0];
        $failure = $this->caught(TaskResult::parse(Vectors::payload($vector)));
        $fields = $vector['message']->members;
        $error = $fields['result']->members;
        self::assertInstanceOf(TaskFailure::class, $failure);
        self::assertNotInstanceOf(NotRegistered::class, $failure);
        self::assertSame(
            [$fields['task_id'], 'FAILURE', $error['exc_type'], $error['exc_module'], $error['exc_message']],
            [$failure->taskId, $failure->state, $failure->excType, $failure->excModule, $failure->excArgs],
        );
        self::assertSame($fields['traceback'], $failure->traceback);
        self::assertStringStartsWith($error['exc_type'] . ': ', $failure->getMessage());
    }

    public function testWrappedExceptionIsShownAsTheOneInside(): void
    {
        $vector = Vectors::in('result')['result/redis-failure-local-class'][0];
        $failure = $this->caught(TaskResult::parse(Vectors::payload($vector)));
        self::assertInstanceOf(TaskFailure::class, $failure);
        self::assertSame(
            ['capture.shop', 'Local', ['seen only here']],
            [$failure->excModule, $failure->excType, $failure->excArgs],
        );
    }

    public function testUnknownTaskHasAClassOfItsOwn(): void
    {
        $vector = Vectors::in('result')['result/rpc-failure-not-registered'][0];
        self::assertInstanceOf(NotRegistered::class, $this->caught(TaskResult::parse(Vectors::payload($vector))));
    }

    public function testRevokedSaysWhy(): void
    {
        $vector = Vectors::in('result')['result/redis-revoked-expired'][0];
        $revoked = $this->caught(TaskResult::parse(Vectors::payload($vector)));
        self::assertInstanceOf(TaskRevoked::class, $revoked);
        self::assertSame('expired', $revoked->reason);
        self::assertSame($vector['message']->members['task_id'], $revoked->taskId);
        $bare = $this->caught($this->result('{"task_id": "i", "status": "REVOKED", "result": null}'));
        self::assertSame('task i: revoked', $bare->getMessage());
    }

    public function testOldFailuresWithAMessageOfTextAreRead(): void
    {
        $vector = Vectors::in('result/optional')['result/failure-message-text']
            ?? Vectors::in('result/optional')['result/optional/failure-message-text'];
        $failure = $this->caught(TaskResult::parse(Vectors::payload($vector[0])));
        self::assertInstanceOf(TaskFailure::class, $failure);
        self::assertSame(['no stock'], $failure->excArgs);
    }

    /**
     * @dataProvider states
     */
    public function testStates(string $status, State $state, bool $final): void
    {
        $result = $this->result(sprintf('{"task_id": "i", "status": "%s", "result": {"exc_type": "E"}}', $status));
        self::assertSame([$status, $state, $final], [$result->status(), $result->state(), $result->state()->isFinal()]);
    }

    /**
     * @return iterable<array{string, State, bool}>
     */
    public static function states(): iterable
    {
        foreach (State::cases() as $state) {
            $final = in_array($state->name, ['Success', 'Failure', 'Revoked', 'Rejected', 'Ignored'], true);
            yield $state->name => [$state->value, $state, $final];
        }
        yield 'of its own' => ['PROGRESS', State::Custom, false];
    }

    public function testCompressedDocumentIsOpened(): void
    {
        $document = '{"task_id": "i", "status": "SUCCESS", "result": 5}';
        $stored = "\0celery-compressed\0application/x-gzip\0" . gzcompress($document);
        self::assertSame(5, $this->result($stored)->value());
    }

    public function testRefusesToBuildWhatNobodyCouldRead(): void
    {
        $this->expectException(InvalidCall::class);
        TaskResult::of(['status' => 'SUCCESS']);
    }

    private function result(string $body): TaskResult
    {
        return TaskResult::parse(new Payload($body));
    }

    private function caught(TaskResult $result): \Throwable
    {
        try {
            $result->value();
        } catch (\Throwable $thrown) {
            return $thrown;
        }
        self::fail('nothing was thrown');
    }
}
