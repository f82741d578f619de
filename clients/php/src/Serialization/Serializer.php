<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

/**
 * The serializers that Celery workers may be told to accept, by their content types. JSON unless somebody asks.
 */
enum Serializer: string
{
    case Json = 'application/json';
    case Msgpack = 'application/x-msgpack';
    case Yaml = 'application/x-yaml';

    /**
     * The content encoding that goes with the content type.
     */
    public function contentEncoding(): string
    {
        return $this === self::Msgpack ? 'binary' : 'utf-8';
    }
}
