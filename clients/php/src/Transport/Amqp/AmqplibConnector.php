<?php

declare(strict_types=1);

namespace Celeriac\Transport\Amqp;

use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Exception\InvalidCall;
use Celeriac\Transport\TransportOptions;
use Celeriac\Transport\Url;
use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Connection\AbstractConnection;
use PhpAmqpLib\Connection\AMQPSSLConnection;
use PhpAmqpLib\Connection\AMQPStreamConnection;

/**
 * Makes php-amqplib connections, or hands out one that the user made, and opens channels on them.
 *
 * @internal
 */
final class AmqplibConnector
{
    private ?AbstractConnection $connection = null;

    /**
     * @param \Closure(): AbstractConnection $connect
     * @param string $name what to call the server in messages
     * @param bool $owned whether close() and discard() end the connection
     */
    private function __construct(
        private readonly \Closure $connect,
        private readonly string $name,
        private readonly bool $owned,
    ) {
    }

    /**
     * Connects by URL when a channel is first asked for.
     *
     * @throws InvalidCall when php-amqplib is not installed
     */
    public static function to(Url $url, TransportOptions $options): self
    {
        if (!class_exists(AMQPStreamConnection::class)) {
            throw new InvalidCall('RabbitMQ needs php-amqplib: composer require php-amqplib/php-amqplib');
        }

        return new self(static fn (): AbstractConnection => self::open($url, $options), (string) $url, true);
    }

    /**
     * Uses a connection that somebody else made and will close.
     */
    public static function over(AbstractConnection $connection): self
    {
        return new self(static function () use ($connection): AbstractConnection {
            if (!$connection->isConnected()) {
                $connection->reconnect();
            }

            return $connection;
        }, 'the given AMQP connection', false);
    }

    /**
     * A new channel; connects first when need be.
     *
     * @param \Closure(AMQPChannel): void $setUp what to do on the channel before it is of use
     * @throws BrokerUnavailable when that fails
     */
    public function channel(\Closure $setUp): AMQPChannel
    {
        try {
            if ($this->connection?->isConnected() !== true) {
                $this->connection = ($this->connect)();
            }

            $channel = $this->connection->channel();
            $setUp($channel);

            return $channel;
        } catch (\Exception $fault) {
            $this->discard();
            throw $this->unavailable($fault->getMessage(), $fault);
        }
    }

    /**
     * What to throw when this server is gone.
     */
    public function unavailable(string $why, ?\Throwable $fault = null): BrokerUnavailable
    {
        return new BrokerUnavailable($this->name, $why, $fault);
    }

    /**
     * Waits until the server has sent something.
     *
     * @return bool false when nothing came in time
     */
    public function hears(float $seconds): bool
    {
        $whole = (int) $seconds;

        return $this->connection?->select($whole, (int) (($seconds - $whole) * 1e6)) > 0;
    }

    /**
     * Drops the connection without ceremony, as it is broken.
     */
    public function discard(): void
    {
        $connection = $this->connection;
        $this->connection = null;
        if ($connection === null) {
            return;
        }
        try {
            // an injected connection is only marked as closed here, and reconnects when it is next needed
            $connection->getIO()?->close();
            $connection->close();
        } catch (\Exception) {
            // it was broken already
        }
    }

    /**
     * Ends the connection in order if it was made here.
     */
    public function close(): void
    {
        $connection = $this->connection;
        $this->connection = null;
        try {
            if ($this->owned) {
                $connection?->close();
            }
        } catch (\Exception) {
            // the server is gone: it has forgotten us already
        }
    }

    private static function open(Url $url, TransportOptions $options): AbstractConnection
    {
        $user = $url->user === '' ? 'guest' : $url->user;
        $password = $url->password === '' ? 'guest' : $url->password;
        if ($url->isSecure()) {
            $settings = [
                'connection_timeout' => $options->connectTimeout,
                'read_write_timeout' => $options->answerTimeout,
                'channel_rpc_timeout' => $options->answerTimeout,
            ];
            $tls = $options->tls->context();

            return new AMQPSSLConnection($url->host, $url->port, $user, $password, $url->vhost(), $tls, $settings);
        }

        return new AMQPStreamConnection(
            $url->host,
            $url->port,
            $user,
            $password,
            $url->vhost(),
            connection_timeout: $options->connectTimeout,
            read_write_timeout: $options->answerTimeout,
            keepalive: function_exists('socket_import_stream'),
            channel_rpc_timeout: $options->answerTimeout,
        );
    }
}
