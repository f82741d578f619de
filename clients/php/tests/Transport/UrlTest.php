<?php

declare(strict_types=1);

namespace Celeriac\Tests\Transport;

use Celeriac\Exception\InvalidCall;
use Celeriac\Transport\Url;
use PHPUnit\Framework\TestCase;

final class UrlTest extends TestCase
{
    /**
     * @dataProvider urls
     * @param array<string, mixed> $expected
     */
    public function testIsReadAsCeleryReadsIt(string $text, array $expected): void
    {
        $url = Url::parse($text);
        $actual = ['vhost' => $url->vhost(), 'socket' => $url->socket(), 'safe' => (string) $url]
            + get_object_vars($url);
        foreach ($expected as $name => $value) {
            self::assertSame($value, $actual[$name], $name);
        }
    }

    /**
     * @return iterable<string, array{string, array<string, mixed>}>
     */
    public static function urls(): iterable
    {
        yield 'whole' => ['amqp://me:p%40ss@host:5673/shop', [
            'host' => 'host', 'port' => 5673, 'user' => 'me', 'password' => 'p@ss', 'vhost' => 'shop',
            'safe' => 'amqp://me@host:5673/shop',
        ]];
        yield 'short' => ['amqp://host', ['port' => 5672, 'vhost' => '/', 'user' => '', 'safe' => 'amqp://host:5672']];
        yield 'no host' => ['amqp://', ['host' => 'localhost']];
        yield 'one slash' => ['amqp://h/', ['vhost' => '/']];
        yield 'two slashes' => ['amqp://h//', ['vhost' => '/']];
        yield 'escaped slash' => ['amqp://h/%2F', ['vhost' => '/']];
        yield 'vhost with a slash' => ['amqp://h/a%2Fb', ['vhost' => 'a/b']];
        yield 'TLS' => ['AMQPS://h', ['scheme' => 'amqps', 'port' => 5671]];
        yield 'IPv6' => ['amqp://[::1]:5672/', ['host' => '::1', 'safe' => 'amqp://[::1]:5672/']];
        yield 'redis' => ['redis://:secret@h/3', [
            'port' => 6379, 'database' => 3, 'password' => 'secret', 'user' => '', 'safe' => 'redis://h:6379/3',
        ]];
        yield 'redis without a database' => ['redis://h', ['database' => 0]];
        yield 'rediss' => ['rediss://u:p@h:1/', ['database' => 0, 'port' => 1, 'safe' => 'rediss://u@h:1/0']];
        yield 'socket' => ['redis+socket:///run/redis.sock?virtual_host=2', [
            'socket' => '/run/redis.sock', 'database' => 2, 'safe' => 'redis+socket:///run/redis.sock?virtual_host=2',
        ]];
        yield 'query' => ['redis://h/1?timeout=5', ['database' => 1]];
    }

    /**
     * @dataProvider wrong
     */
    public function testRefusesTheRestWithoutRepeatingAPassword(string $text): void
    {
        try {
            Url::parse($text);
            self::fail('taken');
        } catch (InvalidCall $fault) {
            self::assertStringNotContainsString('secret', $fault->getMessage());
        }
    }

    /**
     * @return iterable<array{string}>
     */
    public static function wrong(): iterable
    {
        $texts = ['', 'host', 'amqp:host', 'http://u:secret@h', 'redis://:secret@h/shop', 'amqp://u:secret@x@h'];
        $texts[] = "amqp://h\n";
        foreach ($texts as $text) {
            yield "<$text>" => [$text];
        }
    }
}
