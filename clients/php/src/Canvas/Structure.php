<?php

declare(strict_types=1);

namespace Celeriac\Canvas;

use Celeriac\Exception\InvalidCall;
use Celeriac\Serialization\JsonObject;
use Celeriac\Signature;

/**
 * What a canvas is made of, read out of the signature that stands for it.
 *
 * @internal
 */
final class Structure
{
    public const CHAIN = 'chain';
    public const GROUP = 'group';
    public const CHORD = 'chord';

    /**
     * The steps of a chain: chains within it taken apart, a group that is followed by a step made a chord.
     *
     * @return non-empty-list<Signature>
     */
    public static function steps(Signature $chain): array
    {
        $flat = [];
        foreach (self::parts($chain, 'tasks') as $step) {
            $step = self::settled($step);
            $flat = [...$flat, ...$step->subtaskType === self::CHAIN ? self::steps($step) : [$step]];
        }
        $steps = [];
        foreach (array_reverse($flat) as $step) {
            if ($step->subtaskType === self::GROUP && $steps !== []) {
                $step = self::chordOf($step, self::parts($step, 'tasks'), array_shift($steps));
            }
            array_unshift($steps, $step);
        }

        return $steps === [] ? throw new InvalidCall('a chain needs a step') : $steps;
    }

    /**
     * The members of a group or of a chord's header, groups within it taken apart.
     *
     * @return list<Signature>
     */
    public static function members(Signature $canvas): array
    {
        $header = $canvas->kwargs['header'] ?? null;
        $group = $canvas->subtaskType === self::CHORD && !is_array($header) ? self::signature($header) : $canvas;
        $members = [];
        foreach (self::parts($group, $group->subtaskType === self::CHORD ? 'header' : 'tasks') as $member) {
            $member = self::settled($member);
            $members = [...$members, ...$member->subtaskType === self::GROUP ? self::members($member) : [$member]];
        }

        return $members;
    }

    /**
     * The body of a chord.
     */
    public static function body(Signature $chord): Signature
    {
        return self::settled(self::signature($chord->kwargs['body'] ?? null));
    }

    /**
     * Whether the result is that of a group: many in place of one.
     */
    public static function endsInGroup(Signature $canvas): bool
    {
        return match ($canvas->subtaskType) {
            self::GROUP => true,
            self::CHAIN => self::endsInGroup(self::steps($canvas)[count(self::steps($canvas)) - 1]),
            self::CHORD => self::endsInGroup(self::body($canvas)),
            default => false,
        };
    }

    /**
     * A signature whose own link, link_error and stamps are with those of its parts that they concern.
     *
     * @throws InvalidCall when a group has a link
     */
    public static function settled(Signature $canvas): Signature
    {
        if ($canvas->subtaskType === null) {
            return $canvas;
        }
        $options = $canvas->options;
        $stamps = array_intersect_key($options, array_flip($options['stamped_headers'] ?? []));
        [$link, $linkError] = [$options['link'] ?? [], $options['link_error'] ?? []];
        $own = array_diff_key($options, $stamps, ['stamped_headers' => 0, 'link' => 0, 'link_error' => 0]);

        return self::spread(self::with($canvas, $canvas->kwargs, $own), $link, $linkError, $stamps);
    }

    /**
     * Gives a task, or those parts of a canvas that it concerns, callbacks, errbacks and stamps: callbacks to where the
     * result comes from, errbacks to every step and member, but of a chord to the body alone, stamps to all.
     *
     * @param list<mixed> $link
     * @param list<mixed> $linkError
     * @param array<string, mixed> $stamps
     * @throws InvalidCall when a group would get a callback
     */
    public static function spread(Signature $canvas, array $link, array $linkError, array $stamps): Signature
    {
        if ($link === [] && $linkError === [] && $stamps === []) {
            return $canvas;
        }
        $kwargs = $canvas->kwargs;
        switch ($canvas->subtaskType) {
            case null:
                return self::extended($canvas, $link, $linkError, $stamps);
            case self::CHORD:
                $kwargs['body'] = self::spread(self::body($canvas), $link, $linkError, $stamps);
                $kwargs['header'] = self::each(self::members($canvas), [], $stamps);
                break;
            case self::CHAIN:
                $kwargs['tasks'] = self::each(self::steps($canvas), $linkError, $stamps);
                $last = array_pop($kwargs['tasks']);
                $kwargs['tasks'][] = self::spread($last, $link, [], []);
                break;
            default:
                if ($link !== []) {
                    throw new InvalidCall('a group has no one result to hand on: add a step, or link its members');
                }
                $kwargs['tasks'] = self::each(self::members($canvas), $linkError, $stamps);
        }

        return self::with($canvas, $kwargs, $canvas->options);
    }

    /**
     * A signature with other keyword arguments and options.
     *
     * @param array<string, mixed> $kwargs
     * @param array<string, mixed> $options
     */
    public static function with(Signature $call, array $kwargs, array $options): Signature
    {
        return new Signature($call->task, $call->args, $kwargs, $options, $call->immutable, $call->subtaskType);
    }

    /**
     * @param list<Signature> $parts
     * @param list<mixed> $linkError
     * @param array<string, mixed> $stamps
     * @return list<Signature>
     */
    private static function each(array $parts, array $linkError, array $stamps): array
    {
        return array_map(
            static fn (Signature $part): Signature => self::spread($part, [], $linkError, $stamps),
            $parts,
        );
    }

    /**
     * @param list<mixed> $link
     * @param list<mixed> $linkError
     * @param array<string, mixed> $stamps
     */
    private static function extended(Signature $call, array $link, array $linkError, array $stamps): Signature
    {
        $options = $call->stamp($stamps)->options;
        foreach (array_filter(['link' => $link, 'link_error' => $linkError]) as $name => $more) {
            $options[$name] = [...$options[$name] ?? [], ...$more];
        }

        return self::with($call, $call->kwargs, $options);
    }

    /**
     * @param list<Signature> $header
     */
    private static function chordOf(Signature $group, array $header, Signature $body): Signature
    {
        $kwargs = ['kwargs' => new JsonObject(), 'header' => $header, 'body' => $body];

        return new Signature('celery.chord', [], $kwargs, $group->options, subtaskType: self::CHORD);
    }

    /**
     * @return list<Signature>
     */
    private static function parts(Signature $canvas, string $name): array
    {
        $parts = $canvas->kwargs[$name] ?? [];

        return is_array($parts)
            ? array_map(self::signature(...), array_values($parts))
            : throw new InvalidCall("$name of a {$canvas->subtaskType} have to be a list of signatures");
    }

    private static function signature(mixed $value): Signature
    {
        return match (true) {
            $value instanceof Signature => $value,
            $value instanceof JsonObject => Signature::fromObject($value),
            default => throw new InvalidCall('a canvas is made of signatures'),
        };
    }
}
