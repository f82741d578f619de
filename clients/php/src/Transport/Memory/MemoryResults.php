<?php

declare(strict_types=1);

namespace Celeriac\Transport\Memory;

use Celeriac\Message\Wire;
use Celeriac\Serialization\Payload;
use Celeriac\Transport\ResultStore;

/**
 * A result store for tests: hands out the documents that the test put in, at once.
 */
final class MemoryResults implements ResultStore
{
    /** @var array<array-key, int> how many results each chord waits for, by group id */
    public array $chords = [];

    /** @var array<array-key, list<Payload>> */
    private array $documents = [];

    /**
     * Stores a document, as a worker would: `$results->put($id, TaskResult::of([...])->build())`.
     */
    public function put(string $taskId, Payload $document): void
    {
        $this->documents[$taskId][] = $document;
    }

    public function replyTo(): ?string
    {
        return null;
    }

    public function expect(array $taskIds): void
    {
        // documents stay until they are handed out
    }

    public function countsChords(): bool
    {
        return true;
    }

    public function startChords(array $sizes): void
    {
        $this->chords = $sizes + $this->chords;
    }

    public function wait(string $taskId, float $seconds): ?Wire
    {
        $documents = $this->documents[$taskId] ?? [];
        $document = array_shift($documents);
        $this->documents[$taskId] = $documents;

        return $document === null ? null : new Wire($document);
    }

    public function forget(string $taskId): void
    {
        unset($this->documents[$taskId]);
    }

    public function close(): void
    {
        $this->documents = [];
    }
}
