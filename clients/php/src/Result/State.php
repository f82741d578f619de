<?php

declare(strict_types=1);

namespace Celeriac\Result;

/**
 * Where a task is. Pending also means unknown: nothing has been stored under its id.
 */
enum State: string
{
    case Pending = 'PENDING';
    case Received = 'RECEIVED';
    case Started = 'STARTED';
    case Retry = 'RETRY';
    case Success = 'SUCCESS';
    case Failure = 'FAILURE';
    case Revoked = 'REVOKED';
    case Rejected = 'REJECTED';
    case Ignored = 'IGNORED';
    /** A state of the task's own making; TaskResult::status() has its name */
    case Custom = 'CUSTOM';

    /**
     * The state that a result document's `status` names.
     */
    public static function fromStatus(string $status): self
    {
        return self::tryFrom($status) ?? self::Custom;
    }

    /**
     * Whether nothing more comes after this state.
     */
    public function isFinal(): bool
    {
        return in_array($this, [self::Success, self::Failure, self::Revoked, self::Rejected, self::Ignored], true);
    }
}
