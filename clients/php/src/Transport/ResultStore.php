<?php

declare(strict_types=1);

namespace Celeriac\Transport;

use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Message\Wire;

/**
 * Where results come from. The whole contract of a result driver.
 */
interface ResultStore
{
    /**
     * The queue that workers have to reply to, or null when results do not come as replies.
     */
    public function replyTo(): ?string;

    /**
     * Gets ready for the results of tasks about to be published, so that none is missed.
     *
     * @param list<string> $taskIds
     * @throws BrokerUnavailable when there is no connection within the connect timeout
     */
    public function expect(array $taskIds): void;

    /**
     * Whether workers can count here how many members of a chord have ended.
     */
    public function countsChords(): bool;

    /**
     * Notes how many results each chord waits for, before its members are published.
     *
     * @param array<array-key, int> $sizes by group id
     * @throws BrokerUnavailable when there is no connection within the connect timeout
     * @throws InvalidCall when this store cannot count
     */
    public function startChords(array $sizes): void;

    /**
     * Waits for a document about a task that was not handed out before; documents of unfinished tasks count too.
     *
     * @param float $seconds how long to wait; 0: take only what is there
     * @return Wire|null null when nothing new came in time
     * @throws BrokerUnavailable when the connection is lost and cannot be made anew
     * @throws InvalidMessage when the store's answer cannot be understood
     */
    public function wait(string $taskId, float $seconds): ?Wire;

    /**
     * Notes that nobody waits for a task any more, so that what is kept about it may be dropped.
     */
    public function forget(string $taskId): void;

    /**
     * Ends the connection, if this object made it. Any number of calls.
     */
    public function close(): void;
}
