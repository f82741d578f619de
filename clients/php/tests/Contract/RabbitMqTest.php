<?php

declare(strict_types=1);

namespace Celeriac\Tests\Contract;

use Celeriac\Call;
use Celeriac\Client;
use Celeriac\ClientOptions;
use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\PublishFailed;
use Celeriac\Message\TaskMessage;
use Celeriac\Message\Wire;
use Celeriac\SendOptions;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Payload;
use Celeriac\Serialization\Values;
use Celeriac\Tests\Support\Rabbit;
use Celeriac\Tests\Support\Servers;
use Celeriac\Transport\AmqpDriver;
use Celeriac\Transport\TransportOptions;
use PhpAmqpLib\Wire\AMQPTable;
use PHPUnit\Framework\TestCase;

/**
 * Publishing to a real RabbitMQ, by both drivers.
 */
final class RabbitMqTest extends TestCase
{
    private Rabbit $rabbit;
    private string $queue;

    protected function setUp(): void
    {
        $this->rabbit = new Rabbit(Servers::amqp());
        $this->queue = $this->rabbit->name();
    }

    protected function tearDown(): void
    {
        if (isset($this->rabbit)) {
            $this->rabbit->clean();
        }
    }

    /**
     * @dataProvider drivers
     */
    public function testMessageInTheQueueIsWhatTheSpecificationSays(AmqpDriver $driver): void
    {
        $client = $this->client($driver);
        $options = new SendOptions(
            priority: 5,
            expires: 600,
            timeLimit: 30,
            softTimeLimit: 20.5,
            headers: ['own' => [1, null, 2.5, ['deep' => true]], 'big' => 2 ** 40],
        );
        $id = $client->send('tasks.add', [2, 3], [], $options)->id;
        $client->close();

        $message = $this->rabbit->take($this->queue);
        $properties = $message->get_properties();
        $headers = $properties['application_headers']->getNativeData();
        self::assertSame(
            ['application/json', 'utf-8', 2, 5, $id],
            array_map($message->get(...), [
                'content_type', 'content_encoding', 'delivery_mode', 'priority', 'correlation_id',
            ]),
        );
        self::assertGreaterThan(599_000, (int) $properties['expiration']);
        self::assertLessThanOrEqual(600_000, (int) $properties['expiration']);
        self::assertSame([30, 20.5], $headers['timelimit']);
        self::assertSame([1, null, 2.5, ['deep' => true]], $headers['own']);
        self::assertSame(2 ** 40, $headers['big']);
        self::assertNull($headers['shadow']);
        self::assertSame(
            '[[2, 3], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]',
            $message->getBody(),
        );
        $stamps = $properties['application_headers']['stamps'];
        self::assertSame(
            $driver === AmqpDriver::Amqplib,
            $stamps instanceof AMQPTable,
            'a table; null by ext-amqp, which cannot write an empty one',
        );
        $headers['stamps'] = new JsonObject();
        $parsed = TaskMessage::parse(new Wire(
            new Payload($message->getBody(), $message->get('content_type'), $message->get('content_encoding')),
            array_map(Values::lossless(...), $headers),
        ));
        self::assertSame($id, $parsed->get('id'));
    }

    /**
     * @dataProvider drivers
     */
    public function testPropertiesThatNobodyAskedForAreAbsent(AmqpDriver $driver): void
    {
        $client = $this->client($driver);
        $client->send('t');
        $client->close();
        $names = array_keys($this->rabbit->take($this->queue)->get_properties());
        sort($names);
        self::assertSame(['application_headers', 'content_encoding', 'content_type', 'correlation_id', 'delivery_mode',
            'reply_to'], $names);
    }

    /**
     * @dataProvider drivers
     */
    public function testQueuesOfOthersAreLeftAlone(AmqpDriver $driver): void
    {
        foreach ([['x-queue-type' => 'quorum'], ['x-max-priority' => 9]] as $arguments) {
            $queue = $this->rabbit->name();
            $this->rabbit->declare($queue, $arguments);
            $client = $this->client($driver);
            $client->send('t', options: new SendOptions(queue: $queue, priority: 3));
            $client->close();
            self::assertSame(3, $this->rabbit->take($queue)->get('priority'));
        }
    }

    /**
     * @dataProvider drivers
     */
    public function testQueueIsDeclaredDurableWhenThereIsNone(AmqpDriver $driver): void
    {
        $client = $this->client($driver);
        $client->send('t');
        $client->close();
        $this->rabbit->declare($this->queue, []);
        self::assertSame('[[], {}, ', substr($this->rabbit->take($this->queue)->getBody(), 0, 9));
    }

    /**
     * @dataProvider drivers
     */
    public function testReturnedMessageIsAFailureThatNamesQueueAndRemedy(AmqpDriver $driver): void
    {
        $client = $this->client($driver, new TransportOptions(amqpDriver: $driver, declareQueues: false));
        try {
            $client->send('t', options: new SendOptions(taskId: 'mine'));
            self::fail('sent to nowhere');
        } catch (PublishFailed $failure) {
            self::assertSame(['mine'], $failure->taskIds);
            self::assertStringContainsString($this->queue, $failure->getMessage());
            self::assertStringContainsString('start its worker', $failure->getMessage());
        }
        $this->rabbit->declare($this->queue, []);
        $client->send('t');
        $client->close();
        self::assertSame('t', $this->rabbit->take($this->queue)->get('application_headers')->getNativeData()['task']);
    }

    /**
     * @dataProvider drivers
     */
    public function testMissingExchangeIsAFailureAndTheClientGoesOn(AmqpDriver $driver): void
    {
        $client = $this->client($driver);
        try {
            $client->send('t', options: new SendOptions(exchange: 'celeriac.no.such', routingKey: 'k'));
            self::fail('sent to nowhere');
        } catch (PublishFailed $failure) {
            self::assertStringContainsString('celeriac.no.such', $failure->getMessage());
        }
        $client->send('t');
        $client->close();
        self::assertNotNull($this->rabbit->take($this->queue));
    }

    /**
     * @dataProvider drivers
     */
    public function testManyAreConfirmedTogether(AmqpDriver $driver): void
    {
        $client = $this->client($driver);
        $calls = array_map(static fn (int $i): Call => new Call('t', [$i]), range(0, 1199));
        $results = $client->sendMany($calls);
        $client->close();
        self::assertCount(1200, array_unique(array_column($results, 'id')));
        self::assertSame(1200, $this->rabbit->count($this->queue));
        self::assertSame($results[0]->id, $this->rabbit->take($this->queue)->get('correlation_id'));
    }

    /**
     * @dataProvider drivers
     */
    public function testBodyOfSeveralFrames(AmqpDriver $driver): void
    {
        $client = $this->client($driver);
        $client->send('t', [str_repeat('x', 500_000)]);
        $client->close();
        self::assertGreaterThan(500_000, strlen($this->rabbit->take($this->queue)->getBody()));
    }

    /**
     * @dataProvider drivers
     */
    public function testUnreachableBrokerIsNamedWithoutItsPassword(AmqpDriver $driver): void
    {
        $client = $this->client($driver, url: 'amqp://me:secret@' . Servers::closedAddress() . '//');
        try {
            $client->send('t');
            self::fail('sent');
        } catch (BrokerUnavailable $fault) {
            self::assertStringContainsString('amqp://me@127.0.0.1', $fault->getMessage());
            self::assertStringNotContainsString('secret', $fault->getMessage());
        }
    }

    public function testServerThatNeverSpeaksIsGivenUpInTime(): void
    {
        $server = Servers::silent();
        $transport = new TransportOptions(connectTimeout: 0.5);
        $url = 'amqp://' . stream_socket_get_name($server, false);
        $start = microtime(true);
        try {
            Client::connect($url, null, new ClientOptions($this->queue, $transport))->send('t');
            self::fail('sent');
        } catch (BrokerUnavailable) {
            self::assertLessThan(20.0, microtime(true) - $start);
        } finally {
            fclose($server);
        }
    }

    /**
     * @dataProvider drivers
     */
    public function testWrongPasswordIsUnavailable(AmqpDriver $driver): void
    {
        $url = (string) preg_replace('~//.*@~', '//guest:wrong@', Servers::amqp());
        $client = $this->client($driver, url: $url);
        $this->expectException(BrokerUnavailable::class);
        $client->send('t');
    }

    public function testStaleConnectionIsMadeAnewAndTheTaskIdKept(): void
    {
        $connection = $this->rabbit->connection();
        $client = Client::connect($connection, null, new ClientOptions($this->queue));
        $client->send('t', options: new SendOptions(taskId: 'first'));
        // the server answers a broken frame by closing the connection, which nobody reads before the next publish
        $connection->getIO()->write('this is no AMQP frame at all');
        $client->send('t', options: new SendOptions(taskId: 'second'));
        $client->close();
        self::assertTrue($connection->isConnected(), 'an injected connection stays open');
        $ids = array_map(
            fn (): string => $this->rabbit->take($this->queue)->get('correlation_id'),
            range(1, $this->rabbit->count($this->queue)),
        );
        self::assertSame(['first', 'second'], array_values(array_unique($ids)));
    }

    public function testInjectedConnectionOfTheExtension(): void
    {
        $this->needsExtension();
        $connection = $this->rabbit->extensionConnection();
        $client = Client::connect($connection, null, new ClientOptions($this->queue));
        $client->send('t');
        $connection->disconnect();
        $client->send('t');
        $client->close();
        self::assertTrue($connection->isConnected());
        self::assertSame(2, $this->rabbit->count($this->queue));
    }

    public function testExtensionRefusesWhatItCannotWrite(): void
    {
        $this->needsExtension();
        $this->expectException(InvalidCall::class);
        $this->expectExceptionMessage('AmqpDriver::Amqplib');
        $headers = ['own' => new JsonObject()];
        $this->client(AmqpDriver::Extension)->send('t', options: new SendOptions(headers: $headers));
    }

    /**
     * @return array<string, array{AmqpDriver}>
     */
    public static function drivers(): array
    {
        return ['php-amqplib' => [AmqpDriver::Amqplib], 'ext-amqp' => [AmqpDriver::Extension]];
    }

    private function client(AmqpDriver $driver, ?TransportOptions $transport = null, ?string $url = null): Client
    {
        if ($driver === AmqpDriver::Extension) {
            $this->needsExtension();
        }
        $options = new ClientOptions($this->queue, $transport ?? new TransportOptions(amqpDriver: $driver));

        return Client::connect($url ?? Servers::amqp(), null, $options);
    }

    private function needsExtension(): void
    {
        if (!extension_loaded('amqp')) {
            self::markTestSkipped('SKIPPED ext-amqp: the extension is not loaded');
        }
    }
}
