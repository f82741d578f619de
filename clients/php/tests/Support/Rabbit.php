<?php

declare(strict_types=1);

namespace Celeriac\Tests\Support;

use Celeriac\Transport\Url;
use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Connection\AbstractConnection;
use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;
use PHPUnit\Framework\Assert;

/**
 * The other side of a test on RabbitMQ: makes, reads and deletes queues over a connection of its own.
 */
final class Rabbit
{
    private readonly AMQPChannel $channel;

    /** @var list<string> */
    private array $names = [];

    public function __construct(private readonly string $url)
    {
        $this->channel = $this->connection()->channel();
    }

    public function connection(): AbstractConnection
    {
        $url = Url::parse($this->url);

        return new AMQPStreamConnection($url->host, $url->port, $url->user, $url->password, $url->vhost());
    }

    public function extensionConnection(): \AMQPConnection
    {
        $url = Url::parse($this->url);

        return new \AMQPConnection(['host' => $url->host, 'port' => $url->port, 'vhost' => $url->vhost(),
            'login' => $url->user, 'password' => $url->password]);
    }

    /**
     * A name for a queue, which clean() deletes.
     */
    public function name(): string
    {
        return $this->names[] = 'celeriac-php-test-' . bin2hex(random_bytes(6));
    }

    /**
     * @param array<string, mixed> $arguments
     */
    public function declare(string $queue, array $arguments): void
    {
        $this->channel->queue_declare($queue, false, true, false, false, false, new AMQPTable($arguments));
    }

    public function count(string $queue): int
    {
        return $this->channel->queue_declare($queue, true)[1];
    }

    public function take(string $queue): AMQPMessage
    {
        $message = $this->channel->basic_get($queue, true);
        Assert::assertInstanceOf(AMQPMessage::class, $message, "nothing in $queue");

        return $message;
    }

    /**
     * Sends a result as a worker would.
     *
     * @param array<string, mixed> $properties
     */
    public function reply(string $queue, string $body, array $properties): void
    {
        $content = ['content_type' => 'application/json', 'content_encoding' => 'utf-8'];
        $this->channel->basic_publish(new AMQPMessage($body, $properties + $content), '', $queue);
    }

    public function clean(): void
    {
        foreach ($this->names as $name) {
            $this->channel->queue_delete($name);
        }
        $this->channel->getConnection()?->close();
    }
}
