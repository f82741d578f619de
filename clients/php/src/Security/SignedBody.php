<?php

declare(strict_types=1);

namespace Celeriac\Security;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Serialization\Limits;
use Celeriac\Serialization\Payload;

/**
 * A body that Celery's `auth` serializer signed. The headers of its message are not signed: they are anybody's.
 */
final readonly class SignedBody
{
    public const CONTENT_TYPE = 'application/data';
    private const SEPARATOR = "\x00\x01";
    private const PARTS = 5;

    /**
     * @param string $signer names of the certificate's issuer, a space, the serial number
     * @param string $signature as it was made, RSA-PSS
     * @param Payload $payload what was signed
     */
    private function __construct(public string $signer, public string $signature, public Payload $payload)
    {
    }

    /**
     * Takes a signed body apart. Nothing is checked, and what was signed is not decoded.
     *
     * @throws InvalidMessage when it has not the five parts of a signed body; nothing else is thrown
     */
    public static function parse(Payload $payload, Limits $limits = new Limits()): self
    {
        if ($payload->contentType !== self::CONTENT_TYPE || strlen($payload->body) > $limits->maxBytes) {
            throw new InvalidMessage('the body is not signed, or too long');
        }
        // the fifth part may hold the separator
        $parts = explode(self::SEPARATOR, self::base64($payload->body), self::PARTS);
        if (count($parts) !== self::PARTS) {
            throw new InvalidMessage('a signed body has five parts');
        }
        [$signer, $signature, $contentType, $contentEncoding, $body] = $parts;

        return new self(
            self::base64($signer),
            self::base64($signature),
            new Payload($body, $contentType, $contentEncoding),
        );
    }

    /**
     * Checks the signature, and only then decodes what was signed, if the limits accept its content type.
     *
     * @param Certificate ...$trusted certificates of those who may sign
     * @throws InvalidMessage when no trusted certificate is the signer's, it is not valid now, or the signature does
     *                        not hold
     * @throws InvalidCall without ext-openssl
     */
    public function verified(
        \DateTimeInterface $now,
        Limits $limits = new Limits(),
        Certificate ...$trusted,
    ): mixed {
        foreach ($trusted as $certificate) {
            if ($certificate->id === $this->signer) {
                return $certificate->signed($this->payload->body, $this->signature, $now)
                    ? $this->payload->decode($limits)
                    : throw new InvalidMessage('the signature does not hold, or its certificate is not valid now');
            }
        }
        throw new InvalidMessage('the signer is not trusted');
    }

    private static function base64(string $text): string
    {
        $bytes = base64_decode($text, true);

        return $bytes === false ? throw new InvalidMessage('a part of a signed body is not base64') : $bytes;
    }
}
