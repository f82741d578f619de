<?php

// Nodes of a canvas as the testee protocol has them, and the signatures that they stand for.

declare(strict_types=1);

use Celeriac\{Canvas, Signature};
use Celeriac\Serialization\JsonObject;

function node(JsonObject $node): Signature
{
    $parts = $node->members;
    $items = static fn (JsonObject $of): array => [$of->members['task'], untag($of->members['items'])];
    return match (true) {
        isset($parts['chain']) => Canvas::chain(...array_map(node(...), $parts['chain'])),
        isset($parts['group']) => Canvas::group(...array_map(node(...), $parts['group'])),
        isset($parts['chord']) => chord($parts['chord']->members),
        isset($parts['map']) => Canvas::map(...$items($parts['map'])),
        isset($parts['starmap']) => Canvas::starmap(...$items($parts['starmap'])),
        isset($parts['chunks']) => Canvas::chunks(...$items($parts['chunks']), size: $parts['chunks']->members['size']),
        default => new Signature(
            $parts['task'],
            untag($parts['args'] ?? []),
            untag($parts['kwargs'] ?? new JsonObject())->members,
            options($parts['options'] ?? new JsonObject()),
            $parts['immutable'] ?? false,
            $parts['subtask_type'] ?? null,
        ),
    };
}

function chord(array $parts): Signature
{
    return Canvas::chord(array_map(node(...), $parts['header']), node($parts['body']));
}

/** Options by their names; callbacks and errbacks are nodes, or one. */
function options(JsonObject $options): array
{
    $named = [];
    foreach ($options->members as $name => $value) {
        $isLink = $name === 'link' || $name === 'link_error';
        $named[$name] = $isLink ? array_map(node(...), is_array($value) ? $value : [$value]) : untag($value);
    }
    return $named;
}
