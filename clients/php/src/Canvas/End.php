<?php

declare(strict_types=1);

namespace Celeriac\Canvas;

/**
 * Where the result of a canvas will be.
 *
 * @internal
 */
final readonly class End
{
    /**
     * @param string $id of the task whose result it is, or of the group
     * @param list<string>|null $children ids of the members' results, null when it is no group
     */
    public function __construct(public string $id, public ?array $children = null)
    {
    }
}
