<?php

declare(strict_types=1);

namespace Celeriac\Tests\Contract;

use Celeriac\Client;
use Celeriac\ClientOptions;
use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Exception\PublishFailed;
use Celeriac\Message\Envelope;
use Celeriac\Message\TaskMessage;
use Celeriac\Message\Wire;
use Celeriac\Serialization\Payload;
use Celeriac\Serialization\Uuid;
use Celeriac\Tests\Support\RedisServer;
use Celeriac\Tests\Support\Servers;
use Celeriac\Transport\Redis\PredisCommands;
use Celeriac\Transport\Redis\RedisBroker;
use Celeriac\Transport\Redis\RedisControl;
use Celeriac\Transport\Redis\RedisResults;
use Celeriac\Transport\Redis\Subscriber;
use Celeriac\Transport\TransportOptions;
use Celeriac\Transport\Url;
use PHPUnit\Framework\TestCase;
use Predis\ClientInterface;

/**
 * Sending and reading on a real Redis, through predis (Composer's or Debian's).
 */
final class PredisTest extends TestCase
{
    private const DEBIAN = '/usr/share/php/Predis/Autoloader.php';

    private RedisServer $server;
    private string $queue;

    protected function setUp(): void
    {
        if (!interface_exists(ClientInterface::class)) {
            $file = (string) (getenv('CELERIAC_PREDIS') ?: self::DEBIAN);
            if (!is_file($file)) {
                self::markTestSkipped('SKIPPED predis: apt-get install php-predis, or name its Autoloader.php in'
                    . ' CELERIAC_PREDIS');
            }
            require_once $file;
            \Predis\Autoloader::register();
        }
        $this->server = new RedisServer(Servers::redis());
        $this->queue = $this->server->name();
    }

    protected function tearDown(): void
    {
        if (isset($this->server)) {
            $this->server->clean();
        }
    }

    public function testSendAndGet(): void
    {
        [$url, $options] = [Url::parse(Servers::redis()), new TransportOptions()];
        $client = new Client(
            new RedisBroker(PredisCommands::to($url, $options)),
            new RedisResults(PredisCommands::to($url, $options), new Subscriber($url, $options)),
            new ClientOptions($this->queue),
        );
        $result = $client->send('tasks.add', [2, 3]);
        [$item] = $this->server->items($this->queue);
        self::assertSame('tasks.add', TaskMessage::parse(Envelope::parse($item)->wire)->get('task'));
        $this->server->store($result->id, 'SUCCESS', 5);
        self::assertSame(5, $result->get(5.0));
        $client->close();
    }

    public function testSizeOfAChordIsSetAndExpires(): void
    {
        [$url, $options] = [Url::parse(Servers::redis()), new TransportOptions()];
        $redis = PredisCommands::to($url, $options);
        $id = $this->server->name();
        $redis->set("celery-taskset-meta-$id.c", 'done', 10);
        (new RedisResults($redis))->startChords([$id => 3]);
        self::assertNull($redis->get("celery-taskset-meta-$id.c"));
        self::assertSame('3', $redis->get("celery-taskset-meta-$id.s"));
        self::assertEqualsWithDelta(86_400, $this->server->secondsLeft("celery-taskset-meta-$id.s"), 5);
        $redis->delete("celery-taskset-meta-$id.s");
        $redis->close();
    }

    public function testRemoteControlLeavesNothingBehind(): void
    {
        $url = (string) preg_replace('~/\d*$~', '/3', Servers::redis());
        $redis = PredisCommands::to(Url::parse($url), new TransportOptions());
        self::assertSame(3, $redis->database());
        $control = new RedisControl($redis, $key = $this->server->name());
        $control->listen();
        $control->publish(new Wire(new Payload('{}')));
        self::assertNull($control->next(0.0));
        $redis->push("$key.reply.celery.pidbox", [Envelope::to(
            new Wire(new Payload('5')),
            '',
            '',
            Uuid::version4(random_bytes(16)),
        )->build(), 'another']);
        self::assertSame('5', $control->next(1.0)?->payload->body);
        $control->rest();
        self::assertNull($control->next(0.0));
        $control->close();
    }

    public function testInjectedClientStaysOpen(): void
    {
        $url = Url::parse(Servers::redis());
        $predis = new \Predis\Client(['host' => $url->host, 'port' => $url->port, 'database' => $url->database]);
        $client = Client::connect($predis, $predis, new ClientOptions($this->queue));
        $result = $client->send('t');
        $this->server->store($result->id, 'SUCCESS', 6);
        self::assertSame(6, $result->get(5.0));
        $client->close();
        self::assertTrue($predis->isConnected());
    }

    public function testBrokenConnectionIsMadeAnew(): void
    {
        $broker = new RedisBroker(PredisCommands::to(Url::parse(Servers::redis()), new TransportOptions()));
        $client = new Client($broker, null, new ClientOptions($this->queue));
        $client->send('t');
        self::assertSame(1, $this->server->killOthersSince());
        $client->send('t');
        self::assertCount(2, $this->server->items($this->queue));
    }

    public function testServerThatSaysNoIsAFailure(): void
    {
        $this->server->connection()->set($this->queue, 'no list');
        $broker = new RedisBroker(PredisCommands::to(Url::parse(Servers::redis()), new TransportOptions()));
        $this->expectException(PublishFailed::class);
        $this->expectExceptionMessage('WRONGTYPE');
        (new Client($broker, null, new ClientOptions($this->queue)))->send('t');
    }

    public function testUnreachableServerIsNamedWithoutItsPassword(): void
    {
        $url = Url::parse('redis://:secret@' . Servers::closedAddress());
        try {
            PredisCommands::to($url, new TransportOptions())->get('k');
            self::fail('nobody was there');
        } catch (BrokerUnavailable $fault) {
            self::assertStringStartsWith((string) $url, $fault->getMessage());
            self::assertStringNotContainsString('secret', $fault->getMessage());
        }
    }
}
