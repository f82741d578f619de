<?php

declare(strict_types=1);

namespace Celeriac\Control;

use Celeriac\Exception\InvalidCall;

/**
 * Whom a request is for: all workers, those of these names, or those whose names match a pattern.
 */
final readonly class Nodes
{
    /**
     * @param list<string>|null $names
     */
    private function __construct(public ?array $names, public ?string $pattern, public ?string $matcher)
    {
    }

    /**
     * Every worker.
     */
    public static function all(): self
    {
        return new self(null, null, null);
    }

    /**
     * Workers by their names, like "celery@host".
     *
     * @throws InvalidCall without a name
     */
    public static function named(string ...$names): self
    {
        return $names === []
            ? throw new InvalidCall('name a worker, or ask Nodes::all()')
            : new self(array_values($names), null, null);
    }

    /**
     * Workers whose name matches a shell pattern: `mail-*@*`. Celery before 4.4 takes it for all.
     */
    public static function glob(string $pattern): self
    {
        return new self(null, $pattern, 'glob');
    }

    /**
     * Workers whose name matches a regular expression. Celery before 4.4 takes it for all.
     */
    public static function pcre(string $pattern): self
    {
        return new self(null, $pattern, 'pcre');
    }
}
