<?php

declare(strict_types=1);

namespace Celeriac\Transport;

use Celeriac\Exception\InvalidCall;
use Celeriac\Transport\Amqp\AmqpBroker;
use Celeriac\Transport\Amqp\AmqpControl;
use Celeriac\Transport\Amqp\AmqplibConnector;
use Celeriac\Transport\Amqp\AmqplibPublisher;
use Celeriac\Transport\Amqp\AmqpResults;
use Celeriac\Transport\Amqp\ExtensionPublisher;
use Celeriac\Transport\Redis\Commands;
use Celeriac\Transport\Redis\PhpRedisCommands;
use Celeriac\Transport\Redis\PredisCommands;
use Celeriac\Transport\Redis\RedisBroker;
use Celeriac\Transport\Redis\RedisControl;
use Celeriac\Transport\Redis\RedisResults;
use Celeriac\Transport\Redis\Subscriber;
use PhpAmqpLib\Connection\AbstractConnection;
use Predis\ClientInterface;

/**
 * Chooses transports by URL, or by the kind of a connection that was handed in. Nothing connects before it is used.
 */
final class Transports
{
    private const RPC = 'rpc://';

    /**
     * @param string|object $broker a URL, a php-amqplib connection, an \AMQPConnection, a \Redis or a predis client
     * @throws InvalidCall when it is none of these, or its driver is not installed
     */
    public static function broker(string|object $broker, TransportOptions $options): Broker
    {
        if (is_string($broker)) {
            $url = Url::parse($broker);

            return $url->isRedis()
                ? new RedisBroker(self::commands($url, $options))
                : new AmqpBroker(match ($options->amqpDriver) {
                    AmqpDriver::Amqplib => new AmqplibPublisher(AmqplibConnector::to($url, $options)),
                    AmqpDriver::Extension => ExtensionPublisher::to($url, $options),
                }, $options);
        }

        return match (true) {
            $broker instanceof Broker => $broker,
            $broker instanceof AbstractConnection =>
                new AmqpBroker(new AmqplibPublisher(AmqplibConnector::over($broker)), $options),
            $broker instanceof \AMQPConnection => new AmqpBroker(ExtensionPublisher::over($broker), $options),
            default => new RedisBroker(self::over($broker)),
        };
    }

    /**
     * @param string|object $backend "rpc://" for replies through the broker, a Redis URL, a \Redis or a predis client;
     *                               for replies through another connection, a php-amqplib connection
     * @param string|object $broker where "rpc://" leads to
     * @param string $replyTo name for the reply queue
     * @throws InvalidCall when it is none of these, or its driver is not installed
     */
    public static function results(
        string|object $backend,
        string|object $broker,
        TransportOptions $options,
        string $replyTo,
    ): ResultStore {
        if (is_string($backend) && str_starts_with($backend, self::RPC)) {
            return self::replies($broker, $options, $replyTo);
        }
        if (is_string($backend)) {
            $url = Url::parse($backend);

            return $url->isRedis()
                ? new RedisResults(self::commands($url, $options), new Subscriber($url, $options))
                : throw new InvalidCall('results come by rpc:// (through the broker) or from a redis:// URL');
        }

        return match (true) {
            $backend instanceof ResultStore => $backend,
            $backend instanceof AbstractConnection => self::replies($backend, $options, $replyTo),
            default => new RedisResults(self::over($backend)),
        };
    }

    /**
     * The way to the workers of a broker, for remote control.
     *
     * @param string|object $broker as for broker(), but for an \AMQPConnection
     * @param string $routingKey name for the replies
     * @throws InvalidCall when it is none of these, or its driver is not installed
     */
    public static function control(string|object $broker, TransportOptions $options, string $routingKey): ControlChannel
    {
        if (is_string($broker)) {
            $url = Url::parse($broker);

            return $url->isRedis()
                ? new RedisControl(self::commands($url, $options), $routingKey)
                : new AmqpControl(AmqplibConnector::to($url, $options), $routingKey);
        }

        return $broker instanceof AbstractConnection
            ? new AmqpControl(AmqplibConnector::over($broker), $routingKey)
            : new RedisControl(self::over($broker), $routingKey);
    }

    private static function replies(string|object $broker, TransportOptions $options, string $replyTo): AmqpResults
    {
        $url = is_string($broker) ? Url::parse($broker) : null;

        return new AmqpResults(match (true) {
            $url !== null && !$url->isRedis() => AmqplibConnector::to($url, $options),
            $broker instanceof AbstractConnection => AmqplibConnector::over($broker),
            default => throw new InvalidCall('rpc:// needs an amqp:// URL or a php-amqplib connection as the broker:'
                . ' with any other, name a redis:// URL as backend'),
        }, $replyTo);
    }

    private static function commands(Url $url, TransportOptions $options): Commands
    {
        return match (true) {
            extension_loaded('redis') => PhpRedisCommands::to($url, $options),
            interface_exists(ClientInterface::class) => PredisCommands::to($url, $options),
            default => throw new InvalidCall('Redis needs ext-redis, or predis: composer require predis/predis'),
        };
    }

    private static function over(object $connection): Commands
    {
        return match (true) {
            $connection instanceof \Redis => PhpRedisCommands::over($connection),
            $connection instanceof ClientInterface => PredisCommands::over($connection),
            default => throw new InvalidCall(sprintf('a %s is no connection known here', get_debug_type($connection))),
        };
    }
}
