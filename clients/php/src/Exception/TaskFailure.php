<?php

declare(strict_types=1);

namespace Celeriac\Exception;

/**
 * The task ended with an exception. Its Python class is only named here, never looked up.
 */
class TaskFailure extends \RuntimeException implements CeleriacException
{
    /**
     * @param string $taskId id of the task
     * @param string $state final state as text, usually "FAILURE"
     * @param string $excType name of the exception's class, like "ValueError"
     * @param string|null $excModule module of that class, like "builtins"
     * @param list<mixed> $excArgs arguments of the exception, associative arrays for objects
     * @param string|null $traceback the worker's traceback as text
     */
    final public function __construct(
        public readonly string $taskId,
        public readonly string $state,
        public readonly string $excType,
        public readonly ?string $excModule = null,
        public readonly array $excArgs = [],
        public readonly ?string $traceback = null,
    ) {
        $words = array_filter($excArgs, is_scalar(...));
        $said = implode(', ', array_map(strval(...), $words));
        parent::__construct($said === '' ? $excType : "$excType: $said");
    }
}
