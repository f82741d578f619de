<?php

declare(strict_types=1);

namespace Celeriac\Canvas;

/**
 * All that is to be sent for a canvas.
 *
 * @internal
 */
final readonly class Plan
{
    /**
     * @param End $end where the result will be
     * @param list<PlannedCall> $calls in the order in which they have to be published
     * @param array<array-key, int> $chords how many results each chord waits for, by group id; the result store has to
     *                                      know before the calls are published
     */
    public function __construct(public End $end, public array $calls, public array $chords)
    {
    }
}
