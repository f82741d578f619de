<?php

declare(strict_types=1);

namespace Celeriac\Transport;

/**
 * Of somebody who waits for a result and whose connection is lost: how long until the next attempt (RS-WAIT-002).
 *
 * @internal
 */
final class Patience
{
    private const FIRST_PAUSE = 0.05;
    private const LAST_PAUSE = 1.0;

    private float $pause = self::FIRST_PAUSE;

    /**
     * @param float $deadline when the wait ends, as of microtime(true)
     */
    public function __construct(private readonly float $deadline)
    {
    }

    /**
     * Sleeps a little, longer each time.
     *
     * @return bool false when the time is over
     */
    public function pause(): bool
    {
        $left = $this->deadline - microtime(true);
        usleep((int) (max(0.0, min($this->pause, $left)) * 1e6));
        $this->pause = min(self::LAST_PAUSE, $this->pause * 2);

        return $left > 0.0;
    }
}
