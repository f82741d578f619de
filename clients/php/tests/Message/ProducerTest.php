<?php

declare(strict_types=1);

namespace Celeriac\Tests\Message;

use Celeriac\Exception\InvalidCall;
use Celeriac\Message\Producer;
use Celeriac\Message\TaskMessage;
use Celeriac\SendOptions;
use Celeriac\Serialization\Json;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Limits;
use Celeriac\Serialization\Serializer;
use Celeriac\Signature;
use Celeriac\Tests\Support\Neutral;
use Celeriac\Tests\Support\Vectors;
use PHPUnit\Framework\TestCase;

final class ProducerTest extends TestCase
{
    private const ID = '2f3b6c1e-5d0a-4f7b-9c86-0d1f5e7a9b42';
    private const NOW = '2026-01-02T03:04:05.678901+00:00';

    /**
     * @dataProvider forms
     */
    public function testBodyIsInTheFormThatWasAskedFor(array $options, array $form, string $begin): void
    {
        $producer = new Producer('gen1@host', 'replies');
        $options = SendOptions::fromArray($options);
        $wire = $producer->message(new Signature('t', [1]), $options, 'id', new \DateTimeImmutable())->build();
        $compression = $wire->headers['compression'] ?? null;
        self::assertSame($form, [$wire->payload->contentType, $wire->payload->contentEncoding, $compression]);
        self::assertStringStartsWith($begin, $wire->payload->body);
        $read = TaskMessage::parse($wire, new Limits(accept: Serializer::cases()));
        self::assertSame([1], $read->get('args'));
        self::assertEquals($options, SendOptions::fromArray($options->toArray()));
    }

    /**
     * @return iterable<string, array{array<string, string>, list<string|null>, string}>
     */
    public static function forms(): iterable
    {
        yield 'json' => [[], ['application/json', 'utf-8', null], '[[1], {}, {'];
        yield 'msgpack' => [['serializer' => 'msgpack'], ['application/x-msgpack', 'binary', null], "\x93\x91\x01\x80"];
        yield 'yaml' => [['serializer' => 'yaml'], ['application/x-yaml', 'utf-8', null], "- - 1\n- {}\n"];
        $zlib = 'application/x-gzip';
        yield 'zlib' => [['compression' => 'zlib'], ['application/json', 'utf-8', $zlib], "\x78\x9C"];
        yield 'both' => [
            ['serializer' => 'msgpack', 'compression' => 'gzip'],
            ['application/x-msgpack', 'binary', $zlib],
            "\x78\x9C",
        ];
    }

    public function testUnknownFormsAreRefused(): void
    {
        try {
            SendOptions::fromArray(['serializer' => 'pickle']);
            self::fail('taken');
        } catch (InvalidCall $fault) {
            self::assertStringContainsString('json, msgpack or yaml', $fault->getMessage());
        }
        $this->expectException(InvalidCall::class);
        $options = new SendOptions(compression: 'frob');
        (new Producer('o', 'r'))->message(new Signature('t'), $options, 'id', new \DateTimeImmutable());
    }

    public function testWritesTheFieldsOfCeleryItself(): void
    {
        $celery = TaskMessage::parse(Vectors::wire(Vectors::in('task-v2')['task-v2/plain'][0]));
        $ours = $this->message(new Signature('shop.add', [2, 3]));

        $theirs = array_keys($celery->fields);
        $differs = ['id', 'root_id', 'correlation_id', 'reply_to', 'origin', 'lang', 'argsrepr', 'priority'];
        self::assertSame([], array_diff($theirs, array_keys($ours->fields), ['priority']));
        self::assertSame([], array_diff(array_keys($ours->fields), $theirs));
        self::assertSame(
            Neutral::canonical(new JsonObject(array_diff_key($celery->fields, array_flip($differs)))),
            Neutral::canonical(new JsonObject(array_diff_key($ours->fields, array_flip($differs)))),
        );
    }

    public function testWritesEveryFieldThatTheSpecificationSaysIsAlwaysWritten(): void
    {
        $fields = $this->message(new Signature('t'))->fields;
        foreach (Vectors::fields('task-v2') as $row) {
            if ($row['writer'] === 'always') {
                self::assertArrayHasKey($row['name'], $fields);
            }
        }
    }

    public function testEmptyKwargsAreAnObject(): void
    {
        $body = $this->message(new Signature('t'))->build()->payload->body;
        self::assertSame('[[], {}, {"callbacks": null, "errbacks": null, "chain": null, "chord": null}]', $body);
    }

    /**
     * @dataProvider options
     * @param array<string, mixed> $expected
     */
    public function testOptionsOnTheWire(SendOptions $options, array $expected): void
    {
        $fields = $this->message(new Signature('t'), $options)->fields;
        foreach ($expected as $name => $value) {
            self::assertSame($value, array_key_exists($name, $fields) ? $fields[$name] : '(absent)', $name);
        }
    }

    /**
     * @return iterable<string, array{SendOptions, array<string, mixed>}>
     */
    public static function options(): iterable
    {
        yield 'none' => [new SendOptions(), [
            'id' => self::ID, 'root_id' => self::ID, 'correlation_id' => self::ID, 'parent_id' => null, 'retries' => 0,
            'eta' => null, 'expires' => null, 'expiration' => '(absent)', 'priority' => '(absent)', 'lang' => 'php',
            'timelimit' => [null, null], 'ignore_result' => false, 'origin' => 'gen1@test', 'reply_to' => 'my-oid',
            'delivery_mode' => 2, 'stamped_headers' => null, 'replaced_task_nesting' => 0, 'compression' => '(absent)',
        ]];
        yield 'countdown' => [new SendOptions(countdown: 10), ['eta' => '2026-01-02T03:04:15.678901+00:00']];
        yield 'fraction' => [new SendOptions(countdown: 0.321099), ['eta' => '2026-01-02T03:04:06+00:00']];
        yield 'past countdown' => [new SendOptions(countdown: -5), ['eta' => '2026-01-02T03:04:00.678901+00:00']];
        yield 'eta in another zone' => [
            new SendOptions(eta: new \DateTime('2026-01-02T08:34:05.5+05:30')),
            ['eta' => '2026-01-02T03:04:05.500000+00:00'],
        ];
        yield 'expires in seconds' => [
            new SendOptions(expires: 60),
            ['expires' => '2026-01-02T03:05:05.678901+00:00', 'expiration' => '60000'],
        ];
        yield 'expires at a date' => [
            new SendOptions(expires: new \DateTimeImmutable('2026-01-02T03:04:06.178901Z')),
            ['expires' => '2026-01-02T03:04:06.178901+00:00', 'expiration' => '500'],
        ];
        yield 'expired' => [new SendOptions(expires: -1), ['expiration' => '0']];
        yield 'expires in 60 days' => [
            new SendOptions(expires: 60 * 86400),
            ['expires' => '2026-03-03T03:04:05.678901+00:00', 'expiration' => '(absent)'],
        ];
        yield 'hard limit first' => [new SendOptions(timeLimit: 30, softTimeLimit: 20.5), ['timelimit' => [30, 20.5]]];
        yield 'soft limit alone' => [new SendOptions(softTimeLimit: 20), ['timelimit' => [null, 20]]];
        yield 'priority' => [new SendOptions(priority: 9), ['priority' => 9]];
        yield 'names' => [
            new SendOptions(shadow: 's', rootId: 'r', parentId: 'p', replyTo: 'q', ignoreResult: true),
            ['shadow' => 's', 'root_id' => 'r', 'parent_id' => 'p', 'reply_to' => 'q', 'ignore_result' => true],
        ];
        yield 'as the task is configured' => [new SendOptions(ignoreResult: null), ['ignore_result' => null]];
    }

    public function testLinksAreSignaturesOfSixMembers(): void
    {
        $link = (new Signature('next', [1], ['x' => []]))->onQueue('q')->immutable();
        $options = new SendOptions(link: $link, linkError: [new Signature('oops')]);
        $fields = $this->message(new Signature('t'), $options)->fields;
        self::assertSame(
            '[{"task": "next", "args": [1], "kwargs": {"x": []}, "options": {"queue": "q"},'
            . ' "subtask_type": null, "immutable": true}]',
            Json::encode($fields['callbacks']),
        );
        self::assertSame('oops', $fields['errbacks'][0]->members['task']);
    }

    public function testOwnHeadersGoBesideTheProtocols(): void
    {
        $message = $this->message(new Signature('t'), new SendOptions(headers: ['tenant' => ['id' => 5, 'x' => []]]));
        $headers = $message->build()->headers;
        self::assertEquals(new JsonObject(['id' => 5, 'x' => []]), $headers['tenant']);
        $this->expectException(InvalidCall::class);
        $this->expectExceptionMessage('eta');
        $this->message(new Signature('t'), new SendOptions(headers: ['eta' => 'x']));
    }

    public function testReprsAreShortAsciiText(): void
    {
        $args = ["\u{E9}", [[[[1]]]], str_repeat('x', 1_000_000)];
        $fields = $this->message(new Signature('t', $args, ['a' => 1]))->fields;
        self::assertStringStartsWith('["\u00e9", [[...]], "xxxx', $fields['argsrepr']);
        self::assertLessThanOrEqual(1024, strlen($fields['argsrepr']));
        self::assertSame('{"a": 1}', $fields['kwargsrepr']);
        $many = $this->message(new Signature('t', range(1, 100_000)))->fields['argsrepr'];
        self::assertSame(1024, strlen($many));
        self::assertStringEndsWith('...', $many);
    }

    public function testTooFarDatesAndDeepArgumentsAreTheCallersFault(): void
    {
        $deep = [];
        for ($i = 0; $i < 500; $i++) {
            $deep = [$deep];
        }
        $calls = [
            fn () => $this->message(new Signature('t'), new SendOptions(countdown: 1e15)),
            fn () => $this->message(new Signature('t'), new SendOptions(countdown: 400_000_000_000)),
            fn () => $this->message(new Signature('t', [$deep]))->build(new Limits()),
            fn () => $this->message(new Signature('t', ["\xFF"])),
            fn () => $this->message(new Signature('t', [fopen('php://memory', 'r')])),
        ];
        foreach ($calls as $i => $call) {
            try {
                $call();
                self::fail("call $i was taken");
            } catch (InvalidCall $fault) {
                self::assertNotSame('', $fault->getMessage());
            }
        }
    }

    private function message(Signature $call, SendOptions $options = new SendOptions()): TaskMessage
    {
        return (new Producer('gen1@test', 'my-oid'))
            ->message($call, $options, self::ID, new \DateTimeImmutable(self::NOW));
    }
}
