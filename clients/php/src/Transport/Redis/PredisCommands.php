<?php

declare(strict_types=1);

namespace Celeriac\Transport\Redis;

use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Transport\ConnectionLost;
use Celeriac\Transport\Refused;
use Celeriac\Transport\TransportOptions;
use Celeriac\Transport\Url;
use Predis\Client;
use Predis\ClientInterface;
use Predis\Connection\ConnectionException;
use Predis\Connection\NodeConnectionInterface;
use Predis\PredisException;

/**
 * Redis through predis 2 or 3.
 */
final class PredisCommands implements Commands
{
    private function __construct(
        private readonly ClientInterface $redis,
        private readonly string $name,
        private readonly bool $owned,
    ) {
    }

    /**
     * Connects by URL when first needed.
     */
    public static function to(Url $url, TransportOptions $options): self
    {
        return new self(new Client(array_filter([
            'scheme' => $url->socket() !== null ? 'unix' : ($url->isSecure() ? 'tls' : 'tcp'),
            'path' => $url->socket(),
            'host' => $url->host,
            'port' => $url->port,
            'username' => $url->user === '' ? null : $url->user,
            'password' => $url->password === '' ? null : $url->password,
            'database' => $url->database,
            'timeout' => $options->connectTimeout,
            'read_write_timeout' => $options->answerTimeout,
            'ssl' => $url->isSecure() ? $options->tls->context() : null,
        ], static fn (mixed $setting): bool => $setting !== null)), (string) $url, true);
    }

    /**
     * Uses a client that somebody else made and will close.
     */
    public static function over(ClientInterface $redis): self
    {
        return new self($redis, 'the given Redis connection', false);
    }

    public function push(string $list, array $items): void
    {
        $this->run('LPUSH', [$list, ...$items]);
    }

    public function get(string $key): ?string
    {
        $value = $this->run('GET', [$key]);

        return is_string($value) ? $value : null;
    }

    public function set(string $key, string $value, int $seconds): void
    {
        $this->run('SET', [$key, $value, 'EX', (string) $seconds]);
    }

    public function delete(string $key): void
    {
        $this->run('DEL', [$key]);
    }

    public function pop(string $list): ?string
    {
        $item = $this->run('RPOP', [$list]);

        return is_string($item) ? $item : null;
    }

    public function publish(string $channel, string $message): void
    {
        $this->run('PUBLISH', [$channel, $message]);
    }

    public function addToSet(string $key, string $member): void
    {
        $this->run('SADD', [$key, $member]);
    }

    public function removeFromSet(string $key, string $member): void
    {
        $this->run('SREM', [$key, $member]);
    }

    public function database(): int
    {
        $connection = $this->redis->getConnection();

        return $connection instanceof NodeConnectionInterface ? (int) $connection->getParameters()->database : 0;
    }

    public function name(): string
    {
        return $this->name;
    }

    public function discard(): void
    {
        // predis connects again by itself once it knows that it is not connected
        $this->redis->disconnect();
    }

    public function close(): void
    {
        if ($this->owned) {
            $this->redis->disconnect();
        }
    }

    /**
     * @param list<string> $arguments
     */
    private function run(string $command, array $arguments): mixed
    {
        try {
            $this->redis->connect();
        } catch (PredisException $fault) {
            throw new BrokerUnavailable($this->name, $fault->getMessage(), $fault);
        }
        try {
            return $this->redis->executeCommand($this->redis->createCommand($command, $arguments));
        } catch (ConnectionException $fault) {
            throw new ConnectionLost($fault->getMessage(), $fault);
        } catch (PredisException $fault) {
            throw new Refused($fault->getMessage(), 0, $fault);
        }
    }
}
