<?php

declare(strict_types=1);

namespace Celeriac\Tests\Message;

use Celeriac\Exception\InvalidMessage;
use Celeriac\Message\Envelope;
use Celeriac\Message\TaskMessage;
use Celeriac\Serialization\JsonObject;
use Celeriac\Tests\Support\Neutral;
use Celeriac\Tests\Support\Tasks;
use Celeriac\Tests\Support\Vectors;
use PHPUnit\Framework\TestCase;

/**
 * Every vector of task messages, alone, in Redis envelopes and in canvases, both ways.
 */
final class TaskVectorsTest extends TestCase
{
    /**
     * @dataProvider tasks
     * @param array<string, mixed> $vector
     */
    public function testTaskIsDecodedAndEncodedAgain(array $vector): void
    {
        $this->needs($vector);
        $wire = Vectors::wire($vector);
        self::assertSame(Neutral::canonical($vector['message']), Neutral::canonical(Tasks::decoded($wire)));
        $again = Tasks::message($vector['message']->members)->build();
        self::assertSame(Tasks::canonical($wire), Tasks::canonical($again));
    }

    /**
     * @dataProvider serialized
     * @param array<string, mixed> $vector
     */
    public function testOtherSerializersAreWrittenByteForByte(array $vector): void
    {
        $again = Tasks::message($vector['message']->members)->build();
        self::assertSame(Vectors::payload($vector)->body, $again->payload->body);
    }

    /**
     * @dataProvider envelopes
     * @param array<string, mixed> $vector
     */
    public function testEnvelopeIsDecodedAndEncodedAgain(array $vector): void
    {
        $item = Vectors::item($vector);
        self::assertSame(Neutral::canonical($vector['message']), Neutral::canonical(Tasks::decoded($item)));
        $this->assertSameEnvelope(Envelope::parse($item), $vector['message']->members);
    }

    /**
     * @dataProvider canvases
     * @param array<string, mixed> $vector
     */
    public function testMessagesOfACanvasAreDecodedAndEncodedAgain(array $vector): void
    {
        $wires = $vector['wire']->members['messages'];
        self::assertSameSize($wires, $messages = $vector['message']->members['messages']);
        foreach ($wires as $i => $wire) {
            $wire = ['wire' => $wire];
            $redis = isset($wire['wire']->members['item']);
            $decoded = Tasks::decoded($redis ? Vectors::item($wire) : Vectors::wire($wire));
            self::assertSame(Neutral::canonical($messages[$i]), Neutral::canonical($decoded));
            if ($redis) {
                $this->assertSameEnvelope(Envelope::parse(Vectors::item($wire)), $messages[$i]->members);
            } else {
                $again = Tasks::message($messages[$i]->members)->build();
                self::assertSame(Tasks::canonical(Vectors::wire($wire)), Tasks::canonical($again));
            }
        }
    }

    /**
     * @dataProvider invalidTasks
     * @param array<string, mixed> $vector
     */
    public function testInvalidTaskIsRefused(array $vector): void
    {
        $this->expectException(InvalidMessage::class);
        TaskMessage::parse(Vectors::wire($vector));
    }

    /**
     * @dataProvider invalidEnvelopes
     * @param array<string, mixed> $vector
     */
    public function testInvalidEnvelopeIsRefused(array $vector): void
    {
        $this->expectException(InvalidMessage::class);
        TaskMessage::parse(Envelope::parse(Vectors::item($vector))->wire);
    }

    /**
     * @return array<string, array{array<string, mixed>}>
     */
    public static function tasks(): array
    {
        return Vectors::in('task-v2') + Vectors::in('task-v2/optional') + Vectors::in('serializers', 'task');
    }

    /**
     * @return array<string, array{array<string, mixed>}>
     */
    public static function serialized(): array
    {
        return Vectors::in('serializers', 'task');
    }

    /**
     * @return array<string, array{array<string, mixed>}>
     */
    public static function canvases(): array
    {
        return Vectors::in('canvas');
    }

    /**
     * @return array<string, array{array<string, mixed>}>
     */
    public static function envelopes(): array
    {
        return Vectors::in('redis') + Vectors::in('redis/optional') + Vectors::in('serializers', 'envelope');
    }

    /**
     * @return array<string, array{array<string, mixed>}>
     */
    public static function invalidTasks(): array
    {
        return Vectors::in('task-v2/invalid');
    }

    /**
     * @return array<string, array{array<string, mixed>}>
     */
    public static function invalidEnvelopes(): array
    {
        return Vectors::in('redis/invalid');
    }

    /**
     * @param array<string, mixed> $vector
     */
    private function needs(array $vector): void
    {
        $compression = ($vector['wire']->members['headers'] ?? new JsonObject())->members['compression'] ?? null;
        if ($compression === 'application/x-bz2' && !extension_loaded('bz2')) {
            self::markTestSkipped('SKIPPED bzip2: ext-bz2 is not loaded');
        }
    }

    /**
     * @param array<string, mixed> $flat
     */
    private function assertSameEnvelope(Envelope $envelope, array $flat): void
    {
        $again = Envelope::parse(Tasks::envelope($flat)->build());
        self::assertSame(Tasks::canonical($envelope->wire), Tasks::canonical($again->wire));
        foreach (['fields', 'deliveryInfo'] as $part) {
            self::assertSame(
                Neutral::canonical(new JsonObject($envelope->$part)),
                Neutral::canonical(new JsonObject($again->$part)),
            );
        }
    }
}
