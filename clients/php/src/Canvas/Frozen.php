<?php

declare(strict_types=1);

namespace Celeriac\Canvas;

use Celeriac\Signature;

/**
 * A signature whose ids are settled before it is sent, so that its result can be waited for.
 *
 * @internal
 */
final readonly class Frozen
{
    public function __construct(public Signature $signature, public End $end)
    {
    }
}
