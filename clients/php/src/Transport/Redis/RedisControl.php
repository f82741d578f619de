<?php

declare(strict_types=1);

namespace Celeriac\Transport\Redis;

use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Message\Envelope;
use Celeriac\Message\Wire;
use Celeriac\Serialization\Uuid;
use Celeriac\Transport\ConnectionLost;
use Celeriac\Transport\ControlChannel;
use Celeriac\Transport\Refused;

/**
 * Remote control through Redis: requests on a channel, replies in a list that is looked at again and again, at most
 * every 50 ms.
 */
final class RedisControl implements ControlChannel
{
    private const BINDINGS = '_kombu.binding.' . self::REPLIES;
    /** Between the routing key, a pattern that is empty, and the queue */
    private const SEPARATOR = "\x06\x16";
    private const FIRST_PAUSE = 0.002;
    private const LAST_PAUSE = 0.05;

    /**
     * @param string $routingKey unique to this controller
     */
    public function __construct(private readonly Commands $commands, private readonly string $routingKey)
    {
    }

    public function routingKey(): string
    {
        return $this->routingKey;
    }

    public function listen(): void
    {
        // workers look the list up: without this they throw their replies away
        $this->run(fn () => $this->commands->addToSet(self::BINDINGS, $this->binding()));
    }

    public function publish(Wire $request): void
    {
        $tag = Uuid::version4(random_bytes(16));
        $envelope = Envelope::to($request, self::REQUESTS, '', $tag)->build();
        $this->run(fn () => $this->commands->publish(
            sprintf('/%d.%s', $this->commands->database(), self::REQUESTS),
            $envelope,
        ));
    }

    public function next(float $seconds): ?Wire
    {
        $deadline = microtime(true) + $seconds;
        $pause = self::FIRST_PAUSE;
        while (($item = $this->take()) === null && ($left = $deadline - microtime(true)) > 0.0) {
            usleep((int) (min($pause, $left) * 1e6));
            $pause = min(self::LAST_PAUSE, $pause * 2);
        }

        return $item === null ? null : Envelope::parse($item)->wire;
    }

    public function rest(): void
    {
        $this->run(fn () => $this->commands->removeFromSet(self::BINDINGS, $this->binding()));
        $this->run(fn () => $this->commands->delete($this->queue()));
    }

    public function close(): void
    {
        $this->commands->close();
    }

    private function take(): ?string
    {
        return $this->run(fn (): ?string => $this->commands->pop($this->queue()));
    }

    private function queue(): string
    {
        return $this->routingKey . '.' . self::REPLIES;
    }

    private function binding(): string
    {
        return implode(self::SEPARATOR, [$this->routingKey, '', $this->queue()]);
    }

    /**
     * Runs a command, on a new connection when the one that was there is gone.
     *
     * @template T
     * @param \Closure(): T $command
     * @return T
     */
    private function run(\Closure $command): mixed
    {
        try {
            try {
                return $command();
            } catch (ConnectionLost) {
                $this->commands->discard();

                return $command();
            }
        } catch (ConnectionLost | Refused $fault) {
            $this->commands->discard();
            throw new BrokerUnavailable($this->commands->name(), $fault->getMessage(), $fault);
        }
    }
}
