<?php

declare(strict_types=1);

namespace Celeriac\Tests\Contract;

use Celeriac\Client;
use Celeriac\ClientOptions;
use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Result\State;
use Celeriac\Tests\Support\Rabbit;
use Celeriac\Tests\Support\RedisServer;
use Celeriac\Tests\Support\Servers;
use Celeriac\Tests\Support\TlsProxy;
use Celeriac\Transport\AmqpDriver;
use Celeriac\Transport\Tls;
use Celeriac\Transport\TransportOptions;
use Celeriac\Transport\Url;
use PHPUnit\Framework\TestCase;

/**
 * The same brokers behind TLS.
 */
final class TlsTest extends TestCase
{
    private ?TlsProxy $proxy = null;

    protected function tearDown(): void
    {
        $this->proxy?->stop();
    }

    /**
     * @dataProvider drivers
     */
    public function testRabbitMq(AmqpDriver $driver): void
    {
        if ($driver === AmqpDriver::Extension && !extension_loaded('amqp')) {
            self::markTestSkipped('SKIPPED ext-amqp: the extension is not loaded');
        }
        $rabbit = new Rabbit(Servers::amqp());
        $queue = $rabbit->name();
        $vhost = rawurlencode(Url::parse(Servers::amqp())->vhost());
        $url = 'amqps://guest:guest@' . $this->secured(Servers::amqp()) . "/$vhost";
        $client = $this->client($url, 'rpc://', $queue, $driver);
        $client->send('t', [str_repeat('x', 300_000)]);
        self::assertSame(State::Pending, $client->send('t')->state());
        $client->close();
        self::assertSame(2, $rabbit->count($queue));
        $rabbit->clean();
        $this->assertStrangersAreRefused($url, $driver);
    }

    public function testRedis(): void
    {
        if (!extension_loaded('redis')) {
            self::markTestSkipped('SKIPPED ext-redis: the extension is not loaded');
        }
        $redis = new RedisServer(Servers::redis());
        $queue = $redis->name();
        $url = 'rediss://' . $this->secured(Servers::redis()) . '/' . Url::parse(Servers::redis())->database;
        $client = $this->client($url, $url, $queue);
        $result = $client->send('t');
        $worker = $redis->storeFromAnotherProcess($result->id, 'SUCCESS', str_repeat('x', 100_000), delay: 0.3);
        self::assertSame(100_000, strlen($result->get(10.0)));
        proc_close($worker);
        $client->close();
        self::assertCount(1, $redis->items($queue));
        $redis->clean();
        $this->assertStrangersAreRefused($url, AmqpDriver::Amqplib);
    }

    /**
     * @return array<string, array{AmqpDriver}>
     */
    public static function drivers(): array
    {
        return ['php-amqplib' => [AmqpDriver::Amqplib], 'ext-amqp' => [AmqpDriver::Extension]];
    }

    /**
     * @return string host:port
     */
    private function secured(string $plain): string
    {
        $url = Url::parse($plain);
        $this->proxy = new TlsProxy("$url->host:$url->port");

        return "localhost:{$this->proxy->port}";
    }

    private function client(
        string $broker,
        string $backend,
        string $queue,
        AmqpDriver $driver = AmqpDriver::Amqplib,
    ): Client {
        $tls = new Tls(caFile: $this->proxy?->caFile);
        $options = new TransportOptions(amqpDriver: $driver, tls: $tls);

        return Client::connect($broker, $backend, new ClientOptions($queue, $options));
    }

    /**
     * Without the CA file nobody vouches for the server.
     */
    private function assertStrangersAreRefused(string $url, AmqpDriver $driver): void
    {
        $this->expectException(BrokerUnavailable::class);
        $options = new ClientOptions('q', new TransportOptions(connectTimeout: 1.0, amqpDriver: $driver));
        Client::connect($url, null, $options)->send('t');
    }
}
