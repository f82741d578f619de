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
     * Encodes a value as JSON.
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
        if ($contentType !== self::CONTENT_TYPE) {
            throw new InvalidCall('only ' . self::CONTENT_TYPE . ' can be written');
        }
        $body = Charset::encode(Json::encode($value, $limits), $contentEncoding);
        $body = $compression === null ? $body : Compression::compress($body, $compression);

        return new self($body, $contentType, $contentEncoding);
    }

    /**
     * Decodes the body to the lossless form (see Json::decode()).
     *
     * @param string|null $compression what the header `compression` says
     * @throws InvalidMessage when the body is too long, of another content type, or not what it claims to be
     */
    public function decode(Limits $limits = new Limits(), ?string $compression = null): mixed
    {
        if ($this->contentType !== self::CONTENT_TYPE) {
            throw new InvalidMessage(sprintf('content type %s is not accepted', $this->contentType ?? 'null'));
        }
        if (strlen($this->body) > $limits->maxBytes) {
            throw new InvalidMessage("the body is over {$limits->maxBytes} bytes");
        }
        $body = $compression === null
            ? $this->body
            : Compression::decompress($this->body, $compression, $limits->maxBytes);

        return Json::decode(Charset::decode($body, $this->contentEncoding), $limits);
    }
}
