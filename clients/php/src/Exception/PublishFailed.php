<?php

declare(strict_types=1);

namespace Celeriac\Exception;

/**
 * The broker refused a message, returned it, or did not confirm it.
 *
 * A message that was refused or returned is in no queue. One that was not confirmed may be in its queue all the same:
 * send it again with the same task id if the task bears running twice.
 */
final class PublishFailed extends TransportError
{
    /**
     * @param string $why what happened and what to do about it
     * @param list<string> $taskIds the tasks concerned; other tasks of the same sendMany() are confirmed
     */
    public function __construct(string $why, public readonly array $taskIds = [], ?\Throwable $previous = null)
    {
        parent::__construct($why, 0, $previous);
    }
}
