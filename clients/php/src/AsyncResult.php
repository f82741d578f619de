<?php

declare(strict_types=1);

namespace Celeriac;

use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Exception\TaskFailure;
use Celeriac\Exception\TaskRevoked;
use Celeriac\Exception\TaskTimeout;
use Celeriac\Result\State;
use Celeriac\Result\TaskResult;
use Celeriac\Serialization\Limits;
use Celeriac\Transport\ResultStore;

/**
 * What Client::send() hands back: the id of a task, and the way to its result.
 */
final class AsyncResult
{
    /** One wait of the store; only bounds how long a signal may go unnoticed */
    private const SLICE = 60.0;

    private ?TaskResult $document = null;

    /**
     * @internal made by Client
     */
    public function __construct(
        public readonly string $id,
        private readonly ?ResultStore $store,
        private readonly Limits $limits,
    ) {
    }

    public function __destruct()
    {
        $this->store?->forget($this->id);
    }

    /**
     * Waits for the task to end and returns its result; again and again if you like, the result is kept.
     *
     * @param float|null $timeout seconds; null: for ever
     * @return mixed objects as associative arrays, integers past 64 bits as BigInteger, dates and the like as values of
     *               Celeriac\Serialization
     * @throws TaskFailure when the task failed, NotRegistered when the worker has no such task
     * @throws TaskRevoked when it was revoked, or had expired
     * @throws TaskTimeout when it did not end in time
     * @throws InvalidMessage when the result cannot be read
     * @throws InvalidCall when the client has no result backend
     * @throws BrokerUnavailable when the result backend cannot be reached
     */
    public function get(?float $timeout = null): mixed
    {
        $start = microtime(true);
        while ($this->document?->state()->isFinal() !== true) {
            $left = ($timeout ?? INF) - (microtime(true) - $start);
            if (!$this->refresh(max(0.0, min($left, self::SLICE))) && $left <= self::SLICE) {
                throw new TaskTimeout($this->id, (float) $timeout);
            }
        }

        return $this->document->value();
    }

    /**
     * The state of the task as far as the backend knows now; does not wait.
     *
     * @throws InvalidMessage|InvalidCall|BrokerUnavailable as get()
     */
    public function state(): State
    {
        return $this->document()?->state() ?? State::Pending;
    }

    /**
     * The latest result document, with the date, the traceback, and the result without loss; null when none is there.
     *
     * @throws InvalidMessage|InvalidCall|BrokerUnavailable as get()
     */
    public function document(): ?TaskResult
    {
        while ($this->document?->state()->isFinal() !== true && $this->refresh(0.0)) {
            // every document that is there, up to the last
        }

        return $this->document;
    }

    /**
     * @return bool whether there was news
     */
    private function refresh(float $seconds): bool
    {
        $store = $this->store ?? throw new InvalidCall(
            "no result backend: Client::connect(broker: ..., backend: 'rpc://' or a redis:// URL)",
        );
        $wire = $store->wait($this->id, $seconds);
        if ($wire === null) {
            return false;
        }
        $this->document = TaskResult::parse($wire->payload, $this->limits);
        if ($this->document->state()->isFinal()) {
            $store->forget($this->id);
        }

        return true;
    }
}
