<?php

declare(strict_types=1);

namespace Celeriac\Tests\Support;

use Celeriac\Result\TaskResult;
use Celeriac\Transport\Redis\RedisResults;
use Celeriac\Transport\Url;

/**
 * The other side of a test on Redis: looks at lists and stores results as a worker does.
 */
final class RedisServer
{
    private readonly \Redis $redis;
    private readonly Url $url;

    /** @var list<string> */
    private array $keys = [];

    /** @var list<string> connections that were there before the test */
    private readonly array $clients;

    public function __construct(string $url)
    {
        $this->url = Url::parse($url);
        $this->redis = $this->connection();
        $this->clients = $this->clientIds();
    }

    public function connection(): \Redis
    {
        $redis = new \Redis();
        $redis->connect($this->url->host, $this->url->port);
        $redis->select($this->url->database);

        return $redis;
    }

    /**
     * A name for a queue or task, which clean() deletes.
     */
    public function name(): string
    {
        return $this->keys[] = 'celeriac-php-test-' . bin2hex(random_bytes(6));
    }

    /**
     * @return list<string>
     */
    public function items(string $list): array
    {
        return $this->redis->lRange($this->keys[] = $list, 0, -1);
    }

    /**
     * What is left of a key's time.
     */
    public function secondsLeft(string $key): int
    {
        return $this->redis->ttl($this->keys[] = $key);
    }

    public function store(string $taskId, string $status, mixed $value): void
    {
        $this->put($taskId, self::document($taskId, $status, $value));
    }

    public function put(string $taskId, string $document): void
    {
        $key = $this->keys[] = RedisResults::KEY_PREFIX . $taskId;
        $this->redis->multi();
        $this->redis->setex($key, 60, $document);
        $this->redis->publish($key, $document);
        $this->redis->exec();
    }

    /**
     * @return resource the process, for proc_close()
     */
    public function storeFromAnotherProcess(string $taskId, string $status, mixed $value, float $delay)
    {
        $key = $this->keys[] = RedisResults::KEY_PREFIX . $taskId;
        $code = 'usleep((int) $argv[6]); $redis = new Redis(); $redis->connect($argv[1], (int) $argv[2]);'
            . '$redis->select((int) $argv[5]);'
            . '$redis->multi()->setex($argv[3], 60, $argv[4])->publish($argv[3], $argv[4])->exec();';
        $arguments = [$this->url->host, (string) $this->url->port, $key, self::document($taskId, $status, $value)];
        $numbers = [(string) $this->url->database, (string) (int) ($delay * 1e6)];
        $command = [PHP_BINARY, '-r', $code, '--', ...$arguments, ...$numbers];
        $process = proc_open($command, [], $pipes);

        return $process === false ? throw new \RuntimeException('no second process') : $process;
    }

    /**
     * Has the server cut the connections that came after this object's own and last did what a client does.
     *
     * @return int how many there were
     */
    public function killOthersSince(): int
    {
        $new = array_diff($this->clientIds(), $this->clients);
        foreach ($new as $id) {
            $this->redis->rawCommand('CLIENT', 'KILL', 'ID', $id);
        }

        return count($new);
    }

    public function clean(): void
    {
        $this->redis->del($this->keys);
        $this->redis->close();
    }

    /**
     * @return list<string>
     */
    private function clientIds(): array
    {
        $list = $this->redis->rawCommand('CLIENT', 'LIST');
        preg_match_all('/^id=(\d+) addr=\S+:(\d+) .* cmd=(?:lpush|get|subscribe) /m', $list, $matches);
        $ports = array_combine($matches[1], $matches[2]);

        return array_map(strval(...), array_keys(array_intersect($ports, self::ownPorts())));
    }

    /**
     * Local ports of this process: the server serves other programs as well, whose connections are not ours to cut.
     *
     * @return list<int>
     */
    private static function ownPorts(): array
    {
        $links = array_map(static fn (string $fd): string => (string) @readlink($fd), glob('/proc/self/fd/*') ?: []);
        $ports = [];
        foreach (array_slice(file('/proc/net/tcp') ?: [], 1) as $line) {
            $columns = preg_split('/\s+/', trim($line)) ?: [];
            if (in_array("socket:[$columns[9]]", $links, true)) {
                $ports[] = (int) hexdec(explode(':', $columns[1])[1]);
            }
        }

        return $ports;
    }

    private static function document(string $taskId, string $status, mixed $value): string
    {
        return TaskResult::of(['task_id' => $taskId, 'status' => $status, 'result' => $value])->build()->body;
    }
}
