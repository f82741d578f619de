<?php

declare(strict_types=1);

namespace Celeriac\Canvas;

use Celeriac\Exception\InvalidCall;
use Celeriac\Signature;

/**
 * Settles the ids of what a worker will send later: steps of a chain, the body of a chord, groups and chords in them.
 *
 * @internal
 */
final readonly class Freezer
{
    /**
     * @param \Closure(): string $newId
     * @param string $replyTo queue for rpc results, without which the worker would get them itself
     */
    public function __construct(private \Closure $newId, private string $replyTo)
    {
    }

    /**
     * A signature with ids, in Celery's form.
     *
     * @param array<string, mixed> $more options for the task whose result is that of the whole: group_id, chord, ...
     * @throws InvalidCall when a group is where one result is needed
     */
    public function freeze(Signature $call, array $more = []): Frozen
    {
        $call = Structure::settled($call);

        return match ($call->subtaskType) {
            null => $this->task($call, $more),
            Structure::CHAIN => $this->chain($call, $more),
            Structure::GROUP => $this->group($call, $more),
            Structure::CHORD => $this->chord($call, $more),
            default => throw new InvalidCall("no canvas is called {$call->subtaskType}"),
        };
    }

    /**
     * A new id for a task or a group.
     */
    public function newId(): string
    {
        return ($this->newId)();
    }

    /**
     * @param array<string, mixed> $more
     */
    private function task(Signature $call, array $more): Frozen
    {
        $options = [...$call->options, 'reply_to' => $call->options['reply_to'] ?? $this->replyTo, ...$more];
        $options['task_id'] ??= $this->newId();

        return new Frozen(Structure::with($call, $call->kwargs, $options), new End($options['task_id']));
    }

    /**
     * @param array<string, mixed> $more
     */
    private function chain(Signature $chain, array $more): Frozen
    {
        $steps = Structure::steps($chain);
        $last = $this->freeze(array_pop($steps), $more);
        $tasks = array_map(fn (Signature $step): Signature => $this->freeze($step)->signature, $steps);
        $options = ['task_id' => $last->end->id] + $chain->options;

        return new Frozen(
            Structure::with($chain, ['tasks' => [...$tasks, $last->signature]], $options),
            $last->end,
        );
    }

    /**
     * @param array<string, mixed> $more
     */
    private function group(Signature $group, array $more): Frozen
    {
        if (isset($more['group_id'])) {
            throw new InvalidCall('a chain that ends with a group has many results: add a step, or send it by itself');
        }
        $id = $more['task_id'] ?? $group->options['task_id'] ?? $this->newId();
        $members = [];
        foreach (Structure::members($group) as $i => $member) {
            $members[] = $this->freeze($member, ['group_index' => $i]);
        }
        $options = [...$group->options, 'task_id' => $id, 'root_id' => null, 'parent_id' => null];
        $tasks = array_column($members, 'signature');
        $ids = array_map(static fn (Frozen $member): string => $member->end->id, $members);

        return new Frozen(Structure::with($group, ['tasks' => $tasks], $options), new End($id, $ids));
    }

    /**
     * @param array<string, mixed> $more
     */
    private function chord(Signature $chord, array $more): Frozen
    {
        $members = Structure::members($chord);
        $group = new Signature('celery.group', kwargs: ['tasks' => $members], subtaskType: Structure::GROUP);
        $header = $this->freeze($group);
        $body = $this->freeze(Structure::body($chord), $more);
        $kwargs = ['header' => $header->signature, 'body' => $body->signature] + $chord->kwargs;
        $options = [...$chord->options, 'task_id' => $header->end->id];

        return new Frozen(Structure::with($chord, $kwargs, $options), $body->end);
    }
}
