<?php

declare(strict_types=1);

namespace Celeriac\Canvas;

use Celeriac\SendOptions;
use Celeriac\Signature;

/**
 * One message of a canvas, before it is written.
 *
 * @internal
 */
final readonly class PlannedCall
{
    /**
     * @param array<string, mixed> $fields of the message that no option sets: group, group_index, chain, chord
     */
    public function __construct(
        public string $id,
        public Signature $signature,
        public SendOptions $options,
        public array $fields = [],
    ) {
    }
}
