<?php

declare(strict_types=1);

namespace Celeriac\Exception;

/**
 * No final state within the time that the caller was ready to wait. The task is not cancelled and may still run.
 */
final class TaskTimeout extends \RuntimeException implements CeleriacException
{
    /**
     * @param string $taskId id of the task
     * @param float $seconds how long was waited
     */
    public function __construct(public readonly string $taskId, public readonly float $seconds)
    {
        parent::__construct(sprintf('task %s has no result after %.3F s; it may still run', $taskId, $seconds));
    }
}
