<?php

declare(strict_types=1);

namespace Celeriac\Tests\Control;

use Celeriac\Control\Controller;
use Celeriac\Control\Nodes;
use Celeriac\Control\Reply;
use Celeriac\Control\Request;
use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Message\Wire;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Payload;
use Celeriac\Tests\Support\Address;
use Celeriac\Tests\Support\Neutral;
use Celeriac\Tests\Support\ScriptedControl;
use Celeriac\Tests\Support\Vectors;
use PHPUnit\Framework\TestCase;

/**
 * The controller before workers that say what the test has them say.
 */
final class ControllerTest extends TestCase
{
    private ScriptedControl $workers;
    private Controller $control;

    protected function setUp(): void
    {
        $this->workers = new ScriptedControl();
        $this->control = new Controller($this->workers);
    }

    /**
     * @dataProvider requests
     * @param \Closure(Controller): mixed $call
     */
    public function testRequestIsTheOneThatCelerySends(string $vector, \Closure $call): void
    {
        $call($this->control);
        $expected = Request::parse(Address::open(Vectors::in('control')["control/$vector-request"][0])[0])->fields;
        $sent = $this->workers->requests[0]->fields;
        self::assertSame(array_keys($expected), array_keys($sent));
        $own = ['clock' => 0, 'expires' => 0, 'ticket' => 0, 'reply_to' => 0];
        self::assertSame(
            Neutral::canonical(new JsonObject(array_diff_key($expected, $own))),
            Neutral::canonical(new JsonObject(array_diff_key($sent, $own))),
        );
        self::assertEqualsWithDelta(microtime(true), $sent['expires'], 30.0);
    }

    /**
     * @return iterable<string, array{string, \Closure}>
     */
    public static function requests(): iterable
    {
        $calls = [
            'ping' => static fn (Controller $control) => $control->ping(timeout: 0.0),
            'ping-destination' => static fn (Controller $control)
                => $control->ping(Nodes::named('w1@host.example'), 0.0),
            'ping-pattern' => static fn (Controller $control) => $control->ask('ping', [], Nodes::glob('w*'), 0.0),
            'revoke-no-reply' => static fn (Controller $control) => $control->revoke('order-4711'),
            'time-limit' => static fn (Controller $control) => $control->ask('time_limit', [
                'task_name' => 'shop.add', 'hard' => 30, 'soft' => 20,
            ], timeout: 0.0),
            'shutdown' => static fn (Controller $control) => $control->tell('shutdown'),
        ];
        foreach ($calls as $vector => $call) {
            yield $vector => [$vector, $call];
        }
    }

    public function testListensFirstAndCleansUp(): void
    {
        $this->workers->says = [ScriptedControl::says('w1', ['ok' => 'pong'])];
        $this->control->ask('ping', limit: 1);
        $this->control->close();
        self::assertSame(['listen', 'publish', 'next', 'rest', 'close'], $this->workers->steps);
        [$request] = $this->workers->requests;
        self::assertEquals(
            new JsonObject(['exchange' => 'reply.celery.pidbox', 'routing_key' => 'key']),
            $request->fields['reply_to'],
        );
    }

    public function testRepliesAreInTheOrderInWhichTheyCame(): void
    {
        $this->workers->says = [
            ScriptedControl::says('w2', ['ok' => 'pong']),
            ScriptedControl::says('w1', null),
        ];
        $replies = $this->control->ask('ping', limit: 2, timeout: 60.0);
        self::assertSame(['w2', 'w1'], array_map(static fn (Reply $reply): string => $reply->node(), $replies));
        self::assertSame([['ok' => 'pong'], null], array_map(static fn (Reply $reply) => $reply->value(), $replies));
    }

    public function testNamedNodesAreEnough(): void
    {
        $this->workers->says = [ScriptedControl::says('a', 1), ScriptedControl::says('b', 2)];
        $start = microtime(true);
        self::assertCount(2, $this->control->ping(Nodes::named('a', 'b'), 60.0));
        self::assertLessThan(10.0, microtime(true) - $start);
    }

    public function testNobodyAnswersIsNoFault(): void
    {
        self::assertSame([], $this->control->ping(timeout: 0.01));
    }

    public function testOtherRepliesAndWhatIsNoneArePassedOver(): void
    {
        $this->workers->says = [
            ScriptedControl::says('late', 1, 'another ticket'),
            static fn (): Wire => throw new InvalidMessage('damaged'),
            static fn (Request $to): Wire
                => new Wire(new Payload('{"a": 1, "b": 2}'), ['ticket' => $to->fields['ticket']]),
            ScriptedControl::says('w1', 2),
        ];
        $replies = $this->control->ask('ping', limit: 1, timeout: 60.0);
        self::assertSame([2], array_map(static fn (Reply $reply) => $reply->value(), $replies));
    }

    public function testClockFollowsTheOthers(): void
    {
        $this->workers->says = [ScriptedControl::says('w1', 1, clock: 41)];
        $this->control->ask('ping', limit: 1);
        $this->control->tell('ping');
        $clocks = array_map(static fn (Request $request): int => $request->fields['clock'], $this->workers->requests);
        self::assertSame([1, 42], $clocks);
    }

    public function testQueueOfRepliesIsLeftBehindByNoFault(): void
    {
        $this->workers->says = [static fn (): Wire => throw new BrokerUnavailable('amqp://', 'gone')];
        try {
            $this->control->ping(timeout: 1.0);
            self::fail('answered');
        } catch (BrokerUnavailable) {
            self::assertSame('rest', end($this->workers->steps));
        }
    }

    public function testWhatCannotBeSentIsRefusedBeforeAnythingIs(): void
    {
        try {
            $this->control->ask('ping', ['x' => new \ArrayObject()]);
            self::fail('sent');
        } catch (InvalidCall) {
            self::assertSame([], $this->workers->steps);
        }
        $this->expectException(InvalidCall::class);
        Nodes::named();
    }

    public function testStampsAreArgumentsOfTheirOwn(): void
    {
        $this->control->revokeByStamps(['tenant' => ['acme', 'shop']], terminate: true, signal: 'SIGKILL');
        $arguments = $this->workers->requests[0]->fields['arguments']->members;
        self::assertEquals(new JsonObject(['tenant' => ['acme', 'shop']]), $arguments['headers']);
        self::assertSame([true, 'SIGKILL'], [$arguments['terminate'], $arguments['signal']]);
    }
}
