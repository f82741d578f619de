<?php

declare(strict_types=1);

namespace Celeriac\Tests;

use Celeriac\Call;
use Celeriac\Exception\InvalidCall;
use Celeriac\SendOptions;
use Celeriac\Serialization\JsonObject;
use Celeriac\Signature;
use PHPUnit\Framework\TestCase;

final class SignatureTest extends TestCase
{
    public function testChangesMakeCopies(): void
    {
        $signature = new Signature('a', [1], ['k' => 2]);
        $changed = $signature->onQueue('q')->immutable()->withOption('countdown', 5)
            ->link(new Signature('b'))->link(new Signature('c'))->linkError(new Signature('d'));
        self::assertSame([], $signature->options);
        self::assertFalse($signature->immutable);
        self::assertTrue($changed->immutable);
        self::assertSame(['q', 5], [$changed->options['queue'], $changed->options['countdown']]);
        $names = static fn (JsonObject $link): string => $link->members['task'];
        self::assertSame(['b', 'c'], array_map($names, $changed->options['link']));
        self::assertSame(['d'], array_map($names, $changed->options['link_error']));
    }

    public function testObjectAndBack(): void
    {
        $signature = new Signature('a', [1], ['k' => 2], ['queue' => 'q'], true, 'chain');
        self::assertSame(
            ['task', 'args', 'kwargs', 'options', 'subtask_type', 'immutable'],
            array_keys($signature->toObject()->members),
        );
        self::assertEquals($signature, Signature::fromObject($signature->toObject()));
        self::assertEquals(new Signature('a'), Signature::fromObject(['task' => 'a']));
    }

    /**
     * @dataProvider wrong
     */
    public function testWrongSignaturesAreRefused(\Closure $make): void
    {
        $this->expectException(InvalidCall::class);
        $make();
    }

    /**
     * @return iterable<string, array{\Closure}>
     */
    public static function wrong(): iterable
    {
        yield 'no name' => [static fn () => new Signature('')];
        yield 'args by name' => [static fn () => new Signature('a', ['x' => 1])];
        yield 'kwargs by position' => [static fn () => new Signature('a', [], [1])];
        yield 'object without a task' => [static fn () => Signature::fromObject([])];
        yield 'args of text' => [static fn () => Signature::fromObject(['task' => 'a', 'args' => 'x'])];
        yield 'kwargs of text' => [static fn () => Signature::fromObject(['task' => 'a', 'kwargs' => 'x'])];
        yield 'immutable of text' => [static fn () => Signature::fromObject(['task' => 'a', 'immutable' => 'no'])];
        yield 'arguments twice' => [static fn () => new Call(new Signature('a'), [1])];
        yield 'unknown option' => [static fn () => new Call((new Signature('a'))->withOption('frob', 1))];
    }

    public function testCallTakesTheOptionsOfItsSignature(): void
    {
        $signature = (new Signature('a'))->onQueue('q')->link(new Signature('b'));
        self::assertSame('q', (new Call($signature))->options->queue);
        self::assertEquals([new Signature('b')], (new Call($signature))->options->link);
        self::assertNull((new Call($signature, options: new SendOptions()))->options->queue);
    }
}
