<?php

declare(strict_types=1);

namespace Celeriac\Tests\Contract;

use Celeriac\AsyncResult;
use Celeriac\Client;
use Celeriac\ClientOptions;
use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Exception\NotRegistered;
use Celeriac\Exception\TaskTimeout;
use Celeriac\Result\State;
use Celeriac\Result\TaskResult;
use Celeriac\Serialization\Payload;
use Celeriac\Tests\Support\Rabbit;
use Celeriac\Tests\Support\Servers;
use Celeriac\Tests\Support\Vectors;
use Celeriac\Transport\AmqpDriver;
use Celeriac\Transport\TransportOptions;
use PhpAmqpLib\Wire\AMQPTable;
use PHPUnit\Framework\TestCase;

/**
 * Results as replies over a real RabbitMQ; the test plays the worker.
 */
final class RpcResultsTest extends TestCase
{
    private Rabbit $rabbit;
    private Client $client;
    private string $queue;
    private string $lastReplyTo = '';

    protected function setUp(): void
    {
        $this->rabbit = new Rabbit(Servers::amqp());
        $this->queue = $this->rabbit->name();
        $this->client = Client::connect(Servers::amqp(), 'rpc://', new ClientOptions($this->queue));
    }

    protected function tearDown(): void
    {
        if (isset($this->rabbit)) {
            $this->client->close();
            $this->rabbit->clean();
        }
    }

    public function testReplyIsReceivedWhenTheWorkerIsFasterThanTheCaller(): void
    {
        $result = $this->client->send('t');
        self::assertSame(State::Pending, $result->state());
        $this->reply($result, 'SUCCESS', '{"a": []}');
        self::assertSame(['a' => []], $result->get(5.0));
        self::assertSame(State::Success, $result->state());
    }

    public function testRepliesAreMatchedByTaskInAnyOrder(): void
    {
        [$first, $second, $third] = [$this->client->send('t'), $this->client->send('t'), $this->client->send('t')];
        $this->reply($third, 'STARTED', '{"pid": 1}');
        $this->reply($second, 'SUCCESS', '2');
        $this->reply($third, 'SUCCESS', '3');
        $this->reply($first, 'SUCCESS', '1');
        self::assertSame([3, 2, 1], [$third->get(5.0), $second->get(5.0), $first->get(5.0)]);
    }

    public function testReplyToATaskThatIsKnownOnlyByItsIdAgain(): void
    {
        $id = $this->client->send('t')->id;
        $other = $this->client->send('t');
        $this->reply($this->client->result($id), 'SUCCESS', '1');
        $this->reply($other, 'SUCCESS', '2');
        self::assertSame(2, $other->get(5.0));
        self::assertSame(1, $this->client->result($id)->get(5.0));
    }

    public function testVectorsOfRealRepliesAreUnderstood(): void
    {
        $vector = Vectors::in('result')['result/rpc-failure-not-registered'][0];
        $id = $vector['message']->members['task_id'];
        $this->client->send('t');
        $body = Vectors::payload($vector)->body;
        $this->rabbit->reply($this->replyQueue(), $body, ['correlation_id' => $id, 'delivery_mode' => 1]);
        $this->expectException(NotRegistered::class);
        $this->client->result($id)->get(5.0);
    }

    public function testUnreadableReplyIsInvalid(): void
    {
        $result = $this->client->send('t');
        $this->rabbit->reply($this->replyQueue(), 'no JSON', ['correlation_id' => $result->id]);
        $this->expectException(InvalidMessage::class);
        $result->get(5.0);
    }

    public function testWaitingEndsInTime(): void
    {
        $result = $this->client->send('t');
        $start = microtime(true);
        try {
            $result->get(0.3);
            self::fail('a result from nowhere');
        } catch (TaskTimeout $timeout) {
            self::assertSame($result->id, $timeout->taskId);
            $waited = microtime(true) - $start;
            self::assertGreaterThanOrEqual(0.3, $waited);
            self::assertLessThan(10.0, $waited);
        }
    }

    public function testReplyQueueIsDeclaredAsCeleryDeclaresIt(): void
    {
        $this->client->send('t');
        $queue = $this->replyQueue();
        self::assertMatchesRegularExpression('/^[0-9a-f]{8}(-[0-9a-f]{4}){4}[0-9a-f]{8}$/', $queue);
        // declaring it once more with other properties would be refused
        $channel = $this->rabbit->connection()->channel();
        $celery = Vectors::in('topology')['topology/client-rpc'][0]['wire']->members['methods'][0]->members;
        $flags = [$celery['durable'], $celery['exclusive'], $celery['auto_delete']];
        $arguments = new AMQPTable($celery['arguments']->members);
        [$name, , $consumers] = $channel->queue_declare($queue, false, ...$flags, arguments: $arguments);
        self::assertSame([$queue, 1], [$name, $consumers]);
        $channel->getConnection()?->close();
    }

    public function testLargeReplyOfManyFrames(): void
    {
        $result = $this->client->send('t');
        $this->reply($result, 'SUCCESS', '"' . str_repeat('x', 2_000_000) . '"');
        self::assertSame(2_000_000, strlen($result->get(10.0)));
    }

    public function testPublishingByTheExtensionGoesWithReadingByPhpAmqplib(): void
    {
        if (!extension_loaded('amqp')) {
            self::markTestSkipped('SKIPPED ext-amqp: the extension is not loaded');
        }
        $transport = new TransportOptions(amqpDriver: AmqpDriver::Extension);
        $client = Client::connect(Servers::amqp(), 'rpc://', new ClientOptions($this->queue, $transport));
        $result = $client->send('t');
        $this->reply($result, 'SUCCESS', '5');
        self::assertSame(5, $result->get(5.0));
        $client->close();
    }

    public function testUnreachableBrokerIsUnavailable(): void
    {
        $client = Client::connect('amqp://' . Servers::closedAddress(), 'rpc://');
        $this->expectException(BrokerUnavailable::class);
        $client->result('i')->get(1.0);
    }

    public function testBrokenConnectionIsMadeAnewWhileWaiting(): void
    {
        $connection = $this->rabbit->connection();
        $client = Client::connect(Servers::amqp(), $connection, new ClientOptions($this->queue));
        $result = $client->send('t');
        $connection->getIO()->write('this is no AMQP frame at all');
        try {
            $result->get(1.0);
            self::fail('a result from nowhere');
        } catch (TaskTimeout) {
            // the reply queue went with the connection; it is there again now
            $this->reply($result, 'SUCCESS', '5');
        }
        self::assertSame(5, $result->get(5.0));
        $connection->close();
    }

    public function testBrokenConnectionIsMadeAnewBeforeTheNextTaskIsSent(): void
    {
        $connection = $this->rabbit->connection();
        $client = Client::connect(Servers::amqp(), $connection, new ClientOptions($this->queue));
        $client->send('t');
        $connection->getIO()->write('this is no AMQP frame at all');
        self::assertGreaterThan(0, $connection->select(5), 'the server has hung up');
        $result = $client->send('t');
        $this->reply($result, 'SUCCESS', '5');
        self::assertSame(5, $result->get(5.0));
        $connection->close();
    }

    public function testRepliesThatNobodyWaitsForDoNotPileUp(): void
    {
        $this->client->send('t');
        $other = $this->client->send('t');
        $queue = $this->replyQueue();
        for ($i = 0; $i < 2000; $i++) {
            $this->rabbit->reply($queue, str_repeat(' ', 10_000), ['correlation_id' => "nobody-$i"]);
        }
        $this->reply($other, 'SUCCESS', '5');
        $before = memory_get_usage();
        self::assertSame(5, $other->get(20.0));
        self::assertLessThan(16_000_000, memory_get_usage() - $before, 'half of what came');
        $this->expectException(InvalidMessage::class);
        $this->client->result('nobody-1999')->get(1.0);
    }

    private function reply(AsyncResult $result, string $status, string $json): void
    {
        $value = (new Payload($json))->decode();
        $document = TaskResult::of(['task_id' => $result->id, 'status' => $status, 'result' => $value])->build();
        $this->rabbit->reply($this->replyQueue(), $document->body, ['correlation_id' => $result->id]);
    }

    /**
     * The queue that the last message sent names; messages are taken as they are looked at.
     */
    private function replyQueue(): string
    {
        while ($this->rabbit->count($this->queue) > 0) {
            $this->lastReplyTo = $this->rabbit->take($this->queue)->get('reply_to');
        }

        return $this->lastReplyTo;
    }
}
