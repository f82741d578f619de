<?php

declare(strict_types=1);

namespace Celeriac\Tests\Control;

use Celeriac\Control\Reply;
use Celeriac\Control\Request;
use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Tests\Support\Address;
use Celeriac\Tests\Support\Neutral;
use Celeriac\Tests\Support\Vectors;
use PHPUnit\Framework\TestCase;

/**
 * Every vector of remote control, both ways.
 */
final class ControlVectorsTest extends TestCase
{
    private const CLASSES = ['control' => Request::class, 'reply' => Reply::class];

    /**
     * @dataProvider vectors
     * @param array<string, mixed> $vector
     */
    public function testMessageIsDecodedAndEncodedAgain(array $vector): void
    {
        $class = self::CLASSES[$vector['kind']];
        [$wire, $address] = Address::open($vector);
        $message = $class::parse($wire);
        $flat = $vector['message']->members;

        self::assertSame(Neutral::canonical($vector['message']), Neutral::canonical(Address::flat($message, $address)));
        $again = $class::of(array_intersect_key($flat, $class::FIELDS), $message->extra);
        self::assertSame(Address::canonical($wire), Address::canonical($again->build()));
    }

    /**
     * @dataProvider invalid
     * @param array<string, mixed> $vector
     */
    public function testInvalidMessageIsRefused(array $vector): void
    {
        $this->expectException(InvalidMessage::class);
        self::CLASSES[$vector['kind']]::parse(Address::open($vector)[0]);
    }

    public function testFieldsOfTheWrongTypeAreTheCallersFault(): void
    {
        $this->expectException(InvalidCall::class);
        Request::of(['method' => 'ping', 'destination' => 'w1@host']);
    }

    public function testReplyIsReadByItsNode(): void
    {
        $reply = Reply::parse(Address::open(Vectors::in('control')['control/ping-reply'][0])[0]);
        self::assertSame(['w1@host.example', ['ok' => 'pong']], [$reply->node(), $reply->value()]);
    }

    /**
     * @return array<string, array{array<string, mixed>}>
     */
    public static function vectors(): array
    {
        return Vectors::in('control');
    }

    /**
     * @return array<string, array{array<string, mixed>}>
     */
    public static function invalid(): array
    {
        return Vectors::in('control/invalid');
    }
}
