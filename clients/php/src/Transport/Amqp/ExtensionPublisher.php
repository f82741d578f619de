<?php

declare(strict_types=1);

namespace Celeriac\Transport\Amqp;

use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Exception\InvalidCall;
use Celeriac\Message\Wire;
use Celeriac\Transport\ConnectionLost;
use Celeriac\Transport\Delivery;
use Celeriac\Transport\Refused;
use Celeriac\Transport\TransportOptions;
use Celeriac\Transport\Url;

/**
 * Publishes through ext-amqp.
 *
 * A server that takes the connection but never speaks is given up after the C library's own 12 s, whatever the options.
 *
 * @internal
 */
final class ExtensionPublisher implements Publisher
{
    private const NOT_FOUND = 404;
    private const NACK = 'the broker refused the message (nack)';

    private ?\AMQPChannel $channel = null;
    private ?\AMQPExchange $exchange = null;
    private ?Confirms $confirms = null;
    private int $published = 0;

    /**
     * @param \Closure(): \AMQPConnection $connect
     */
    private function __construct(
        private readonly \Closure $connect,
        private readonly string $name,
        private readonly bool $owned,
    ) {
    }

    /**
     * Connects by URL when first needed.
     *
     * @throws InvalidCall when ext-amqp is not loaded
     */
    public static function to(Url $url, TransportOptions $options): self
    {
        if (!extension_loaded('amqp')) {
            throw new InvalidCall('ext-amqp is not loaded: load it, or use AmqpDriver::Amqplib');
        }
        $credentials = [
            'host' => $url->host,
            'port' => $url->port,
            'vhost' => $url->vhost(),
            'login' => $url->user === '' ? 'guest' : $url->user,
            'password' => $url->password === '' ? 'guest' : $url->password,
            'connect_timeout' => $options->connectTimeout,
            'rpc_timeout' => $options->answerTimeout,
            'read_timeout' => $options->answerTimeout,
            'write_timeout' => $options->answerTimeout,
        ];
        $tls = !$url->isSecure() ? [] : array_filter([
            'cacert' => $options->tls->caFile ?? openssl_get_cert_locations()['default_cert_file'],
            'cert' => $options->tls->certificateFile,
            'key' => $options->tls->keyFile,
            'verify' => $options->tls->verify,
        ], static fn (mixed $setting): bool => $setting !== null);

        return new self(static fn (): \AMQPConnection => new \AMQPConnection($credentials + $tls), (string) $url, true);
    }

    /**
     * Uses a connection that somebody else made and will close.
     */
    public static function over(\AMQPConnection $connection): self
    {
        return new self(static fn (): \AMQPConnection => $connection, 'the given AMQP connection', false);
    }

    public function hasQueue(string $name): bool
    {
        try {
            $this->declare($name, AMQP_PASSIVE);

            return true;
        } catch (Refused $refusal) {
            return $refusal->getCode() === self::NOT_FOUND ? false : throw $refusal;
        }
    }

    public function declareQueue(string $name): void
    {
        $this->declare($name, AMQP_DURABLE);
    }

    public function prepare(Wire $wire): ExtensionMessage
    {
        return new ExtensionMessage($wire);
    }

    public function publish(Delivery $delivery, object $message, Confirms $confirms): void
    {
        $this->confirms = $confirms;
        $this->guard(function (\AMQPChannel $channel) use ($delivery, $message, $confirms): void {
            assert($message instanceof ExtensionMessage);
            $exchange = $this->exchange ??= new \AMQPExchange($channel);
            $exchange->setName($delivery->exchange);
            $exchange->publish($message->body, $delivery->routingKey, AMQP_MANDATORY, $message->attributes);
            $confirms->published(++$this->published, $delivery->taskId);
        });
    }

    public function settle(Confirms $confirms, float $seconds): void
    {
        $this->guard(static function (\AMQPChannel $channel) use ($confirms, $seconds): void {
            while ($confirms->arePending()) {
                $channel->waitForConfirm($seconds);
            }
        });
    }

    public function discard(): void
    {
        $this->channel = $this->exchange = null;
    }

    public function close(): void
    {
        $connection = $this->channel?->getConnection();
        $this->discard();
        if ($this->owned && $connection?->isConnected() === true) {
            $connection->disconnect();
        }
    }

    private function declare(string $name, int $flags): void
    {
        $this->guard(static function (\AMQPChannel $channel) use ($name, $flags): void {
            $queue = new \AMQPQueue($channel);
            $queue->setName($name);
            $queue->setFlags($flags);
            $queue->declareQueue();
        });
    }

    /**
     * Runs one step on the channel and sorts ext-amqp's exceptions into the two that AmqpBroker acts on.
     *
     * @param \Closure(\AMQPChannel): void $step
     */
    private function guard(\Closure $step): void
    {
        $channel = $this->channel ??= $this->openChannel();
        try {
            $step($channel);
        } catch (\AMQPException $fault) {
            $alive = $channel->getConnection()->isConnected();
            $this->discard();
            $why = $fault->getMessage();
            throw match (true) {
                str_contains($why, 'Wait timeout') => new ConnectionLost('no answer in time', $fault, silent: true),
                $alive && $fault->getCode() >= 300 => new Refused($why, $fault->getCode(), $fault),
                default => new ConnectionLost($why, $fault),
            };
        }
    }

    private function openChannel(): \AMQPChannel
    {
        try {
            $connection = ($this->connect)();
            $connection->isConnected() ?: $connection->connect();
            $channel = new \AMQPChannel($connection);
            $channel->confirmSelect();
        } catch (\AMQPException $fault) {
            throw new BrokerUnavailable($this->name, $fault->getMessage(), $fault);
        }
        $this->published = 0;
        $channel->setConfirmCallback(
            fn (int $tag, bool $multiple): bool => $this->settled($tag, $multiple, null),
            fn (int $tag, bool $multiple): bool => $this->settled($tag, $multiple, self::NACK),
        );
        $channel->setReturnCallback(
            function (int $code, string $text, string $exchange, string $key, \AMQPBasicProperties $properties): bool {
                $this->confirms?->returned((string) $properties->getCorrelationId(), $key, $text);

                return true; // its confirm is still to come
            },
        );

        return $channel;
    }

    /**
     * @return bool whether ext-amqp goes on waiting
     */
    private function settled(int $tag, bool $multiple, ?string $fault): bool
    {
        $this->confirms?->settled($tag, $multiple, $fault);

        return $this->confirms?->arePending() === true;
    }
}
