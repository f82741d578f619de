<?php

declare(strict_types=1);

namespace Celeriac\Canvas;

use Celeriac\Canvas;
use Celeriac\Exception\InvalidCall;
use Celeriac\SendOptions;
use Celeriac\Serialization\JsonObject;
use Celeriac\Signature;

/**
 * Makes of a canvas the messages that Celery's producer makes of it. Pure: ids are made by what is handed in.
 *
 * @internal
 */
final class Planner
{
    /** @var list<PlannedCall> */
    private array $calls = [];

    /** @var array<array-key, int> */
    private array $chords = [];

    private function __construct(private readonly Freezer $freezer, private readonly bool $countsChords)
    {
    }

    /**
     * @param Signature $call a task or a canvas; its own options do not count
     * @param SendOptions $options of the whole
     * @param \Closure(): string $newId makes ids of tasks and groups
     * @param string $replyTo queue for rpc results
     * @param bool $countsChords whether the result store counts the members of a chord; a chord is one message
     *                           otherwise, which a Celery worker takes apart
     * @throws InvalidCall when the canvas cannot be sent
     */
    public static function plan(
        Signature $call,
        SendOptions $options,
        \Closure $newId,
        string $replyTo,
        bool $countsChords,
    ): Plan {
        if ($call->subtaskType === null) {
            $id = $options->taskId ?? $newId();

            return new Plan(new End($id), [new PlannedCall($id, $call, $options)], []);
        }
        $planner = new self(new Freezer($newId, $replyTo), $countsChords);
        $call = Structure::with($call, $call->kwargs, []);
        $call = Structure::spread($call, $options->link, $options->linkError, $options->stamps);
        $end = $planner->call($call, $options->with(link: [], linkError: [], stamps: []), []);

        return new Plan($end, $planner->calls, $planner->chords);
    }

    /**
     * @param array<string, mixed> $place group_id, group_index and chord for the task whose result is the call's
     */
    private function call(Signature $call, SendOptions $options, array $place): End
    {
        $call = Structure::settled($call);
        $options = $options->over(SendOptions::fromArray($call->options));

        return match ($call->subtaskType) {
            null => $this->message($call, $options, $place),
            Structure::CHAIN => $this->chain(Structure::steps($call), $options, $place),
            Structure::GROUP => $this->group(Structure::members($call), $options, $place),
            Structure::CHORD => $this->chord($call, $options, $place),
            default => throw new InvalidCall("no canvas is called {$call->subtaskType}"),
        };
    }

    /**
     * @param array<string, mixed> $place
     * @param list<JsonObject> $chain steps that follow, the last first
     */
    private function message(Signature $call, SendOptions $options, array $place, array $chain = []): End
    {
        $id = $options->taskId ?? $this->freezer->newId();
        $fields = array_filter(
            [
                'group' => $place['group_id'] ?? null,
                'group_index' => $place['group_index'] ?? null,
                'chord' => $place['chord'] ?? null,
                'chain' => $chain === [] ? null : $chain,
            ],
            static fn (mixed $value): bool => $value !== null,
        );
        $this->calls[] = new PlannedCall($id, $call, $options, $fields);

        return new End($id);
    }

    /**
     * @param non-empty-list<Signature> $steps
     * @param array<string, mixed> $place
     */
    private function chain(array $steps, SendOptions $options, array $place): End
    {
        $first = array_shift($steps);
        if ($steps === []) {
            return $this->call($first, $options, $place);
        }
        if ($first->subtaskType !== null) {
            // a chord, as a group before a step has become one: what follows belongs to its body
            $body = ['body' => Canvas::chain(Structure::body($first), ...$steps)];

            return $this->call(Structure::with($first, $body + $first->kwargs, $first->options), $options, $place);
        }
        $last = array_pop($steps);
        $ownId = $options->taskId === null ? [] : ['task_id' => $options->taskId];
        $end = $this->freezer->freeze($last, $ownId + $place);
        $frozen = array_map(fn (Signature $step): Frozen => $this->freezer->freeze($step), $steps);
        $chain = array_map(
            static fn (Frozen $step): JsonObject => $step->signature->toObject(),
            array_reverse([...$frozen, $end]),
        );
        $this->message(
            $first,
            $options->with(taskId: null)->over(SendOptions::fromArray($first->options)),
            [],
            $chain,
        );

        return $end->end;
    }

    /**
     * @param list<Signature> $members
     * @param array<string, mixed> $place
     */
    private function group(array $members, SendOptions $options, array $place): End
    {
        if ($place !== []) {
            throw new InvalidCall('a canvas that ends with a group has many results: it cannot be a member of another');
        }
        $id = $options->taskId ?? $this->freezer->newId();

        return new End($id, $this->members($members, $options, $id));
    }

    /**
     * @param list<Signature> $members
     * @return list<string> ids of their results
     */
    private function members(array $members, SendOptions $options, string $groupId, ?JsonObject $chord = null): array
    {
        $ids = [];
        foreach ($members as $i => $member) {
            $place = ['group_id' => $groupId, 'group_index' => $i] + ($chord === null ? [] : ['chord' => $chord]);
            $ids[] = $this->call($member, $options->with(taskId: null), $place)->id;
        }

        return $ids;
    }

    /**
     * @param array<string, mixed> $place
     */
    private function chord(Signature $chord, SendOptions $options, array $place): End
    {
        [$members, $body] = [Structure::members($chord), Structure::body($chord)];
        if ($members === []) {
            return $this->call(self::withNothing($body), $options, $place);
        }
        // what holds for the whole holds for the body too, but not the time at which the header starts
        $ofBody = $options->with(taskId: null, countdown: null, eta: null)->toArray();
        $groupId = $this->freezer->newId();
        $isOwn = $place === [] && $this->countsChords && !Structure::endsInGroup($body);
        $own = $isOwn ? ['group_id' => $groupId] : $place;
        $own += $options->taskId === null ? [] : ['task_id' => $options->taskId];
        $frozen = $this->freezer->freeze(Structure::with($body, $body->kwargs, $ofBody + $body->options), $own);
        if (!$this->countsChords) {
            $kwargs = ['header' => $members, 'body' => $frozen->signature, 'kwargs' => new JsonObject()];
            $this->message(new Signature('celery.chord', kwargs: $kwargs), $options->with(taskId: null), []);

            return $frozen->end;
        }
        $this->chords[$groupId] = count($members);
        $this->members($members, $options, $groupId, $frozen->signature->toObject());

        return $frozen->end;
    }

    /**
     * The body of a chord whose header is empty, with the empty list of its results.
     */
    private static function withNothing(Signature $body): Signature
    {
        $kwargs = $body->kwargs;
        switch ($body->subtaskType) {
            case null:
                $args = $body->immutable ? $body->args : [[], ...$body->args];

                return new Signature($body->task, $args, $kwargs, $body->options, $body->immutable);
            case Structure::CHAIN:
                $kwargs['tasks'] = Structure::steps($body);
                $kwargs['tasks'][0] = self::withNothing($kwargs['tasks'][0]);
                break;
            default:
                $kwargs[$body->subtaskType === Structure::CHORD ? 'header' : 'tasks']
                    = array_map(self::withNothing(...), Structure::members($body));
        }

        return Structure::with($body, $kwargs, $body->options);
    }
}
