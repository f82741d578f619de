<?php

declare(strict_types=1);

namespace Celeriac\Tests\Contract;

use Celeriac\Call;
use Celeriac\Client;
use Celeriac\ClientOptions;
use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\PublishFailed;
use Celeriac\Exception\TaskFailure;
use Celeriac\Exception\TaskTimeout;
use Celeriac\Message\Envelope;
use Celeriac\Message\TaskMessage;
use Celeriac\Result\State;
use Celeriac\SendOptions;
use Celeriac\Serialization\Json;
use Celeriac\Tests\Support\RedisServer;
use Celeriac\Tests\Support\Servers;
use Celeriac\Tests\Support\Vectors;
use Celeriac\Transport\Redis\PhpRedisCommands;
use Celeriac\Transport\Redis\RedisResults;
use Celeriac\Transport\TransportOptions;
use Celeriac\Transport\Url;
use PHPUnit\Framework\TestCase;

/**
 * Sending and reading on a real Redis, through phpredis.
 */
final class RedisTest extends TestCase
{
    private RedisServer $server;
    private Client $client;
    private string $queue;

    protected function setUp(): void
    {
        if (!extension_loaded('redis')) {
            self::markTestSkipped('SKIPPED ext-redis: the extension is not loaded');
        }
        $this->server = new RedisServer(Servers::redis());
        $this->queue = $this->server->name();
        $this->client = Client::connect(Servers::redis(), Servers::redis(), new ClientOptions($this->queue));
    }

    protected function tearDown(): void
    {
        if (isset($this->server)) {
            $this->client->close();
            $this->server->clean();
        }
    }

    public function testItemInTheListIsWhatTheSpecificationSays(): void
    {
        $id = $this->client->send('tasks.add', [2, 3], options: new SendOptions(expires: 600))->id;
        [$item] = $this->server->items($this->queue);
        $raw = Json::decode($item)->members;
        self::assertSame(['body', 'content-encoding', 'content-type', 'headers', 'properties'], array_keys($raw));
        self::assertSame(
            '[[2, 3], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]',
            base64_decode($raw['body'], true),
        );
        $envelope = Envelope::parse($item);
        self::assertSame(
            ['base64', '', $this->queue],
            [$envelope->fields['body_encoding'], $envelope->fields['exchange'], $envelope->fields['routing_key']],
        );
        $message = TaskMessage::parse($envelope->wire);
        self::assertSame([$id, $id, 2, 0], [
            $message->get('id'),
            $message->get('correlation_id'),
            $message->get('delivery_mode'),
            $message->get('priority'),
        ]);
        self::assertEqualsWithDelta(600_000, (int) $message->get('expiration'), 1000);
    }

    public function testOldestIsTakenFirstAndPrioritiesHaveTheirLists(): void
    {
        $this->client->sendMany([
            new Call('a'),
            new Call('b'),
            new Call('c', options: new SendOptions(queue: $this->queue, priority: 9)),
        ]);
        $names = static fn (string $item): string => TaskMessage::parse(Envelope::parse($item)->wire)->get('task');
        // workers take from the right
        self::assertSame(['b', 'a'], array_map($names, $this->server->items($this->queue)));
        self::assertSame(['c'], array_map($names, $this->server->items("$this->queue\x06\x169")));
    }

    public function testThousandsGoTogether(): void
    {
        $this->client->sendMany(array_map(static fn (int $i): Call => new Call('t', [$i]), range(1, 2500)));
        $items = $this->server->items($this->queue);
        self::assertCount(2500, $items);
        $tag = static fn (string $item): string => Envelope::parse($item)->fields['delivery_tag'];
        self::assertCount(2500, array_unique(array_map($tag, $items)));
    }

    public function testResultStoredBeforeAnybodyAsks(): void
    {
        $result = $this->client->send('t');
        $this->server->store($result->id, 'SUCCESS', 5);
        self::assertSame(5, $result->get(5.0));
    }

    public function testResultStoredWhileWaitingIsAnnounced(): void
    {
        $result = $this->client->send('t');
        $this->server->store($result->id, 'STARTED', null);
        self::assertSame(State::Started, $result->state());
        $worker = $this->server->storeFromAnotherProcess($result->id, 'SUCCESS', 6, delay: 0.4);
        $start = microtime(true);
        self::assertSame(6, $result->get(60.0));
        self::assertLessThan(30.0, microtime(true) - $start);
        proc_close($worker);
    }

    public function testSizeOfAChordIsSetAndExpires(): void
    {
        [$url, $options] = [Url::parse(Servers::redis()), new TransportOptions()];
        $redis = PhpRedisCommands::to($url, $options);
        $id = $this->server->name();
        $redis->set("celery-taskset-meta-$id.c", 'done', 10);
        (new RedisResults($redis))->startChords([$id => 3]);
        self::assertNull($redis->get("celery-taskset-meta-$id.c"));
        self::assertSame('3', $redis->get("celery-taskset-meta-$id.s"));
        self::assertEqualsWithDelta(86_400, $this->server->secondsLeft("celery-taskset-meta-$id.s"), 5);
        $redis->delete("celery-taskset-meta-$id.s");
        $redis->close();
    }

    public function testInjectedConnectionPollsInstead(): void
    {
        $redis = $this->server->connection();
        $client = Client::connect($redis, $redis, new ClientOptions($this->queue));
        $result = $client->send('t');
        $worker = $this->server->storeFromAnotherProcess($result->id, 'SUCCESS', 7, delay: 0.2);
        self::assertSame(7, $result->get(10.0));
        proc_close($worker);
        $client->close();
        self::assertSame(1, count($this->server->items($this->queue)));
        self::assertNotFalse($redis->ping(), 'an injected connection stays open');
    }

    public function testInjectedConnectionWithASerializerIsRefused(): void
    {
        $redis = $this->server->connection();
        $redis->setOption(\Redis::OPT_SERIALIZER, \Redis::SERIALIZER_PHP);
        $this->expectException(InvalidCall::class);
        PhpRedisCommands::over($redis);
    }

    public function testFailureFromARealDocument(): void
    {
        $vector = Vectors::in('result')['result/redis-failure'][0];
        $id = $vector['message']->members['task_id'];
        $this->server->put($id, Vectors::payload($vector)->body);
        $this->expectException(TaskFailure::class);
        $this->client->result($id)->get(5.0);
    }

    public function testWaitingEndsInTime(): void
    {
        $start = microtime(true);
        try {
            $this->client->result($this->server->name())->get(0.3);
            self::fail('a result from nowhere');
        } catch (TaskTimeout) {
            $waited = microtime(true) - $start;
            self::assertGreaterThanOrEqual(0.3, $waited);
            self::assertLessThan(10.0, $waited);
        }
    }

    public function testConnectionsKilledByTheServerAreMadeAnew(): void
    {
        $this->client->send('t');
        $result = $this->client->send('t');
        try {
            $result->get(0.05);
            self::fail('a result from nowhere');
        } catch (TaskTimeout) {
            self::assertSame(3, $this->server->killOthersSince(), 'to send, to look, to listen');
        }
        $this->client->send('t');
        self::assertCount(3, $this->server->items($this->queue));
        $this->server->store($result->id, 'SUCCESS', 8);
        self::assertSame(8, $result->get(5.0));
    }

    public function testServerThatSaysNoIsAFailure(): void
    {
        $this->server->connection()->set($this->queue, 'no list');
        $this->expectException(PublishFailed::class);
        $this->expectExceptionMessage('WRONGTYPE');
        $this->client->send('t');
    }

    /**
     * @dataProvider unreachable
     */
    public function testUnreachableServerIsNamedWithoutItsPassword(bool $silent): void
    {
        $server = $silent ? Servers::silent() : null;
        $address = $server === null ? Servers::closedAddress() : (string) stream_socket_get_name($server, false);
        $url = "redis://:secret@$address/0";
        $options = new ClientOptions($this->queue, new TransportOptions(connectTimeout: 0.5));
        $client = Client::connect($url, $url, $options);
        $start = microtime(true);
        foreach ([static fn () => $client->send('t'), static fn () => $client->result('i')->get(1.0)] as $use) {
            try {
                $use();
                self::fail('nobody was there');
            } catch (BrokerUnavailable $fault) {
                self::assertStringContainsString("redis://$address/0", $fault->getMessage());
                self::assertStringNotContainsString('secret', $fault->getMessage());
            }
        }
        self::assertLessThan(20.0, microtime(true) - $start);
    }

    /**
     * @return array<string, array{bool}>
     */
    public static function unreachable(): array
    {
        return ['refused' => [false], 'silent' => [true]];
    }
}
