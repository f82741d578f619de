<?php

declare(strict_types=1);

namespace Celeriac\Tests\Canvas;

use Celeriac\Call;
use Celeriac\Canvas;
use Celeriac\Canvas\Structure;
use Celeriac\Client;
use Celeriac\Message\Envelope;
use Celeriac\Message\TaskMessage;
use Celeriac\SendOptions;
use Celeriac\Serialization\JsonObject;
use Celeriac\Signature;
use Celeriac\Tests\Support\Neutral;
use Celeriac\Tests\Support\Tasks;
use Celeriac\Tests\Support\Vectors;
use Celeriac\Transport\Memory\MemoryBroker;
use Celeriac\Transport\Memory\MemoryResults;
use PHPUnit\Framework\TestCase;

/**
 * Every canvas that Celery's producer was recorded with, made by this client: the same messages, ids apart.
 */
final class CanvasVectorsTest extends TestCase
{
    /** what differs between any two producers */
    private const OWN = ['lang' => 0, 'argsrepr' => 0, 'kwargsrepr' => 0, 'origin' => 0];

    /** fields in which this client differs from Celery on purpose, by vector */
    private const DIFFERS = [
        // places in a group differ, also when groups in it are taken apart (CV-GROUP-004)
        'group-of-groups' => ['group_index' => 0],
        // there is no group
        'chord-empty' => ['group' => 0],
        // no steps follow: null, as in a plain task
        'chain-of-1' => ['chain' => 0],
    ];

    /**
     * @dataProvider canvases
     */
    public function testCanvasIsWhatCeleryMakesOfIt(string $name, Call $call, bool $countsChords = true): void
    {
        $vector = Vectors::in('canvas')["canvas/$name"][0]['message']->members;
        $broker = new MemoryBroker();
        $results = $countsChords ? new MemoryResults() : null;
        $client = new Client($broker, $results);
        Structure::endsInGroup($call->signature)
            ? $client->sendGroup($call->signature, $call->options)
            : $client->sendMany([$call]);

        $sent = array_map(
            static fn (TaskMessage $message): JsonObject => Tasks::decoded($message->build()),
            $broker->messages('celery'),
        );
        $expected = self::normal($vector['messages'], self::DIFFERS[$name] ?? []);
        self::assertSame($expected, self::normal($sent, self::DIFFERS[$name] ?? []));
        if (isset($vector['commands'])) {
            $sizes = array_column(array_filter($vector['commands'], static fn ($words) => $words[0] === 'SET'), 2);
            self::assertSame($sizes, array_map(strval(...), array_values($results?->chords ?? [])));
        }
    }

    public function testEveryVectorOfAProducerIsHere(): void
    {
        $known = array_map(static fn (string $id): string => substr($id, 7), array_keys(Vectors::in('canvas')));
        $producers = array_filter($known, static fn (string $name): bool => !str_starts_with($name, 'worker-'));
        $here = array_keys(iterator_to_array(self::canvases()));
        self::assertEqualsCanonicalizing(array_values($producers), $here);
    }

    public function testPlacesInAGroupDiffer(): void
    {
        $broker = new MemoryBroker();
        $members = [self::add(1, 1), Canvas::group(self::add(2, 2), self::add(3, 3))];
        $group = (new Client($broker))->sendGroup(Canvas::group(...$members));
        $messages = $broker->messages('celery');
        self::assertSame([0, 1, 2], array_map(static fn ($message) => $message->get('group_index'), $messages));
        self::assertSame(array_column($group->children, 'id'), array_map(static fn ($m) => $m->get('id'), $messages));
    }

    /**
     * @return iterable<string, array{0: string, 1: Call, 2?: bool}>
     */
    public static function canvases(): iterable
    {
        foreach ([...self::chains(), ...self::links(), ...self::groups(), ...self::chords()] as $name => $call) {
            yield $name => [$name, $call instanceof Call ? $call : new Call($call), $name !== 'chord-as-task'];
        }
    }

    /**
     * @return array<string, Call|Signature>
     */
    private static function chains(): array
    {
        $three = Canvas::chain(self::add(2, 3), self::add(10), self::add(100));
        $acme = ['tenant' => 'acme'];

        return [
            'chain-of-1' => Canvas::chain(self::add(2, 3)),
            'chain-of-4' => Canvas::chain(self::add(2, 3), self::add(10), self::add(100), self::echo()),
            'redis-chain' => $three,
            'chain-link' => new Call($three, options: new SendOptions(link: self::echo())),
            'chain-link-error' => $three->linkError(self::echo('broken')),
            'chain-options' => new Call($three, options: new SendOptions(
                priority: 7,
                timeLimit: 30,
                headers: $acme,
            )),
            'chain-steps-with-options' => Canvas::chain(
                self::add(2, 3),
                self::add(10)->onQueue('shop.out')->withOption('countdown', 5),
                self::echo('done')->immutable()->withOption('expires', 60),
            ),
            'chain-then-group' => Canvas::chain(self::add(2, 3), Canvas::group(self::add(10), self::add(20))),
            'chain-group-then-task' => Canvas::chain(
                self::add(2, 3),
                Canvas::group(self::add(10), self::add(20)),
                new Signature('shop.total'),
            ),
            'stamped-chain' => Canvas::chain(self::add(2, 3)->stamp($acme), self::add(10)->stamp($acme)),
        ];
    }

    /**
     * @return array<string, Call>
     */
    private static function links(): array
    {
        $signature = new Signature('shop.total', [], ['start' => 1], [
            'queue' => 'shop.out', 'countdown' => 5, 'expires' => 60, 'priority' => 3, 'time_limit' => 30,
            'headers' => new JsonObject(['tenant' => 'acme']),
        ]);
        $links = [
            'signature-partial' => self::add(10),
            'signature-immutable' => self::echo('done')->immutable(),
            'signature-options' => $signature,
            'signature-chain' => Canvas::chain(self::add(10), self::add(100), self::echo()),
            'signature-nested-links' => Canvas::chain(self::add(10)->linkError(self::echo('broken')), self::echo()),
            'signature-group' => Canvas::group(self::add(10), self::add(20)),
            'signature-chord' => Canvas::chord([self::add(10), self::add(20)], new Signature('shop.total')),
        ];
        $both = new SendOptions(
            link: [self::add(10), self::echo('done')->immutable()],
            linkError: self::echo('broken'),
        );

        return ['link-two-and-errback' => new Call('shop.add', [2, 3], options: $both)] + array_map(
            static fn (Signature $link): Call => new Call('shop.add', [2, 3], options: new SendOptions(link: $link)),
            $links,
        );
    }

    /**
     * @return array<string, Call|Signature>
     */
    private static function groups(): array
    {
        $acme = ['tenant' => 'acme'];

        return [
            'group-empty' => Canvas::group(),
            'group-of-3' => Canvas::group(self::add(1, 1), self::add(2, 2), self::add(3, 3)),
            'group-of-chains' => Canvas::group(
                Canvas::chain(self::add(1, 1), self::add(10)),
                Canvas::chain(self::add(2, 2), self::add(20)),
            ),
            'group-of-groups' => Canvas::group(self::add(1, 1), Canvas::group(self::add(2, 2), self::add(3, 3))),
            'stamped-group' => Canvas::group(self::add(1, 1), self::add(2, 2))->stamp($acme),
            'map' => Canvas::map('shop.echo', [1, 2, 3]),
            'starmap' => Canvas::starmap('shop.add', [[1, 2], [3, 4]]),
            'chunks' => Canvas::chunks('shop.add', [[1, 1], [2, 2], [3, 3]], 2),
        ];
    }

    /**
     * @return array<string, Call|Signature>
     */
    private static function chords(): array
    {
        $total = new Signature('shop.total');
        $chord = Canvas::chord([self::add(1, 1), self::add(2, 2)], $total);
        $asTask = ['header' => [self::add(1, 1), self::add(2, 2)], 'body' => $total, 'kwargs' => new JsonObject()];

        return [
            'chord' => $chord,
            'redis-chord' => $chord,
            'chord-link-error' => new Call($chord, options: new SendOptions(linkError: self::echo('broken'))),
            'chord-empty' => Canvas::chord([], $total),
            'chord-of-chains' => Canvas::chord([
                Canvas::chain(self::add(1, 1), self::add(10)),
                Canvas::chain(self::add(2, 2), self::add(20)),
            ], $total),
            'chord-as-task' => new Call('celery.chord', kwargs: $asTask, options: new SendOptions(
                ignoreResult: null,
            )),
        ];
    }

    private static function add(int ...$numbers): Signature
    {
        return new Signature('shop.add', array_values($numbers));
    }

    private static function echo(string ...$texts): Signature
    {
        return new Signature('shop.echo', array_values($texts));
    }

    /**
     * @param list<JsonObject> $messages in the neutral form
     * @param array<string, int> $but fields that do not count
     * @return list<string> the same for the same messages, ids numbered in the order in which they come up
     */
    private static function normal(array $messages, array $but): array
    {
        $texts = array_map(static function (JsonObject $message) use ($but): string {
            $members = array_diff_key($message->members, self::OWN, Envelope::FIELDS, $but);
            // Celery names the default priority on AMQP too
            $members = array_filter($members, static fn (mixed $value, string $name): bool
                => $name !== 'priority' || $value !== 0, ARRAY_FILTER_USE_BOTH);

            return Neutral::canonical(new JsonObject($members));
        }, $messages);
        $ids = [];

        return array_map(static fn (string $text): string => (string) preg_replace_callback(
            '/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/',
            static function (array $match) use (&$ids): string {
                return 'id ' . ($ids[$match[0]] ??= count($ids));
            },
            $text,
        ), $texts);
    }
}
