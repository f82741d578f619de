<?php

declare(strict_types=1);

namespace Celeriac\Tests\Contract;

use Celeriac\Control\Controller;
use Celeriac\Control\Reply;
use Celeriac\Control\Request;
use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Message\Envelope;
use Celeriac\Message\Wire;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Payload;
use Celeriac\Serialization\Uuid;
use Celeriac\Tests\Support\Rabbit;
use Celeriac\Tests\Support\RedisServer;
use Celeriac\Tests\Support\Servers;
use Celeriac\Tests\Support\Vectors;
use Celeriac\Transport\Amqp\AmqpControl;
use Celeriac\Transport\Amqp\AmqplibConnector;
use Celeriac\Transport\Redis\PhpRedisCommands;
use Celeriac\Transport\Redis\RedisControl;
use Celeriac\Transport\TransportOptions;
use Celeriac\Transport\Url;
use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;
use PHPUnit\Framework\TestCase;

/**
 * Remote control through real brokers, with this process on both sides.
 */
final class ControlTest extends TestCase
{
    public function testRequestReachesEveryQueueAndTheReplyComesBack(): void
    {
        $rabbit = new Rabbit(Servers::amqp());
        $node = $rabbit->connection()->channel();
        $control = new AmqpControl(
            AmqplibConnector::to(Url::parse(Servers::amqp()), new TransportOptions()),
            $key = $this->key(),
        );
        $control->listen();
        $node->queue_declare($queue = $rabbit->name(), false, false, false, false);
        $node->queue_bind($queue, 'celery.pidbox');
        $control->publish(self::request('ticket'));
        $request = $node->basic_get($queue, true);
        self::assertInstanceOf(AMQPMessage::class, $request);
        self::assertSame('ping', self::read($request)->fields['method']);
        self::assertSame(1.5, self::read($request)->fields['expires']);

        self::assertNull($control->next(0.05));
        self::answer($node, $key, 'ticket');
        $reply = $control->next(5.0);
        self::assertNotNull($reply);
        self::assertSame(['w1', ['ok' => 'pong']], [Reply::parse($reply)->node(), Reply::parse($reply)->value()]);
        self::assertSame('ticket', Reply::parse($reply)->fields['ticket']);

        self::answer($node, $key, 'late');
        while ($node->queue_declare($queue, true)[1] > 0);
        $control->rest();
        $control->listen();
        self::assertNull($control->next(0.05), 'what came before is no reply to the next request');
        $control->close();
        $node->getConnection()?->close();
        $rabbit->clean();
    }

    public function testAReplyThatIsQuickerThanTheConfirmationOfItsRequestIsNotLost(): void
    {
        $rabbit = new Rabbit(Servers::amqp());
        $node = $rabbit->connection()->channel();
        $node->confirm_select();
        $control = new AmqpControl(
            AmqplibConnector::to(Url::parse(Servers::amqp()), new TransportOptions()),
            $key = $this->key(),
        );
        $control->listen();
        self::answer($node, $key, 'ticket');
        $node->wait_for_pending_acks(30.0);
        $control->publish(self::request('ticket'));
        self::assertNotNull($control->next(5.0));
        $control->close();
        $node->getConnection()?->close();
        $rabbit->clean();
    }

    public function testQueueAndExchangesAreDeclaredAsCeleryDeclaresThem(): void
    {
        $rabbit = new Rabbit(Servers::amqp());
        $connection = $rabbit->connection();
        $control = new AmqpControl(AmqplibConnector::over($connection), $key = $this->key());
        $control->listen();
        // declaring them once more with other properties would be refused; the queue is for its own connection alone
        $channel = $connection->channel();
        $declared = [];
        foreach (Vectors::in('topology')['topology/worker'][0]['wire']->members['methods'] as $method) {
            $method = $method->members;
            $name = $method['queue'] ?? $method['exchange'] ?? '';
            if ($method['method'] === 'exchange.declare' && str_ends_with($name, 'celery.pidbox')) {
                $channel->exchange_declare($name, $method['type'], false, $method['durable'], $method['auto_delete']);
                $declared[] = $name;
            }
            if ($method['method'] === 'queue.declare' && str_ends_with($name, '.reply.celery.pidbox')) {
                $arguments = new AMQPTable($method['arguments']->members);
                $flags = [$method['durable'], $method['exclusive'], $method['auto_delete']];
                $channel->queue_declare("$key.reply.celery.pidbox", false, ...$flags, arguments: $arguments);
                $declared[] = 'queue';
            }
        }
        self::assertEqualsCanonicalizing(['celery.pidbox', 'reply.celery.pidbox', 'queue'], $declared);
        $control->close();
        self::assertTrue($connection->isConnected());
        $connection->close();
        $rabbit->clean();
    }

    public function testBrokenConnectionIsMadeAnewForTheNextRequest(): void
    {
        $rabbit = new Rabbit(Servers::amqp());
        $connection = $rabbit->connection();
        $control = new AmqpControl(AmqplibConnector::over($connection), $this->key());
        $control->listen();
        $connection->getIO()?->close();
        try {
            $control->next(1.0);
            self::fail('heard');
        } catch (BrokerUnavailable $fault) {
            self::assertStringContainsString('connection', $fault->getMessage());
        }
        $control->listen();
        $control->publish(self::request('ticket'));
        self::assertNull($control->next(0.05));
        $control->close();
        $connection->close();
        $rabbit->clean();
    }

    public function testRedisPublishesOnTheChannelAndTakesRepliesFromTheList(): void
    {
        $server = new RedisServer(Servers::redis());
        $key = $this->key();
        $redis = $server->connection();
        $commands = PhpRedisCommands::over($redis);
        $control = new RedisControl($commands, $key);
        $binding = "$key\x06\x16\x06\x16$key.reply.celery.pidbox";
        $control->listen();
        self::assertTrue($redis->sIsMember('_kombu.binding.reply.celery.pidbox', $binding));
        self::assertNull($control->next(0.05));

        $tag = Uuid::version4(random_bytes(16));
        foreach (['one', 'two'] as $ticket) {
            $item = Envelope::to(self::reply($ticket), 'reply.celery.pidbox', $key, $tag)->build();
            $redis->lPush("$key.reply.celery.pidbox", $item);
        }
        $first = $control->next(5.0);
        self::assertNotNull($first);
        self::assertSame('one', Reply::parse($first)->fields['ticket']);
        $control->rest();
        self::assertFalse($redis->sIsMember('_kombu.binding.reply.celery.pidbox', $binding));
        self::assertSame(0, $redis->exists("$key.reply.celery.pidbox"));
        $control->close();
        $server->clean();
    }

    public function testRedisRequestIsHeardOnTheChannelOfItsDatabase(): void
    {
        Servers::redis();
        $heard = proc_open(
            [PHP_BINARY, '-r', '$r = new Redis(); $r->connect($argv[1], (int) $argv[2]); $r->setOption(3, 10);'
                . '$r->subscribe(["/3.celery.pidbox"], function ($r, $channel, $item) { echo "$item\n"; });',
                '--', Url::parse(Servers::redis())->host, (string) Url::parse(Servers::redis())->port],
            [1 => ['pipe', 'w']],
            $pipes,
        );
        self::assertIsResource($heard);
        $redis = (new RedisServer(Servers::redis()))->connection();
        while ($redis->rawCommand('PUBSUB', 'NUMSUB', '/3.celery.pidbox')[1] === 0) {
            usleep(10_000);
        }
        $url = (string) preg_replace('~/\d*$~', '/3', Servers::redis());
        $control = Controller::connect($url);
        $control->revoke('order-4711');
        $envelope = Envelope::parse((string) fgets($pipes[1]));
        self::assertSame('revoke', Request::parse($envelope->wire)->fields['method']);
        self::assertSame(['celery.pidbox', ''], [$envelope->fields['exchange'], $envelope->fields['routing_key']]);
        $control->close();
        proc_terminate($heard);
        proc_close($heard);
    }

    /**
     * @dataProvider nowhere
     */
    public function testUnreachableBrokerIsUnavailable(string $url): void
    {
        $control = Controller::connect($url, new TransportOptions(connectTimeout: 1.0));
        $this->expectException(BrokerUnavailable::class);
        $control->ping(timeout: 0.1);
    }

    /**
     * @return iterable<string, array{string}>
     */
    public static function nowhere(): iterable
    {
        yield 'amqp' => ['amqp://guest:secret@127.0.0.1:1//'];
        yield 'redis' => ['redis://:secret@127.0.0.1:1/0'];
    }

    private function key(): string
    {
        return Uuid::version4(random_bytes(16))->text;
    }

    private static function request(string $ticket): Wire
    {
        return Request::of([
            'expires' => 1.5,
            'method' => 'ping',
            'arguments' => new JsonObject(),
            'ticket' => $ticket,
        ])->build();
    }

    private static function reply(string $ticket): Wire
    {
        return Reply::of(['ticket' => $ticket, 'node' => 'w1', 'reply' => ['ok' => 'pong']])->build();
    }

    private static function read(AMQPMessage $message): Request
    {
        return Request::parse(new Wire(
            new Payload($message->getBody()),
            $message->get('application_headers')->getNativeData(),
        ));
    }

    private static function answer(AMQPChannel $node, string $key, string $ticket): void
    {
        $properties = ['content_type' => 'application/json', 'content_encoding' => 'utf-8',
            'application_headers' => new AMQPTable(['ticket' => $ticket])];
        $message = new AMQPMessage(self::reply($ticket)->payload->body, $properties);
        $node->basic_publish($message, 'reply.celery.pidbox', $key);
    }
}
