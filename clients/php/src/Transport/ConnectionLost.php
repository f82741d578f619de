<?php

declare(strict_types=1);

namespace Celeriac\Transport;

/**
 * A connection that was there is gone. Passes between a driver and its broker or store, which connect anew; callers of
 * this package never see it.
 *
 * @internal
 */
final class ConnectionLost extends \RuntimeException
{
    /**
     * @param bool $silent the server did not hang up, it only did not answer in time: asking again would not help
     */
    public function __construct(string $why, ?\Throwable $previous = null, public readonly bool $silent = false)
    {
        parent::__construct($why, 0, $previous);
    }
}
