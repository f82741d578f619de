<?php

declare(strict_types=1);

namespace Celeriac\Transport\Redis;

use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Exception\InvalidCall;
use Celeriac\Transport\ConnectionLost;
use Celeriac\Transport\Refused;
use Celeriac\Transport\TransportOptions;
use Celeriac\Transport\Url;

/**
 * Redis through ext-redis (phpredis).
 */
final class PhpRedisCommands implements Commands
{
    private ?\Redis $redis = null;

    /**
     * @param \Closure(): \Redis $connect
     */
    private function __construct(
        private readonly \Closure $connect,
        private readonly string $name,
        private readonly bool $owned,
    ) {
    }

    /**
     * Connects by URL when first needed.
     */
    public static function to(Url $url, TransportOptions $options): self
    {
        return new self(static fn (): \Redis => self::open($url, $options), (string) $url, true);
    }

    /**
     * Uses a connection that somebody else made and will close.
     *
     * Set its OPT_MAX_RETRIES to 0: phpredis 5.3 otherwise may wait for an answer, as long as its read timeout, on a
     * new connection that was never asked anything.
     *
     * @throws InvalidCall when it serializes or compresses values by itself
     */
    public static function over(\Redis $redis): self
    {
        if ($redis->getOption(\Redis::OPT_SERIALIZER) !== \Redis::SERIALIZER_NONE) {
            throw new InvalidCall('the given \Redis has a serializer set, which would change what is sent: unset it');
        }

        return new self(static fn (): \Redis => $redis, 'the given Redis connection', false);
    }

    public function push(string $list, array $items): void
    {
        $this->run(static fn (\Redis $redis): mixed => $redis->lPush($list, ...$items));
    }

    public function get(string $key): ?string
    {
        $value = $this->run(static fn (\Redis $redis): mixed => $redis->get($key));

        return is_string($value) ? $value : null;
    }

    public function set(string $key, string $value, int $seconds): void
    {
        $this->run(static fn (\Redis $redis): mixed => $redis->set($key, $value, ['EX' => $seconds]));
    }

    public function delete(string $key): void
    {
        $this->run(static fn (\Redis $redis): mixed => $redis->del($key));
    }

    public function pop(string $list): ?string
    {
        $item = $this->run(static fn (\Redis $redis): mixed => $redis->rPop($list));

        return is_string($item) ? $item : null;
    }

    public function publish(string $channel, string $message): void
    {
        $this->run(static fn (\Redis $redis): mixed => $redis->publish($channel, $message));
    }

    public function addToSet(string $key, string $member): void
    {
        $this->run(static fn (\Redis $redis): mixed => $redis->sAdd($key, $member));
    }

    public function removeFromSet(string $key, string $member): void
    {
        $this->run(static fn (\Redis $redis): mixed => $redis->sRem($key, $member));
    }

    public function database(): int
    {
        return (int) $this->run(static fn (\Redis $redis): mixed => $redis->getDbNum());
    }

    public function name(): string
    {
        return $this->name;
    }

    public function discard(): void
    {
        $this->close();
    }

    public function close(): void
    {
        try {
            if ($this->owned) {
                $this->redis?->close();
            }
        } catch (\RedisException) {
            // it was broken already
        }
        $this->redis = null;
    }

    /**
     * @param \Closure(\Redis): mixed $command
     */
    private function run(\Closure $command): mixed
    {
        try {
            $redis = $this->redis ??= ($this->connect)();
        } catch (\RedisException $fault) {
            throw new BrokerUnavailable($this->name, $fault->getMessage(), $fault);
        }
        try {
            $redis->clearLastError();
            $answer = $command($redis);
        } catch (\RedisException $fault) {
            throw new ConnectionLost($fault->getMessage(), $fault);
        }
        $refusal = $answer === false ? $redis->getLastError() : null;

        return $refusal === null ? $answer : throw new Refused($refusal);
    }

    private static function open(Url $url, TransportOptions $options): \Redis
    {
        $redis = new \Redis();
        $socket = $url->socket();
        // @: phpredis warns about a host without an address before it throws
        $connected = @$redis->connect(
            $socket ?? ($url->isSecure() ? 'tls://' : '') . $url->host,
            $socket === null ? $url->port : 0,
            $options->connectTimeout,
            null,
            0,
            $options->connectTimeout,
            $url->isSecure() ? ['stream' => $options->tls->context()] : [],
        );
        $credentials = $url->user === '' ? $url->password : [$url->user, $url->password];
        if (!$connected || ($url->password !== '' && !$redis->auth($credentials)) || !$redis->select($url->database)) {
            throw new \RedisException($redis->getLastError() ?? 'refused');
        }

        $redis->setOption(\Redis::OPT_READ_TIMEOUT, $options->answerTimeout);
        // or a connection lost between a command and its answer makes phpredis wait on a new one, where none will come
        $redis->setOption(\Redis::OPT_MAX_RETRIES, 0);

        return $redis;
    }
}
