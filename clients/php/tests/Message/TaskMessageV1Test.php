<?php

declare(strict_types=1);

namespace Celeriac\Tests\Message;

use Celeriac\Exception\InvalidMessage;
use Celeriac\Message\TaskMessageV1;
use Celeriac\Serialization\JsonObject;
use Celeriac\Tests\Support\Neutral;
use Celeriac\Tests\Support\Vectors;
use PHPUnit\Framework\TestCase;

/**
 * Every vector of protocol 1, which is read and never written.
 */
final class TaskMessageV1Test extends TestCase
{
    /**
     * @dataProvider vectors
     * @param array<string, mixed> $vector
     */
    public function testMessageIsDecoded(array $vector): void
    {
        $message = TaskMessageV1::parse(Vectors::wire($vector));
        $flat = new JsonObject($message->fields + $message->extra);
        self::assertSame(Neutral::canonical($vector['message']), Neutral::canonical($flat));
    }

    /**
     * @dataProvider invalid
     * @param array<string, mixed> $vector
     */
    public function testInvalidMessageIsRefused(array $vector): void
    {
        $this->expectException(InvalidMessage::class);
        TaskMessageV1::parse(Vectors::wire($vector));
    }

    public function testProtocol2IsNotTakenForIt(): void
    {
        $this->expectException(InvalidMessage::class);
        TaskMessageV1::parse(Vectors::wire(Vectors::in('task-v2')['task-v2/plain'][0]));
    }

    /**
     * @return array<string, array{array<string, mixed>}>
     */
    public static function vectors(): array
    {
        return Vectors::in('task-v1');
    }

    /**
     * @return array<string, array{array<string, mixed>}>
     */
    public static function invalid(): array
    {
        return Vectors::in('task-v1/invalid');
    }
}
