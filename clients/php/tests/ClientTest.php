<?php

declare(strict_types=1);

namespace Celeriac\Tests;

use Celeriac\Call;
use Celeriac\Client;
use Celeriac\ClientOptions;
use Celeriac\Exception\CeleriacException;
use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Exception\PublishFailed;
use Celeriac\Exception\TaskFailure;
use Celeriac\Exception\TaskTimeout;
use Celeriac\Message\TaskMessage;
use Celeriac\Result\State;
use Celeriac\Result\TaskResult;
use Celeriac\SendOptions;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Payload;
use Celeriac\Signature;
use Celeriac\Tests\Support\ScriptedPublisher;
use Celeriac\Transport\Amqp\AmqpBroker;
use Celeriac\Transport\AmqpDriver;
use Celeriac\Transport\Memory\MemoryBroker;
use Celeriac\Transport\Memory\MemoryResults;
use Celeriac\Transport\TransportOptions;
use PHPUnit\Framework\TestCase;

/**
 * The client on transports that serialize and stay in memory.
 */
final class ClientTest extends TestCase
{
    private MemoryBroker $broker;
    private MemoryResults $results;
    private Client $client;

    protected function setUp(): void
    {
        $this->broker = new MemoryBroker();
        $this->results = new MemoryResults();
        $this->client = new Client($this->broker, $this->results);
    }

    public function testSendPutsOneMessageIntoTheQueue(): void
    {
        $result = $this->client->send('tasks.add', [2, 3], ['x' => []], new SendOptions(queue: 'q'));
        [$message] = $this->broker->messages('q');
        self::assertSame([$result->id, 'tasks.add', [2, 3]], [
            $message->get('id'),
            $message->get('task'),
            $message->get('args'),
        ]);
        self::assertEquals(new JsonObject(['x' => []]), $message->get('kwargs'));
        self::assertSame($result->id, $message->get('correlation_id'));
        self::assertMatchesRegularExpression('/^gen\d+@.+/', $message->get('origin'));
    }

    public function testReplyToIsTheSameForAllAndDiffersBetweenClients(): void
    {
        $replyTo = function (Client $client): string {
            $client->send('t');
            $messages = $this->broker->messages('celery');

            return end($messages)->get('reply_to');
        };
        self::assertSame($replyTo($this->client), $replyTo($this->client));
        self::assertNotSame($replyTo($this->client), $replyTo(new Client($this->broker)));
    }

    public function testDefaultQueueIdAndTimeAreTheClients(): void
    {
        $options = new ClientOptions(
            queue: 'shop',
            newId: static fn (): string => 'fixed',
            now: static fn (): \DateTimeImmutable => new \DateTimeImmutable('2026-01-02T00:00:00Z'),
        );
        $result = (new Client($this->broker, null, $options))->send('t', options: new SendOptions(countdown: 1));
        self::assertSame('fixed', $result->id);
        self::assertSame('2026-01-02T00:00:01+00:00', $this->broker->messages('shop')[0]->get('eta'));
    }

    public function testSendManyKeepsTheOrder(): void
    {
        $results = $this->client->sendMany([
            new Call('a'),
            (new Signature('b'))->onQueue('q')->withOption('task_id', 'mine'),
            new Call('c', [1], options: new SendOptions(taskId: '7')),
        ]);
        self::assertSame(['mine', '7'], [$results[1]->id, $results[2]->id]);
        $tasks = static fn (TaskMessage $message): string => $message->get('task');
        self::assertSame(['a', 'c'], array_map($tasks, $this->broker->messages('celery')));
        self::assertSame(['b'], array_map($tasks, $this->broker->messages('q')));
    }

    public function testNothingIsSentWhenOneOfManyCannotBe(): void
    {
        try {
            $this->client->sendMany([new Call('a'), new Call('b', ["\xFF"])]);
            self::fail('sent');
        } catch (InvalidCall) {
            self::assertSame([], $this->broker->messages('celery'));
        }
        self::assertSame([], $this->client->sendMany([]));
    }

    public function testExchangeAndKey(): void
    {
        $this->client->send('t', options: new SendOptions(exchange: 'x', routingKey: 'k'));
        self::assertCount(1, $this->broker->messages('x/k'));
    }

    public function testGetReturnsTheValueAgainAndAgain(): void
    {
        $result = $this->client->send('t');
        $this->put($result->id, 'STARTED', new JsonObject(['pid' => 1]));
        $this->put($result->id, 'SUCCESS', new JsonObject(['sum' => 5]));
        self::assertSame(['sum' => 5], $result->get(1.0));
        self::assertSame(['sum' => 5], $result->get());
        self::assertSame(State::Success, $result->state());
        self::assertEquals(new JsonObject(['sum' => 5]), $result->document()?->fields['result']);
    }

    public function testStateFollowsTheDocuments(): void
    {
        $result = $this->client->send('t');
        self::assertSame(State::Pending, $result->state());
        self::assertNull($result->document());
        $this->put($result->id, 'STARTED', null);
        $this->put($result->id, 'PROGRESS', 50);
        self::assertSame(State::Custom, $result->state());
        self::assertSame('PROGRESS', $result->document()?->status());
        self::assertSame(State::Custom, $result->state());
    }

    public function testRetryIsNotTheEnd(): void
    {
        $result = $this->client->send('t');
        $this->put($result->id, 'RETRY', null);
        $this->expectException(TaskTimeout::class);
        $result->get(0.01);
    }

    public function testFailureIsThrown(): void
    {
        $result = $this->client->send('t');
        $this->put($result->id, 'FAILURE', new JsonObject(['exc_type' => 'ValueError', 'exc_message' => ['no', 5]]));
        $this->expectException(TaskFailure::class);
        $this->expectExceptionMessage('ValueError: no, 5');
        $result->get(1.0);
    }

    public function testUnreadableDocumentIsInvalid(): void
    {
        $result = $this->client->send('t');
        $this->results->put($result->id, new Payload('{"status": "SUCCESS"}'));
        $this->expectException(InvalidMessage::class);
        $result->get(1.0);
    }

    public function testWithoutABackendGetSaysHowToNameOne(): void
    {
        $result = (new Client($this->broker))->send('t');
        $this->expectException(InvalidCall::class);
        $this->expectExceptionMessage('rpc://');
        $result->get(1.0);
    }

    public function testClosedClientSendsNothing(): void
    {
        $this->client->close();
        $this->client->close();
        $this->expectException(InvalidCall::class);
        $this->client->send('t');
    }

    public function testPublishFailureForgetsTheTasks(): void
    {
        $publisher = new ScriptedPublisher(['celery']);
        $publisher->refused = ['bad'];
        $client = new Client(new AmqpBroker($publisher), $this->results);
        $this->put('bad', 'SUCCESS', 1);
        try {
            $client->send('t', options: new SendOptions(taskId: 'bad'));
            self::fail('sent');
        } catch (PublishFailed $failure) {
            self::assertSame(['bad'], $failure->taskIds);
            self::assertNull($this->results->wait('bad', 0.0));
        }
    }

    /**
     * @dataProvider unusable
     */
    public function testConnectRefusesWhatItCannotUse(
        string $hint,
        string|object $broker,
        string|object|null $backend,
    ): void {
        $this->expectException(InvalidCall::class);
        $this->expectExceptionMessage($hint);
        Client::connect($broker, $backend);
    }

    /**
     * @return iterable<string, array{string, string|object, string|object|null}>
     */
    public static function unusable(): iterable
    {
        yield 'scheme' => ['http:// is not known', 'http://h', null];
        yield 'results over http' => ['http:// is not known', 'amqp://h', 'http://h'];
        yield 'results over amqp' => ['results come by rpc://', 'amqp://h', 'amqp://h'];
        yield 'rpc over redis' => ['rpc:// needs', 'redis://h', 'rpc://'];
        yield 'object' => ['stdClass is no connection', new \stdClass(), null];
        yield 'object for results' => ['stdClass is no connection', 'amqp://h', new \stdClass()];
    }

    public function testConnectOpensNoConnection(): void
    {
        if (!extension_loaded('redis')) {
            self::markTestSkipped('SKIPPED ext-redis: the extension is not loaded');
        }
        $client = Client::connect('amqp://127.0.0.1:1', 'redis://127.0.0.1:1');
        $client->close();
        $lazy = new ClientOptions(transport: new TransportOptions(amqpDriver: AmqpDriver::Amqplib));
        self::assertInstanceOf(Client::class, Client::connect('redis+socket:///nowhere', null, $lazy));
    }

    public function testEveryExceptionCarriesTheMark(): void
    {
        foreach (glob(__DIR__ . '/../src/Exception/*.php') ?: [] as $file) {
            $class = 'Celeriac\\Exception\\' . basename($file, '.php');
            self::assertTrue(is_a($class, CeleriacException::class, true), $class);
        }
    }

    private function put(string $id, string $status, mixed $value): void
    {
        $this->results->put($id, TaskResult::of(['task_id' => $id, 'status' => $status, 'result' => $value])->build());
    }
}
