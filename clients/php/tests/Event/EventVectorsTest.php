<?php

declare(strict_types=1);

namespace Celeriac\Tests\Event;

use Celeriac\Event\Event;
use Celeriac\Event\EventMessage;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Serialization\JsonObject;
use Celeriac\Tests\Support\Address;
use Celeriac\Tests\Support\Neutral;
use Celeriac\Tests\Support\Vectors;
use PHPUnit\Framework\TestCase;

/**
 * Every vector of events, both ways.
 */
final class EventVectorsTest extends TestCase
{
    /**
     * @dataProvider vectors
     * @param array<string, mixed> $vector
     */
    public function testMessageIsDecodedAndEncodedAgain(array $vector): void
    {
        [$wire, $address] = Address::open($vector);
        $message = EventMessage::parse($wire);
        $events = array_map(static fn (Event $event): JsonObject => new JsonObject($event->members), $message->events);
        $flat = Address::flat($message, $address + ['events' => $message->isArray ? $events : $events[0]]);
        self::assertSame(Neutral::canonical($vector['message']), Neutral::canonical($flat));

        $known = $vector['message']->members;
        $again = EventMessage::of(array_intersect_key($known, EventMessage::FIELDS), $known['events']);
        self::assertSame(Address::canonical($wire), Address::canonical($again->build()));
    }

    /**
     * @dataProvider invalid
     * @param array<string, mixed> $vector
     */
    public function testInvalidMessageIsRefused(array $vector): void
    {
        $this->expectException(InvalidMessage::class);
        EventMessage::parse(Address::open($vector)[0]);
    }

    public function testFieldsOfAnEventHoldForItsTypeAlone(): void
    {
        $every = ['hostname' => 'w1', 'timestamp' => 1.5, 'uuid' => 'a', 'args' => [1]];
        self::assertSame('task-progress', Event::parse(new JsonObject(['type' => 'task-progress'] + $every))->type());
        $this->expectExceptionMessage('args has to be string');
        Event::parse(new JsonObject(['type' => 'task-sent'] + $every));
    }

    /**
     * @return array<string, array{array<string, mixed>}>
     */
    public static function vectors(): array
    {
        return Vectors::in('events');
    }

    /**
     * @return array<string, array{array<string, mixed>}>
     */
    public static function invalid(): array
    {
        return Vectors::in('events/invalid');
    }
}
