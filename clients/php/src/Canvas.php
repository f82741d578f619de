<?php

declare(strict_types=1);

namespace Celeriac;

use Celeriac\Canvas\Structure;
use Celeriac\Exception\InvalidCall;

/**
 * Calls made of calls. Each is a Signature, so that they go into each other, and into link and linkError.
 *
 *     $client->send(Canvas::chain(new Signature('add', [2, 3]), new Signature('add', [10])))->get();        // 15
 *     $client->sendGroup(Canvas::group(new Signature('add', [1, 1]), new Signature('add', [2, 2])))->get(); // [2, 4]
 */
final class Canvas
{
    /**
     * One after the other: each step gets the result of the step before it as its first argument, unless it is
     * immutable. The result is the last step's. A group that is followed by a step becomes a chord.
     *
     * @throws InvalidCall without a step
     */
    public static function chain(Signature ...$steps): Signature
    {
        return $steps === []
            ? throw new InvalidCall('a chain needs a step')
            : new Signature('celery.chain', kwargs: ['tasks' => array_values($steps)], subtaskType: Structure::CHAIN);
    }

    /**
     * All at once: the results are a list in the order of the members. Groups within it are taken apart.
     */
    public static function group(Signature ...$members): Signature
    {
        $kwargs = ['tasks' => array_values($members)];

        return new Signature('celery.group', kwargs: $kwargs, subtaskType: Structure::GROUP);
    }

    /**
     * All of the header at once, then the body with the list of their results. Needs results in Redis, or a Celery
     * worker whose results are in Redis.
     *
     * @param list<Signature> $header
     */
    public static function chord(array $header, Signature $body): Signature
    {
        $kwargs = ['kwargs' => new Serialization\JsonObject(), 'header' => array_values($header), 'body' => $body];

        return new Signature('celery.chord', kwargs: $kwargs, subtaskType: Structure::CHORD);
    }

    /**
     * One task that calls another for each item, with the item as its one argument; the result is a list.
     *
     * @param string|Signature $task name of the other task, or a signature
     * @param list<mixed> $items
     */
    public static function map(string|Signature $task, array $items): Signature
    {
        return self::mapped('celery.map', $task, $items);
    }

    /**
     * As map(), each item being a list of arguments.
     *
     * @param string|Signature $task name of the other task, or a signature
     * @param list<list<mixed>> $items
     */
    public static function starmap(string|Signature $task, array $items): Signature
    {
        return self::mapped('celery.starmap', $task, $items);
    }

    /**
     * A group of starmaps, each of so many items: the results are a list of lists.
     *
     * @param string|Signature $task name of the task, or a signature
     * @param list<list<mixed>> $items
     * @param int $size items in each
     * @throws InvalidCall when the size is under 1
     */
    public static function chunks(string|Signature $task, array $items, int $size): Signature
    {
        if ($size < 1) {
            throw new InvalidCall('a chunk has at least one item');
        }

        return self::group(...array_map(
            static fn (array $chunk): Signature => self::starmap($task, $chunk),
            array_chunk($items, $size),
        ));
    }

    /**
     * @param list<mixed> $items
     */
    private static function mapped(string $name, string|Signature $task, array $items): Signature
    {
        $task = is_string($task) ? new Signature($task) : $task;

        return new Signature($name, kwargs: ['task' => $task, 'it' => array_values($items)]);
    }
}
