<?php

declare(strict_types=1);

namespace Celeriac\Tests\Message;

use Celeriac\Control\Reply;
use Celeriac\Control\Request;
use Celeriac\Event\EventMessage;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Message\Envelope;
use Celeriac\Message\TaskMessage;
use Celeriac\Message\TaskMessageV1;
use Celeriac\Message\Wire;
use Celeriac\Result\TaskResult;
use Celeriac\Security\SignedBody;
use Celeriac\Serialization\Bytes;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Limits;
use Celeriac\Serialization\Payload;
use Celeriac\Serialization\Serializer;
use Celeriac\Tests\Support\Address;
use Celeriac\Tests\Support\Vectors;
use PHPUnit\Framework\TestCase;

/**
 * Whatever the bytes, parse() returns a message or throws InvalidMessage. Seeded, so that a failure comes again.
 */
final class FuzzTest extends TestCase
{
    private const ROUNDS = 40;
    private const SNIPPETS = [
        '', 'null', '{}', '[]', '"', '\\', '\ud83d', "\xFF", "\0", 'NaN', '-Infinity', '1e999', '-',
        '99999999999999999999',
        '{"__type__":"date","__value__":"x"}', '{"__type__":"uuid","__value__":{}}', '[[[[[[', '}}', ',', ':', 'tru',
        '{"__type__":"datetime","__value__":"2026-02-30T00:00:00"}', '"__type__"', '5',
        "\n", "\n  ", '- ', ': ', '? ', '&a ', '*a', '!!binary ', '!!str ', '| ', '\U0011FFFF', '...', '2026-13-45',
        '1:99', '0x', "\xC1", "\xDD\xFF\xFF\xFF\xFF", "\xDF\x7F\xFF\xFF\xFF", "\xC7\x01\x01\x00",
    ];

    public function testParseThrowsNothingButInvalidMessage(): void
    {
        mt_srand(5_700);
        [$read, $refused] = [0, 0];
        foreach ($this->parsers() as [$bytes, $parse]) {
            for ($round = 0; $round < self::ROUNDS; $round++) {
                try {
                    $parse(self::mutate($bytes));
                    $read++;
                } catch (InvalidMessage) {
                    $refused++;
                }
            }
        }
        self::assertGreaterThan(1000, $read + $refused);
        self::assertGreaterThan(100, $refused);
        self::assertGreaterThan(100, $read);
    }

    public function testHeadersOfAnyTypeAreSortedOut(): void
    {
        mt_srand(5_701);
        $values = [null, true, 0, -1, 1.5, NAN, '', 'x', "\xFF", [], [null], [1, 2],
            new JsonObject(), new Bytes("\xFF"), new \DateTimeImmutable('2026-01-02'), new JsonObject(['a' => [1]])];
        $wire = Vectors::wire(Vectors::in('task-v2')['task-v2/plain'][0]);
        $outcomes = ['read' => 0, 'refused' => 0];
        foreach (['headers', 'properties'] as $place) {
            foreach ([...array_keys($wire->headers), ...array_keys($wire->properties), 'own', 7] as $name) {
                foreach ($values as $value) {
                    $changed = [$name => $value] + $wire->$place;
                    $headers = $place === 'headers' ? $changed : $wire->headers;
                    $properties = $place === 'properties' ? $changed : $wire->properties;
                    try {
                        $message = TaskMessage::parse(new Wire($wire->payload, $headers, $properties));
                        self::assertNotSame('', $message->get('id'));
                        $outcomes['read']++;
                    } catch (InvalidMessage) {
                        $outcomes['refused']++;
                    }
                }
            }
        }
        self::assertGreaterThan(100, min($outcomes));
    }

    /**
     * @return iterable<array{string, \Closure(string): mixed}>
     */
    private function parsers(): iterable
    {
        foreach (Vectors::in('task-v2') as [$vector]) {
            $wire = Vectors::wire($vector);
            yield [$wire->payload->body, static fn (string $bytes): TaskMessage => TaskMessage::parse(
                new Wire(new Payload($bytes), $wire->headers, $wire->properties),
            )];
        }
        foreach (Vectors::in('redis') as [$vector]) {
            yield [Vectors::item($vector), static fn (string $bytes): TaskMessage
                => TaskMessage::parse(Envelope::parse($bytes)->wire)];
        }
        foreach (Vectors::in('serializers', 'task') as [$vector]) {
            $wire = Vectors::wire($vector);
            $limits = new Limits(accept: Serializer::cases());
            yield [$wire->payload->body, static fn (string $bytes): TaskMessage => TaskMessage::parse(new Wire(
                new Payload($bytes, $wire->payload->contentType, $wire->payload->contentEncoding),
                $wire->headers,
            ), $limits)];
        }
        foreach (Vectors::in('task-v1') as [$vector]) {
            yield [Vectors::payload($vector)->body, static fn (string $bytes): TaskMessageV1
                => TaskMessageV1::parse(new Wire(new Payload($bytes)))];
        }
        $classes = ['control' => Request::class, 'reply' => Reply::class, 'event' => EventMessage::class];
        foreach (Vectors::in('control') + Vectors::in('events') as [$vector]) {
            $wire = Address::open($vector)[0];
            yield [$wire->payload->body, static fn (string $bytes): object
                => $classes[$vector['kind']]::parse(new Wire(new Payload($bytes), $wire->headers))];
        }
        foreach (Vectors::in('security') as [$vector]) {
            yield [(string) base64_decode(Vectors::payload($vector)->body), static fn (string $bytes): SignedBody
                => SignedBody::parse(new Payload(base64_encode($bytes), SignedBody::CONTENT_TYPE))];
        }
        foreach (Vectors::in('result') as [$vector]) {
            yield [Vectors::payload($vector)->body, static fn (string $bytes): TaskResult
                => TaskResult::parse(new Payload($bytes))];
        }
    }

    private static function mutate(string $bytes): string
    {
        for ($edits = mt_rand(1, 3); $edits > 0; $edits--) {
            $at = mt_rand(0, strlen($bytes));
            $snippet = mt_rand(0, 2) === 0 ? chr(mt_rand(0, 255)) : self::SNIPPETS[array_rand(self::SNIPPETS)];
            $bytes = substr_replace($bytes, $snippet, $at, mt_rand(0, 4));
        }

        return $bytes;
    }
}
