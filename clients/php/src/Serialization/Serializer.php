<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidCall;

/**
 * The serializers that Celery workers may be told to accept, by their content types. JSON unless somebody asks.
 */
enum Serializer: string
{
    case Json = 'application/json';
    case Msgpack = 'application/x-msgpack';
    case Yaml = 'application/x-yaml';

    /**
     * The serializer that Celery calls so: "json", "msgpack" or "yaml".
     *
     * @throws InvalidCall for any other name
     */
    public static function named(string $name): self
    {
        foreach (self::cases() as $serializer) {
            if ($serializer->celeryName() === $name) {
                return $serializer;
            }
        }
        throw new InvalidCall("serializer '$name' is not supported here: use json, msgpack or yaml");
    }

    /**
     * What Celery calls it.
     */
    public function celeryName(): string
    {
        return strtolower($this->name);
    }

    /**
     * The content encoding that goes with the content type.
     */
    public function contentEncoding(): string
    {
        return $this === self::Msgpack ? 'binary' : 'utf-8';
    }
}
