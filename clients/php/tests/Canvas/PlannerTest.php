<?php

declare(strict_types=1);

namespace Celeriac\Tests\Canvas;

use Celeriac\Call;
use Celeriac\Canvas;
use Celeriac\Client;
use Celeriac\Exception\InvalidCall;
use Celeriac\Message\TaskMessage;
use Celeriac\SendOptions;
use Celeriac\Serialization\JsonObject;
use Celeriac\Signature;
use Celeriac\Transport\Amqp\AmqplibConnector;
use Celeriac\Transport\Amqp\AmqpResults;
use Celeriac\Transport\Memory\MemoryBroker;
use Celeriac\Transport\Memory\MemoryResults;
use Celeriac\Transport\TransportOptions;
use Celeriac\Transport\Url;
use PHPUnit\Framework\TestCase;

/**
 * Canvases that no vector has. What is said of Celery here was looked up in what Celery 5.7 sends.
 */
final class PlannerTest extends TestCase
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

    public function testResultOfAChainIsThatOfItsLastStep(): void
    {
        $result = $this->client->send(Canvas::chain(self::task('a'), self::task('b'), self::task('c')));
        [$message] = $this->broker->messages('celery');
        self::assertSame($result->id, self::option($message->get('chain')[0], 'task_id'));
        self::assertSame(['c', 'b'], self::names($message->get('chain')));
    }

    public function testOptionsOfAChainAreItsFirstMessagesAndItsIdTheLastSteps(): void
    {
        $options = new SendOptions(queue: 'q', countdown: 1, taskId: 'mine');
        $chain = Canvas::chain(self::task('a')->onQueue('other')->withOption('priority', 3), self::task('b'));
        self::assertSame('mine', $this->client->send($chain, options: $options)->id);
        [$message] = $this->broker->messages('q');
        self::assertSame(3, $message->get('priority'));
        self::assertNotNull($message->get('eta'));
        self::assertNotSame('mine', $message->get('id'));
        self::assertSame(['reply_to', 'task_id'], array_keys($message->get('chain')[0]->members['options']->members));
        self::assertSame('mine', self::option($message->get('chain')[0], 'task_id'));
    }

    public function testOptionsOfTheSignatureHoldWhenNoneAreGiven(): void
    {
        $this->client->send(Canvas::chain(self::task('a'), self::task('b'))->onQueue('q')->link(self::task('c')));
        [$message] = $this->broker->messages('q');
        self::assertSame(['c'], self::names(self::option($message->get('chain')[0], 'link')));
        self::assertNull($message->get('callbacks'));
    }

    public function testChainsInAChainAreOne(): void
    {
        $inner = Canvas::chain(self::task('b'), self::task('c'))->linkError(self::task('e'));
        $this->client->send(Canvas::chain(self::task('a'), $inner, self::task('d')));
        [$message] = $this->broker->messages('celery');
        self::assertSame(['d', 'c', 'b'], self::names($message->get('chain')));
        $errbacks = array_map(
            static fn (JsonObject $step): array => self::names(self::option($step, 'link_error') ?? []),
            $message->get('chain'),
        );
        self::assertSame([[], ['e'], ['e']], $errbacks);
    }

    public function testChainThatBeginsWithAGroupIsAChordWithTheRestAsItsBody(): void
    {
        $group = Canvas::group(self::task('a'), self::task('b'));
        $result = $this->client->send(Canvas::chain($group, self::task('c'), self::task('d')));
        [$first, $second] = $this->broker->messages('celery');
        $body = $first->get('chord')->members;
        self::assertEquals($first->get('chord'), $second->get('chord'));
        self::assertSame(['celery.chain', 'chain'], [$body['task'], $body['subtask_type']]);
        [$c, $d] = array_map(Signature::fromObject(...), $body['kwargs']->members['tasks']);
        self::assertSame([$result->id, $result->id], [$d->options['task_id'], $body['options']->members['task_id']]);
        self::assertSame([$first->get('group')], [$d->options['group_id']]);
        self::assertArrayNotHasKey('group_id', $c->options);
        self::assertSame([$first->get('group') => 2], $this->results->chords);
    }

    public function testGroupAfterAGroupGetsItsResults(): void
    {
        $pair = Canvas::group(self::task('a'), self::task('b'));
        $result = $this->client->sendGroup(Canvas::chain($pair, Canvas::group(self::task('c'), self::task('d'))));
        self::assertCount(2, $result->children);
        $body = $this->broker->messages('celery')[1]->get('chord')->members;
        self::assertSame(['celery.group', $result->id], [$body['task'], $body['options']->members['task_id']]);
    }

    public function testChordInAChordCountsAsOne(): void
    {
        $inner = Canvas::chord([self::task('a'), self::task('b')], self::task('c'));
        $result = $this->client->send(Canvas::chord([$inner, self::task('d')], self::task('e')));
        [$a, $b, $d] = $this->broker->messages('celery');
        self::assertSame($a->get('group'), $b->get('group'));
        self::assertNotSame($a->get('group'), $d->get('group'));
        self::assertSame([2, 2], array_values($this->results->chords));
        $options = $a->get('chord')->members['options']->members;
        self::assertSame([$d->get('group'), 0], [$options['group_id'], $options['group_index']]);
        self::assertSame(1, $d->get('group_index'));
        self::assertSame($result->id, self::option($options['chord'], 'task_id'));
        self::assertEquals($options['chord'], $d->get('chord'));
    }

    public function testOptionsOfAChordAreAlsoTheBodysButForTheTime(): void
    {
        $options = new SendOptions(queue: 'q', countdown: 5, timeLimit: 9, taskId: 'mine', stamps: ['s' => 1]);
        $chord = Canvas::chord([self::task('a'), self::task('b')], self::task('c'));
        self::assertSame('mine', $this->client->send($chord, options: $options)->id);
        [$message] = $this->broker->messages('q');
        self::assertNotNull($message->get('eta'));
        self::assertSame(['s'], $message->get('stamped_headers'));
        $body = $message->get('chord')->members['options']->members;
        self::assertSame(['q', 9, 'mine', 1, ['s']], [
            $body['queue'], $body['time_limit'], $body['task_id'], $body['s'], $body['stamped_headers'],
        ]);
        self::assertArrayNotHasKey('countdown', $body);
    }

    public function testChordIsOneTaskWhereNothingCounts(): void
    {
        $rpc = new AmqpResults(AmqplibConnector::to(Url::parse('amqp://'), new TransportOptions()), 'replies');
        self::assertFalse($rpc->countsChords());
        $result = (new Client($this->broker))->send(
            Canvas::chord([self::task('a'), self::task('b')], self::task('c')),
            options: new SendOptions(queue: 'q'),
        );
        [$message] = $this->broker->messages('q');
        $kwargs = $message->get('kwargs')->members;
        self::assertSame(['celery.chord', ['header', 'body', 'kwargs']], [$message->get('task'), array_keys($kwargs)]);
        self::assertSame(['a', 'b'], array_map(static fn ($task) => $task->members['task'], $kwargs['header']));
        self::assertSame([$result->id, 'q'], [
            $kwargs['body']->members['options']->members['task_id'],
            $kwargs['body']->members['options']->members['queue'],
        ]);
        self::assertNotSame($result->id, $message->get('id'));
        $this->expectException(InvalidCall::class);
        $rpc->startChords(['g' => 2]);
    }

    /**
     * @dataProvider empty
     * @param list<list<mixed>> $args of the messages
     */
    public function testBodyOfAnEmptyChordIsSentAtOnce(Signature $body, array $args): void
    {
        $call = Canvas::chord([], $body);
        $body->subtaskType === 'group' ? $this->client->sendGroup($call) : $this->client->send($call);
        self::assertSame($args, array_map(
            static fn (TaskMessage $message): array => $message->get('args'),
            $this->broker->messages('celery'),
        ));
        self::assertSame($body->subtaskType === 'chord' ? [2] : [], array_values($this->results->chords));
    }

    /**
     * @return iterable<string, array{Signature, list<list<mixed>>}>
     */
    public static function empty(): iterable
    {
        yield 'task' => [self::task('a', 1), [[[], 1]]];
        yield 'immutable' => [self::task('a', 1)->immutable(), [[1]]];
        yield 'chain' => [Canvas::chain(self::task('a', 1), self::task('b', 2)), [[[], 1]]];
        yield 'group' => [Canvas::group(self::task('a', 1), self::task('b', 2)), [[[], 1], [[], 2]]];
        yield 'chord' => [Canvas::chord([self::task('a', 1), self::task('b', 2)], self::task('c')), [[[], 1], [[], 2]]];
    }

    public function testManyCanvasesGoAtOnce(): void
    {
        $results = $this->client->sendMany([
            Canvas::chain(self::task('a'), self::task('b')),
            new Call('c'),
            Canvas::map('d', [1]),
        ]);
        $messages = $this->broker->messages('celery');
        self::assertSame(['a', 'c', 'celery.map'], array_map(static fn ($message) => $message->get('task'), $messages));
        self::assertSame([$messages[1]->get('id'), $messages[2]->get('id')], [$results[1]->id, $results[2]->id]);
    }

    /**
     * @dataProvider wrong
     * @param \Closure(Client): mixed $call
     */
    public function testWhatCannotBeSentIsRefusedBeforeAnythingIs(\Closure $call, string $why): void
    {
        try {
            $call($this->client);
            self::fail('sent');
        } catch (InvalidCall $fault) {
            self::assertStringContainsString($why, $fault->getMessage());
        }
        self::assertSame([], $this->broker->messages('celery'));
        self::assertSame([], $this->results->chords);
    }

    /**
     * @return iterable<string, array{\Closure, string}>
     */
    public static function wrong(): iterable
    {
        $group = Canvas::group(self::task('a'), self::task('b'));
        yield 'empty chain' => [static fn () => Canvas::chain(), 'needs a step'];
        yield 'chunks of nothing' => [static fn () => Canvas::chunks('a', [], 0), 'at least one'];
        yield 'group by send()' => [static fn (Client $client) => $client->send($group), 'sendGroup()'];
        yield 'task by sendGroup()' => [static fn (Client $client) => $client->sendGroup(self::task('a')), 'send()'];
        yield 'link of a group' => [
            static fn (Client $client) => $client->sendGroup($group->link(self::task('c'))), 'no one result',
        ];
        yield 'chain with a group at its end in a group' => [
            static fn (Client $client) => $client->sendGroup(Canvas::group(Canvas::chain(self::task('x'), $group))),
            'many results',
        ];
        yield 'chord with a group as its body in a chord' => [static fn (Client $client) => $client->send(
            Canvas::chord([Canvas::chord([self::task('x'), self::task('y')], $group)], self::task('z')),
        ), 'many results'];
        yield 'unknown canvas' => [
            static fn (Client $client) => $client->send(new Signature('a', subtaskType: 'frob')), 'frob',
        ];
        yield 'no signature in it' => [static fn (Client $client) => $client->send(
            new Signature('celery.chain', kwargs: ['tasks' => ['a']], subtaskType: 'chain'),
        ), 'made of signatures'];
        yield 'value that has no form' => [static fn (Client $client) => $client->send(
            Canvas::chord([self::task('a'), self::task('b', new \ArrayObject())], self::task('c')),
        ), 'ArrayObject'];
    }

    private static function task(string $name, mixed ...$args): Signature
    {
        return new Signature($name, array_values($args));
    }

    private static function option(JsonObject $signature, string $name): mixed
    {
        return $signature->members['options']->members[$name] ?? null;
    }

    /**
     * @param list<JsonObject> $signatures
     * @return list<string>
     */
    private static function names(array $signatures): array
    {
        return array_map(static fn (JsonObject $signature): string => $signature->members['task'], $signatures);
    }
}
