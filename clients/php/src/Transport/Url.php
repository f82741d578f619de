<?php

declare(strict_types=1);

namespace Celeriac\Transport;

use Celeriac\Exception\InvalidCall;

/**
 * A broker or result URL, read as Celery reads it.
 *
 * amqp:// and amqps:// `user:password@host:port/vhost`, where nothing, `//` and `/%2F` all mean the vhost "/";
 * redis:// and rediss:// `user:password@host:port/db`; redis+socket:// `/path?virtual_host=db`.
 */
final readonly class Url
{
    private const PATTERN = '~^(?<scheme>[a-z][a-z0-9+.-]*)://(?:(?<user>[^:@/]*)(?::(?<password>[^@/]*))?@)?'
        . '(?<host>\[[^]\s]*]|[^:/?#@\s]*)(?::(?<port>\d{1,5}))?(?<path>/[^?#\s]*)?(?:\?(?<query>[^#\s]*))?$~Di';
    private const PORTS = ['amqp' => 5672, 'amqps' => 5671, 'redis' => 6379, 'rediss' => 6379, 'redis+socket' => 0];

    private function __construct(
        public string $scheme,
        public string $host,
        public int $port,
        public string $user,
        #[\SensitiveParameter] public string $password,
        public string $path,
        public int $database,
    ) {
    }

    /**
     * @throws InvalidCall when it is no URL of a kind that this package knows; the message does not repeat it
     */
    public static function parse(#[\SensitiveParameter] string $url): self
    {
        if (preg_match(self::PATTERN, $url, $m, PREG_UNMATCHED_AS_NULL) !== 1) {
            throw new InvalidCall('not a URL: write it like amqp://user:password@host:5672/vhost');
        }
        $scheme = strtolower((string) $m['scheme']);
        $port = self::PORTS[$scheme]
            ?? throw new InvalidCall("$scheme:// is not known: use " . implode(', ', array_keys(self::PORTS)));
        parse_str($m['query'] ?? '', $query);
        $path = rawurldecode($m['path'] ?? '');
        $database = $scheme === 'redis+socket' ? $query['virtual_host'] ?? '' : trim($path, '/');
        if (str_starts_with($scheme, 'redis') && (!is_string($database) || preg_match('/^\d*$/D', $database) !== 1)) {
            throw new InvalidCall('the database of a Redis URL is a number, like redis://host:6379/0');
        }

        return new self(
            $scheme,
            trim($m['host'] ?? '', '[]') ?: 'localhost',
            (int) ($m['port'] ?? $port),
            rawurldecode($m['user'] ?? ''),
            rawurldecode($m['password'] ?? ''),
            $path,
            is_string($database) ? (int) $database : 0,
        );
    }

    /**
     * Whether it names a Redis, by TCP or by socket.
     */
    public function isRedis(): bool
    {
        return str_starts_with($this->scheme, 'redis');
    }

    /**
     * Whether the connection is encrypted.
     */
    public function isSecure(): bool
    {
        return $this->scheme === 'amqps' || $this->scheme === 'rediss';
    }

    /**
     * Path of the Unix socket of a redis+socket URL, else null.
     */
    public function socket(): ?string
    {
        return $this->scheme === 'redis+socket' ? $this->path : null;
    }

    /**
     * Virtual host of an AMQP URL.
     */
    public function vhost(): string
    {
        $vhost = substr($this->path, 1);

        return $vhost === '' ? '/' : $vhost;
    }

    /**
     * The URL without its password, for messages.
     */
    public function __toString(): string
    {
        $user = $this->user === '' ? '' : rawurlencode($this->user) . '@';
        $host = str_contains($this->host, ':') ? "[$this->host]" : $this->host;

        return $this->socket() !== null
            ? "redis+socket://$this->path?virtual_host=$this->database"
            : "$this->scheme://$user$host:$this->port" . ($this->isRedis() ? "/$this->database" : $this->path);
    }
}
