<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;

/**
 * The bytes of a body with the two properties that say how to read them.
 */
final readonly class Payload
{
    public const CONTENT_TYPE = 'application/json';
    public const CONTENT_ENCODING = 'utf-8';

    /**
     * @param string $body raw bytes as they cross the wire
     * @param string|null $contentType compared byte for byte, as Celery's workers do; null when absent
     * @param string|null $contentEncoding null when absent
     */
    public function __construct(
        public string $body,
        public ?string $contentType = self::CONTENT_TYPE,
        public ?string $contentEncoding = self::CONTENT_ENCODING,
    ) {
    }

    /**
     * Encodes a value: JSON, unless the content type is another that Serializer knows.
     *
     * @param string|null $compression MIME name of a compression to apply
     * @throws InvalidCall when the value has no form on the wire
     */
    public static function of(
        mixed $value,
        ?string $contentType = self::CONTENT_TYPE,
        ?string $contentEncoding = self::CONTENT_ENCODING,
        ?string $compression = null,
        Limits $limits = new Limits(),
    ): self {
        $body = match (Serializer::tryFrom($contentType ?? '')) {
            Serializer::Json => Charset::encode(Json::encode($value, $limits), $contentEncoding),
            Serializer::Msgpack => Msgpack::encode($value, $limits),
            Serializer::Yaml => Charset::encode(Yaml::encode($value, $limits), $contentEncoding),
            null => throw new InvalidCall('only JSON, MessagePack and YAML can be written: see Serializer'),
        };
        $body = $compression === null ? $body : Compression::compress($body, $compression);

        return new self($body, $contentType, $contentEncoding);
    }

    /**
     * Decodes the body to the lossless form (see Json::decode()), by its content type if the limits accept that.
     *
     * @param string|null $compression what the header `compression` says
     * @throws InvalidMessage when the body is too long, of another content type, or not what it claims to be
     */
    public function decode(Limits $limits = new Limits(), ?string $compression = null): mixed
    {
        $serializer = Serializer::tryFrom($this->contentType ?? '');
        if ($serializer === null || !in_array($serializer, $limits->accept, true)) {
            throw new InvalidMessage(sprintf('content type %s is not accepted', $this->contentType ?? 'null'));
        }
        if (strlen($this->body) > $limits->maxBytes) {
            throw new InvalidMessage("the body is over {$limits->maxBytes} bytes");
        }
        $body = $compression === null
            ? $this->body
            : Compression::decompress($this->body, $compression, $limits->maxBytes);

        return match ($serializer) {
            Serializer::Json => Json::decode(Charset::decode($body, $this->contentEncoding), $limits),
            Serializer::Msgpack => Msgpack::decode($body, $limits),
            Serializer::Yaml => Yaml::decode(Charset::decode($body, $this->contentEncoding), $limits),
        };
    }

    /**
     * What a result store holds, with Celery's `result_compression` undone: itself when it is not compressed.
     *
     * @throws InvalidMessage when the compression is damaged, too large or not known here
     */
    public function opened(Limits $limits = new Limits()): self
    {
        $body = Compression::openStored($this->body, $limits->maxBytes);

        return new self($body, $this->contentType, $this->contentEncoding);
    }
}
