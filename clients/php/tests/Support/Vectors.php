<?php

declare(strict_types=1);

namespace Celeriac\Tests\Support;

use Celeriac\Message\Wire;
use Celeriac\Serialization\Json;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Limits;
use Celeriac\Serialization\Payload;

/**
 * Reads spec/vectors; an empty folder is an error, as a test over no vectors proves nothing.
 */
final class Vectors
{
    private const ROOT = __DIR__ . '/../../../../spec';

    /**
     * @param string|null $kind of the vectors, null for all
     * @return array<string, array{array<string, mixed>}> members of each vector, untagged, by its id
     */
    public static function in(string $folder, ?string $kind = null): array
    {
        $files = glob(self::ROOT . "/vectors/$folder/*.json") ?: [];
        $vectors = [];
        foreach ($files as $file) {
            $vector = Neutral::untag(self::read($file))->members;
            if ($kind === null || $vector['kind'] === $kind) {
                $vectors[$vector['id']] = [$vector];
            }
        }

        return $vectors === [] ? throw new \LogicException("spec/vectors/$folder holds no $kind") : $vectors;
    }

    /**
     * @return list<array<string, mixed>> rows of one list of spec/fields.json
     */
    public static function fields(string $list): array
    {
        $rows = self::read(self::ROOT . '/fields.json')->members[$list];

        return array_map(static fn (JsonObject $row): array => $row->members, $rows);
    }

    /**
     * @param array<string, mixed> $vector
     */
    public static function payload(array $vector): Payload
    {
        $wire = $vector['wire']->members;

        return new Payload(
            (string) base64_decode($wire['body'], true),
            $wire['content_type'] ?? null,
            $wire['content_encoding'] ?? null,
        );
    }

    /**
     * @param array<string, mixed> $vector
     */
    public static function wire(array $vector): Wire
    {
        $wire = $vector['wire']->members;

        return new Wire(
            self::payload($vector),
            ($wire['headers'] ?? new JsonObject())->members,
            ($wire['properties'] ?? new JsonObject())->members,
        );
    }

    /**
     * @param array<string, mixed> $vector
     */
    public static function item(array $vector): string
    {
        return (string) base64_decode($vector['wire']->members['item'], true);
    }

    private static function read(string $file): JsonObject
    {
        $json = Json::decode((string) file_get_contents($file), new Limits(maxDepth: 10_000), false);

        return $json instanceof JsonObject ? $json : throw new \LogicException("$file holds no object");
    }
}
