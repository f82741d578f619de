<?php

declare(strict_types=1);

namespace Celeriac\Tests\Support;

use Celeriac\Transport\Redis\Commands;

/**
 * A Redis for tests: lists and keys in memory, and faults to order.
 */
final class ScriptedCommands implements Commands
{
    /** @var array<array-key, list<string>> newest first, as LPUSH leaves them */
    public array $lists = [];

    /** @var array<string, string> */
    public array $keys = [];

    /** @var array<array-key, list<string>> */
    public array $sets = [];

    /** @var list<array{string, string}> channel and message */
    public array $published = [];

    /** @var list<\Exception|null> what the next commands throw, null for none */
    public array $faults = [];

    public int $discarded = 0;
    public bool $closed = false;

    public function push(string $list, array $items): void
    {
        $this->fault();
        foreach ($items as $item) {
            $this->lists[$list] = [$item, ...$this->lists[$list] ?? []];
        }
    }

    public function get(string $key): ?string
    {
        $this->fault();

        return $this->keys[$key] ?? null;
    }

    public function set(string $key, string $value, int $seconds): void
    {
        $this->fault();
        $this->keys[$key] = $value;
    }

    public function delete(string $key): void
    {
        $this->fault();
        unset($this->keys[$key]);
    }

    public function pop(string $list): ?string
    {
        $this->fault();
        $items = $this->lists[$list] ?? [];
        $item = array_pop($items);
        $this->lists[$list] = $items;

        return $item;
    }

    public function publish(string $channel, string $message): void
    {
        $this->fault();
        $this->published[] = [$channel, $message];
    }

    public function addToSet(string $key, string $member): void
    {
        $this->fault();
        $this->sets[$key][] = $member;
    }

    public function removeFromSet(string $key, string $member): void
    {
        $this->fault();
        $this->sets[$key] = array_values(array_diff($this->sets[$key], [$member]));
    }

    public function database(): int
    {
        return 7;
    }

    public function name(): string
    {
        return 'a Redis of the test';
    }

    public function discard(): void
    {
        $this->discarded++;
    }

    public function close(): void
    {
        $this->closed = true;
    }

    private function fault(): void
    {
        $fault = array_shift($this->faults);
        if ($fault !== null) {
            throw $fault;
        }
    }
}
