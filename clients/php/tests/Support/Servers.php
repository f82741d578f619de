<?php

declare(strict_types=1);

namespace Celeriac\Tests\Support;

use PHPUnit\Framework\Assert;

/**
 * Where the real brokers are; without them the test is skipped, or fails when CELERIAC_REQUIRE names them.
 */
final class Servers
{
    public static function amqp(): string
    {
        return self::url('rabbitmq', 'CELERIAC_AMQP_URL');
    }

    public static function redis(): string
    {
        return self::url('redis', 'CELERIAC_REDIS_URL');
    }

    /**
     * A TCP address that nobody listens on.
     */
    public static function closedAddress(): string
    {
        $server = self::silent();
        $address = (string) stream_socket_get_name($server, false);
        fclose($server);

        return $address;
    }

    /**
     * A server that takes connections and never says a word, until the resource is closed.
     *
     * @return resource
     */
    public static function silent()
    {
        $server = stream_socket_server('tcp://127.0.0.1:0');

        return $server === false ? throw new \RuntimeException('no port to listen on') : $server;
    }

    private static function url(string $name, string $variable): string
    {
        $url = (string) getenv($variable);
        if ($url === '' && in_array($name, explode(',', (string) getenv('CELERIAC_REQUIRE')), true)) {
            Assert::fail("$name is required: set $variable");
        }
        if ($url === '') {
            Assert::markTestSkipped("SKIPPED $name: set $variable, or run tests inside the suite's private brokers");
        }

        return $url;
    }
}
