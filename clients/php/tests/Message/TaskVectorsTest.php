<?php

declare(strict_types=1);

namespace Celeriac\Tests\Message;

use Celeriac\Exception\InvalidMessage;
use Celeriac\Message\Envelope;
use Celeriac\Message\TaskMessage;
use Celeriac\Message\Wire;
use Celeriac\Serialization\JsonObject;
use Celeriac\Tests\Support\Neutral;
use Celeriac\Tests\Support\Vectors;
use PHPUnit\Framework\TestCase;

/**
 * Every vector of task messages and Redis envelopes, both ways.
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
        $message = TaskMessage::parse($wire);

        self::assertSame(Neutral::canonical($vector['message']), Neutral::canonical(self::flat($message)));
        $this->assertSameWire($wire, self::unflat($vector['message']->members)->build());
    }

    /**
     * @dataProvider envelopes
     * @param array<string, mixed> $vector
     */
    public function testEnvelopeIsDecodedAndEncodedAgain(array $vector): void
    {
        $envelope = Envelope::parse(Vectors::item($vector));
        $flat = self::flat(TaskMessage::parse($envelope->wire), $envelope->fields, $envelope->deliveryInfo);
        self::assertSame(Neutral::canonical($vector['message']), Neutral::canonical($flat));

        $fields = $vector['message']->members;
        $address = array_intersect_key($fields, Envelope::FIELDS);
        $deliveryInfo = ($fields['extra'] ?? new JsonObject())->members['delivery_info'] ?? new JsonObject();
        $message = self::unflat(array_diff_key($fields, Envelope::FIELDS));
        $again = Envelope::of($message->build(), $address, $deliveryInfo->members);
        $reread = Envelope::parse($again->build());
        $this->assertSameWire($envelope->wire, $reread->wire);
        self::assertSame($address, array_intersect_key($reread->fields, $address));
        self::assertSame($envelope->deliveryInfo, $reread->deliveryInfo);
        self::assertSame(
            Neutral::canonical(new JsonObject($envelope->fields)),
            Neutral::canonical(new JsonObject($reread->fields)),
        );
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
        return Vectors::in('task-v2') + Vectors::in('task-v2/optional');
    }

    /**
     * @return array<string, array{array<string, mixed>}>
     */
    public static function envelopes(): array
    {
        return Vectors::in('redis') + Vectors::in('redis/optional');
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

    private function assertSameWire(Wire $expected, Wire $actual): void
    {
        self::assertSame($expected->payload->contentType, $actual->payload->contentType);
        self::assertSame($expected->payload->contentEncoding, $actual->payload->contentEncoding);
        self::assertSame(
            Neutral::canonical(new JsonObject($expected->headers)),
            Neutral::canonical(new JsonObject($actual->headers)),
        );
        self::assertSame(
            Neutral::canonical(new JsonObject($expected->properties)),
            Neutral::canonical(new JsonObject($actual->properties)),
        );
        self::assertSame(self::body($expected), self::body($actual));
    }

    private static function body(Wire $wire): string
    {
        $body = $wire->payload->decode(compression: $wire->headers['compression'] ?? null);
        // null and {} are the same embed, and only the second is written
        $body[2] ??= new JsonObject();

        return Neutral::canonical($body);
    }

    /**
     * @param array<string, mixed> $more
     */
    private static function flat(TaskMessage $message, array $more = [], array $deliveryInfo = []): JsonObject
    {
        $left = $message->extra + ($deliveryInfo === [] ? [] : ['delivery_info' => $deliveryInfo]);
        $extra = array_map(static fn (array $members): JsonObject => new JsonObject($members), $left);

        return new JsonObject($message->fields + $more + [
            'content_type' => $message->contentType,
            'content_encoding' => $message->contentEncoding,
        ] + ($extra === [] ? [] : ['extra' => new JsonObject($extra)]));
    }

    /**
     * @param array<string, mixed> $flat
     */
    private static function unflat(array $flat): TaskMessage
    {
        $extra = array_diff_key(($flat['extra'] ?? new JsonObject())->members, ['delivery_info' => 0]);

        return TaskMessage::of(
            array_diff_key($flat, ['extra' => 0, 'content_type' => 0, 'content_encoding' => 0]),
            array_map(static fn (JsonObject $members): array => $members->members, $extra),
            $flat['content_type'],
            $flat['content_encoding'],
        );
    }
}
