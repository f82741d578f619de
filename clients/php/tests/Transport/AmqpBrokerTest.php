<?php

declare(strict_types=1);

namespace Celeriac\Tests\Transport;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\PublishFailed;
use Celeriac\Message\Wire;
use Celeriac\Serialization\Payload;
use Celeriac\Tests\Support\ScriptedPublisher;
use Celeriac\Transport\Amqp\AmqpBroker;
use Celeriac\Transport\ConnectionLost;
use Celeriac\Transport\Delivery;
use Celeriac\Transport\Refused;
use Celeriac\Transport\TransportOptions;
use PHPUnit\Framework\TestCase;

final class AmqpBrokerTest extends TestCase
{
    public function testQueueThatExistsIsLookedAtOnceAndNeverDeclared(): void
    {
        $publisher = new ScriptedPublisher(['q']);
        $broker = new AmqpBroker($publisher);
        $broker->publish([$this->to('q', 'a')]);
        $broker->publish([$this->to('q', 'b')]);
        self::assertSame(['look q', 'publish a', 'publish b'], $publisher->log);
    }

    public function testQueueThatDoesNotExistIsDeclared(): void
    {
        $publisher = new ScriptedPublisher();
        (new AmqpBroker($publisher))->publish([$this->to('q', 'a'), $this->to('q', 'b')]);
        self::assertSame(['look q', 'declare q', 'publish a', 'publish b'], $publisher->log);
    }

    public function testExchangeIsNeitherLookedAtNorDeclared(): void
    {
        $publisher = new ScriptedPublisher();
        (new AmqpBroker($publisher))->publish([new Delivery('a', new Wire(new Payload('x')), 'x', 'k')]);
        self::assertSame(['publish a'], $publisher->log);
    }

    public function testReturnedMessageNamesQueueAndRemedy(): void
    {
        $publisher = new ScriptedPublisher(['q']);
        $broker = new AmqpBroker($publisher, new TransportOptions(declareQueues: false));
        try {
            $broker->publish([$this->to('nowhere', 'a'), $this->to('q', 'b')]);
            self::fail('published');
        } catch (PublishFailed $failure) {
            self::assertSame(['a'], $failure->taskIds);
            self::assertStringContainsString("'nowhere'", $failure->getMessage());
            self::assertStringContainsString('declareQueues', $failure->getMessage());
        }
    }

    public function testRefusedMessagesAreNamed(): void
    {
        $publisher = new ScriptedPublisher(['q']);
        $publisher->refused = ['12'];
        try {
            (new AmqpBroker($publisher))->publish([$this->to('q', '11'), $this->to('q', '12')]);
            self::fail('published');
        } catch (PublishFailed $failure) {
            self::assertSame(['12'], $failure->taskIds);
        }
    }

    public function testBrokenConnectionIsMadeAnewOnceAndOnlyTheUnconfirmedSentAgain(): void
    {
        $publisher = new ScriptedPublisher(['q']);
        $publisher->faults = [new ConnectionLost('reset')];
        $publisher->confirmedBefore = ['b'];
        (new AmqpBroker($publisher))->publish([$this->to('q', 'a'), $this->to('q', 'b'), $this->to('q', 'c')]);
        self::assertSame(
            ['look q', 'publish a', 'publish b', 'publish c', 'discard', 'look q', 'publish a', 'publish c'],
            $publisher->log,
        );
    }

    public function testConnectionBrokenTwiceIsAFailure(): void
    {
        $publisher = new ScriptedPublisher(['q']);
        $publisher->faults = [new ConnectionLost('reset'), new ConnectionLost('reset again')];
        $publisher->confirmedBefore = ['b'];
        try {
            (new AmqpBroker($publisher))->publish([$this->to('q', 'a'), $this->to('q', 'b')]);
            self::fail('published');
        } catch (PublishFailed $failure) {
            self::assertSame(['a'], $failure->taskIds);
            self::assertStringContainsString('reset again', $failure->getMessage());
            self::assertStringContainsString('same task id', $failure->getMessage());
        }
    }

    public function testSilentBrokerIsNotAskedTwice(): void
    {
        $publisher = new ScriptedPublisher(['q']);
        $publisher->faults = [new ConnectionLost('no answer in time', silent: true)];
        try {
            (new AmqpBroker($publisher))->publish([$this->to('q', 'a')]);
            self::fail('published');
        } catch (PublishFailed $failure) {
            self::assertSame(['look q', 'publish a', 'discard', 'discard'], $publisher->log);
        }
    }

    public function testClosedChannelNamesWhatWasNotConfirmed(): void
    {
        $publisher = new ScriptedPublisher(['q']);
        $publisher->faults = [new Refused('no exchange', 404)];
        $publisher->confirmedBefore = ['a'];
        try {
            (new AmqpBroker($publisher))->publish([$this->to('q', 'a'), $this->to('q', 'b')]);
            self::fail('published');
        } catch (PublishFailed $failure) {
            self::assertSame(['b'], $failure->taskIds);
            self::assertStringContainsString('no exchange', $failure->getMessage());
        }
    }

    public function testNothingIsSentWhenOneOfManyCannotBe(): void
    {
        $publisher = new ScriptedPublisher(['q']);
        try {
            (new AmqpBroker($publisher))->publish([
                $this->to('q', 'a'),
                new Delivery('b', new Wire(new Payload('bad')), '', 'q'),
            ]);
            self::fail('published');
        } catch (InvalidCall) {
            self::assertSame([], $publisher->log);
        }
    }

    public function testManyMessagesGoInWindows(): void
    {
        $publisher = new ScriptedPublisher(['q']);
        $deliveries = array_map(fn (int $i): Delivery => $this->to('q', "id$i"), range(1, 1201));
        (new AmqpBroker($publisher))->publish($deliveries);
        self::assertCount(1202, $publisher->log);
    }

    private function to(string $queue, string $taskId): Delivery
    {
        return new Delivery($taskId, new Wire(new Payload('x')), '', $queue);
    }
}
