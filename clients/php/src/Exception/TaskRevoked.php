<?php

declare(strict_types=1);

namespace Celeriac\Exception;

/**
 * The task was revoked, terminated, or taken from the queue after its expires.
 */
final class TaskRevoked extends \RuntimeException implements CeleriacException
{
    /**
     * @param string $taskId id of the task
     * @param string $reason "revoked", "terminated", "expired", or what else the worker wrote
     */
    public function __construct(public readonly string $taskId, public readonly string $reason)
    {
        parent::__construct("task $taskId: $reason");
    }
}
