<?php

declare(strict_types=1);

namespace Celeriac\Tests\Transport;

use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Exception\PublishFailed;
use Celeriac\Message\Envelope;
use Celeriac\Message\Wire;
use Celeriac\Serialization\Payload;
use Celeriac\Tests\Support\ScriptedCommands;
use Celeriac\Transport\ConnectionLost;
use Celeriac\Transport\Delivery;
use Celeriac\Transport\Redis\RedisBroker;
use Celeriac\Transport\Redis\RedisControl;
use Celeriac\Transport\Redis\RedisResults;
use Celeriac\Transport\Refused;
use PHPUnit\Framework\TestCase;

final class RedisTransportTest extends TestCase
{
    private const BINDINGS = '_kombu.binding.reply.celery.pidbox';

    public function testMessagesLieInTheListOfTheirPriorityUnderTagsOfTheirOwn(): void
    {
        $redis = new ScriptedCommands();
        (new RedisBroker($redis))->publish([$this->to('a'), $this->to('b'), $this->to('c', 9)]);
        self::assertSame(['q', "q\x06\x169"], array_keys($redis->lists));
        [$second, $first] = array_map(Envelope::parse(...), $redis->lists['q']);
        self::assertSame(['a', 'b'], [$first->wire->payload->body, $second->wire->payload->body]);
        self::assertSame(0, $first->wire->properties['priority']);
        self::assertSame(9, Envelope::parse($redis->lists["q\x06\x169"][0])->wire->properties['priority']);
        self::assertNotSame($first->fields['delivery_tag'], $second->fields['delivery_tag']);
        self::assertSame(['base64', '', 'q'], [
            $first->fields['body_encoding'],
            $first->fields['exchange'],
            $first->fields['routing_key'],
        ]);
    }

    public function testExchangesAreRefusedBeforeAnythingIsPushed(): void
    {
        $redis = new ScriptedCommands();
        $toExchange = new Delivery('b', new Wire(new Payload('b')), 'x', 'q');
        try {
            (new RedisBroker($redis))->publish([$this->to('a'), $toExchange]);
            self::fail('published');
        } catch (InvalidCall) {
            self::assertSame([], $redis->lists);
        }
    }

    public function testBrokenConnectionIsMadeAnewOnce(): void
    {
        $redis = new ScriptedCommands();
        $redis->faults = [new ConnectionLost('gone')];
        (new RedisBroker($redis))->publish([$this->to('a')]);
        self::assertSame(1, $redis->discarded);
        self::assertCount(1, $redis->lists['q']);
    }

    public function testWaitGoesOnWhenAConnectionIsLostBeforeItsFirstAnswer(): void
    {
        $redis = new ScriptedCommands();
        $redis->keys['celery-task-meta-a'] = 'document';
        $redis->faults = [new ConnectionLost('gone'), new BrokerUnavailable('redis', 'away'), null];
        self::assertSame('document', (new RedisResults($redis))->wait('a', 20.0)?->payload->body);
    }

    /**
     * @dataProvider lastFaults
     * @param list<\Exception> $faults
     */
    public function testFailureNamesTheTasks(array $faults): void
    {
        $redis = new ScriptedCommands();
        $redis->faults = $faults;
        try {
            (new RedisBroker($redis))->publish([$this->to('1'), $this->to('b')]);
            self::fail('published');
        } catch (PublishFailed $failure) {
            self::assertSame(['1', 'b'], $failure->taskIds);
        }
    }

    /**
     * @return array<string, array{list<\Exception>}>
     */
    public static function lastFaults(): array
    {
        return [
            'lost twice' => [[new ConnectionLost('gone'), new ConnectionLost('gone')]],
            'refused' => [[new Refused('OOM command not allowed')]],
            'refused after all' => [[new ConnectionLost('gone'), new Refused('READONLY')]],
        ];
    }

    public function testDocumentIsHandedOutOnceUntilItChanges(): void
    {
        $redis = new ScriptedCommands();
        $results = new RedisResults($redis);
        self::assertNull($results->wait('i', 0.0));
        $redis->keys['celery-task-meta-i'] = 'one';
        self::assertSame('one', $results->wait('i', 1.0)?->payload->body);
        self::assertNull($results->wait('i', 0.01));
        $redis->keys['celery-task-meta-i'] = 'two';
        self::assertSame('two', $results->wait('i', 1.0)?->payload->body);
        $results->forget('i');
        self::assertSame('two', $results->wait('i', 0.0)?->payload->body);
        $results->close();
        self::assertTrue($redis->closed);
    }

    public function testLookingConnectsAnewOnce(): void
    {
        $redis = new ScriptedCommands();
        $redis->keys['celery-task-meta-i'] = 'one';
        $redis->faults = [new ConnectionLost('gone')];
        self::assertSame('one', (new RedisResults($redis))->wait('i', 0.0)?->payload->body);
        $redis->faults = [new ConnectionLost('gone'), new ConnectionLost('gone')];
        $this->expectException(BrokerUnavailable::class);
        (new RedisResults($redis))->wait('i', 0.0);
    }

    public function testAWaitOutlivesLostConnections(): void
    {
        $redis = new ScriptedCommands();
        $results = new RedisResults($redis);
        self::assertNull($results->wait('i', 0.0));
        $redis->keys['celery-task-meta-i'] = 'one';
        $redis->faults = array_fill(0, 5, new ConnectionLost('gone'));
        self::assertSame('one', $results->wait('i', 5.0)?->payload->body);
        $redis->faults = array_fill(0, 1000, new ConnectionLost('gone'));
        $began = microtime(true);
        self::assertNull($results->wait('i', 0.2));
        $waited = microtime(true) - $began;
        self::assertGreaterThanOrEqual(0.2, $waited);
        self::assertLessThan(10.0, $waited);
    }

    public function testAStoreThatWasNeverThereIsToldAtOnce(): void
    {
        $redis = new ScriptedCommands();
        $redis->faults = [new BrokerUnavailable('redis', 'no such host')];
        $this->expectException(BrokerUnavailable::class);
        (new RedisResults($redis))->wait('i', 60.0);
    }

    public function testSizesOfChordsAreThereBeforeTheirMembers(): void
    {
        $redis = new ScriptedCommands();
        $redis->keys['celery-taskset-meta-g.c'] = 'done';
        $redis->faults = [new ConnectionLost('gone')];
        $results = new RedisResults($redis);
        self::assertTrue($results->countsChords());
        $results->startChords(['g' => 2, 'h' => 3]);
        self::assertSame(['celery-taskset-meta-g.s' => '2', 'celery-taskset-meta-h.s' => '3'], $redis->keys);
        $redis->faults = [new Refused('READONLY')];
        $this->expectException(BrokerUnavailable::class);
        $results->startChords(['g' => 2]);
    }

    public function testRequestsGoToTheChannelAndRepliesComeThroughABoundList(): void
    {
        $redis = new ScriptedCommands();
        $control = new RedisControl($redis, 'key');
        $redis->faults = [new ConnectionLost('gone')];
        $control->listen();
        self::assertSame(["key\x06\x16\x06\x16key.reply.celery.pidbox"], $redis->sets[self::BINDINGS]);
        $control->publish(new Wire(new Payload('{}')));
        self::assertSame('/7.celery.pidbox', $redis->published[0][0]);
        self::assertSame('{}', Envelope::parse($redis->published[0][1])->wire->payload->body);
        $redis->lists['key.reply.celery.pidbox'] = [$redis->published[0][1], 'no envelope'];
        try {
            $control->next(1.0);
            self::fail('read');
        } catch (InvalidMessage) {
            self::assertSame('{}', $control->next(1.0)?->payload->body);
        }
        self::assertNull($control->next(0.0));
        $control->rest();
        self::assertSame([], $redis->sets[self::BINDINGS]);
        $redis->faults = [new Refused('NOPERM')];
        $this->expectException(BrokerUnavailable::class);
        $control->publish(new Wire(new Payload('{}')));
    }

    private function to(string $id, ?int $priority = null): Delivery
    {
        return new Delivery($id, new Wire(new Payload($id), [], array_filter(['priority' => $priority])), '', 'q');
    }
}
