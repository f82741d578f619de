<?php

declare(strict_types=1);

namespace Celeriac\Transport\Amqp;

use Celeriac\Exception\InvalidCall;
use Celeriac\Message\Wire;
use PhpAmqpLib\Message\AMQPMessage;

/**
 * A message for php-amqplib that writes its properties itself; see Table for why.
 *
 * @internal
 */
final class AmqplibMessage extends AMQPMessage
{
    /** The properties of AMQP's basic class with the form of each, in the order of their flag bits, highest first */
    private const PROPERTIES = [
        'content_type' => 'text',
        'content_encoding' => 'text',
        'headers' => 'table',
        'delivery_mode' => 'octet',
        'priority' => 'octet',
        'correlation_id' => 'text',
        'reply_to' => 'text',
        'expiration' => 'text',
        'message_id' => 'text',
        'timestamp' => 'timestamp',
        'type' => 'text',
        'user_id' => 'text',
        'app_id' => 'text',
    ];

    private readonly string $encoded;

    /**
     * @throws InvalidCall when a header or property has no form in AMQP
     */
    public function __construct(Wire $wire)
    {
        parent::__construct($wire->payload->body);
        $this->encoded = self::encode([
            'content_type' => $wire->payload->contentType,
            'content_encoding' => $wire->payload->contentEncoding,
            'headers' => $wire->headers,
        ] + $wire->properties);
    }

    /**
     * Flags and values of the properties; called by php-amqplib when it publishes.
     */
    public function serialize_properties(): string // phpcs:ignore
    {
        return $this->encoded;
    }

    /**
     * @param array<array-key, mixed> $properties
     */
    private static function encode(array $properties): string
    {
        [$flags, $values, $bit] = [0, '', 15];
        foreach (self::PROPERTIES as $name => $form) {
            $value = $properties[$name] ?? null;
            if ($value !== null) {
                $flags |= 1 << $bit;
                $values .= match (true) {
                    $form === 'text' && is_string($value) => Table::shortText($value),
                    $form === 'table' && is_array($value) => Table::encode($value),
                    $form === 'octet' && is_int($value) && $value >= 0 && $value < 256 => chr($value),
                    $form === 'timestamp' && is_int($value) => pack('J', $value),
                    default => throw new InvalidCall("the AMQP property $name has to be a $form"),
                };
            }
            $bit--;
        }

        return pack('n', $flags) . $values;
    }
}
