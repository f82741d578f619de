<?php

declare(strict_types=1);

namespace Celeriac\Tests\Support;

use Celeriac\Control\Reply;
use Celeriac\Control\Request;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Message\Wire;
use Celeriac\Transport\ControlChannel;

/**
 * Workers of a test: they say what the test has them say.
 */
final class ScriptedControl implements ControlChannel
{
    /** @var list<string> what was done, in order */
    public array $steps = [];

    /** @var list<Request> */
    public array $requests = [];

    /** @var list<\Closure(Request): (Wire|null)> what is said to the last request, one after the other */
    public array $says = [];

    /**
     * What a node says.
     *
     * @param string|null $ticket null: that of the request
     */
    public static function says(string $node, mixed $reply, ?string $ticket = null, int $clock = 1): \Closure
    {
        return static fn (Request $to): Wire => Reply::of([
            'ticket' => $ticket ?? $to->fields['ticket'],
            'clock' => $clock,
            'node' => $node,
            'reply' => $reply,
        ])->build();
    }

    public function routingKey(): string
    {
        return 'key';
    }

    public function listen(): void
    {
        $this->steps[] = 'listen';
    }

    public function publish(Wire $request): void
    {
        $this->steps[] = 'publish';
        $this->requests[] = Request::parse($request);
    }

    public function next(float $seconds): ?Wire
    {
        $this->steps[] = 'next';
        $says = array_shift($this->says);
        if ($says === null) {
            usleep((int) ($seconds * 1e6));
        }

        return $says === null ? null : $says(end($this->requests) ?: throw new InvalidMessage('nothing was asked'));
    }

    public function rest(): void
    {
        $this->steps[] = 'rest';
    }

    public function close(): void
    {
        $this->steps[] = 'close';
    }
}
