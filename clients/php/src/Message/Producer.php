<?php

declare(strict_types=1);

namespace Celeriac\Message;

use Celeriac\Exception\InvalidCall;
use Celeriac\SendOptions;
use Celeriac\Serialization\Compression;
use Celeriac\Serialization\Iso8601;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Values;
use Celeriac\Signature;

/**
 * Turns calls into messages, as Celery 5.7 writes them. Pure: id and time are arguments.
 */
final readonly class Producer
{
    public const LANG = 'php';
    private const PERSISTENT = 2;
    /** RabbitMQ refuses an expiration of 2^32 ms and more by closing the channel */
    private const MAX_EXPIRATION = 4_294_967_295;
    private const MAX_YEAR = 9999;

    /**
     * @param string $origin name of this process, like "gen4711@host"
     * @param string $replyTo queue for rpc results; sent with every message, as Celery does
     */
    public function __construct(private string $origin, private string $replyTo)
    {
    }

    /**
     * The message for one call.
     *
     * @param array<string, mixed> $canvas fields of a message that is part of a canvas: group, chain, ...
     * @throws InvalidCall when an option or argument cannot be sent
     */
    public function message(
        Signature $call,
        SendOptions $options,
        string $id,
        \DateTimeImmutable $now,
        array $canvas = [],
    ): TaskMessage {
        $expires = self::instant($options->expires, $now, 'expires');
        $fields = [
            'lang' => self::LANG,
            'task' => $call->task,
            'id' => $id,
            'shadow' => $options->shadow,
            'eta' => self::text(self::instant($options->eta ?? $options->countdown, $now, 'countdown')),
            'expires' => self::text($expires),
            'group' => null,
            'group_index' => null,
            'retries' => 0,
            'timelimit' => [$options->timeLimit, $options->softTimeLimit],
            'root_id' => $options->rootId ?? $id,
            'parent_id' => $options->parentId,
            'argsrepr' => Repr::of($call->args),
            'kwargsrepr' => Repr::of(new JsonObject($call->kwargs)),
            'origin' => $this->origin,
            'ignore_result' => $options->ignoreResult,
            'replaced_task_nesting' => 0,
            'stamped_headers' => $options->stamps === [] ? null : array_keys($options->stamps),
            'stamps' => self::stamps($options->stamps),
            'correlation_id' => $id,
            'reply_to' => $options->replyTo ?? $this->replyTo,
            'delivery_mode' => self::PERSISTENT,
            ...$options->priority === null ? [] : ['priority' => $options->priority],
            ...self::expiration($expires, $now),
            ...$options->compression === null ? [] : ['compression' => Compression::mimeName($options->compression)],
            ...self::body($call, $options),
        ];

        $extra = array_filter(['headers' => self::ownHeaders($options->headers)]);
        $form = $options->serializer;

        return TaskMessage::of($canvas + $fields, $extra, $form->value, $form->contentEncoding());
    }

    /**
     * @return array<string, mixed>
     */
    private static function body(Signature $call, SendOptions $options): array
    {
        return [
            'args' => $call->args,
            'kwargs' => new JsonObject($call->kwargs),
            'callbacks' => self::links($options->link),
            'errbacks' => self::links($options->linkError),
            'chain' => null,
            'chord' => null,
        ];
    }

    /**
     * @param array<string, mixed> $stamps
     */
    private static function stamps(array $stamps): JsonObject
    {
        return new JsonObject($stamps === [] ? [] : array_map(Values::lossless(...), $stamps));
    }

    /**
     * @param array<array-key, mixed> $headers
     * @return array<array-key, mixed>
     */
    private static function ownHeaders(array $headers): array
    {
        $taken = array_key_first(array_intersect_key($headers, TaskMessage::FIELDS));
        if ($taken !== null) {
            throw new InvalidCall("header $taken belongs to the protocol: use the option, or another name");
        }

        return array_map(Values::lossless(...), $headers);
    }

    /**
     * @param list<Signature> $links
     * @return list<JsonObject>|null
     */
    private static function links(array $links): ?array
    {
        return $links === [] ? null : array_map(static fn (Signature $link): JsonObject => $link->toObject(), $links);
    }

    private static function instant(
        int|float|\DateTimeInterface|null $when,
        \DateTimeImmutable $now,
        string $option,
    ): ?\DateTimeInterface {
        if (is_int($when) || is_float($when)) {
            $seconds = abs($when) < 1e12
                ? (float) $now->format('U.u') + $when
                : throw new InvalidCall("$option is too far from now");
            $when = \DateTimeImmutable::createFromFormat('U.u', number_format($seconds, 6, '.', '')) ?: null;
        }
        $year = (int) $when?->format('Y');

        return $year <= self::MAX_YEAR ? $when : throw new InvalidCall("$option is after the year 9999");
    }

    private static function text(?\DateTimeInterface $instant): ?string
    {
        return $instant === null ? null : Iso8601::formatUtc($instant);
    }

    /**
     * @return array{expiration?: string} nothing when RabbitMQ would refuse it; workers go by the header anyway
     */
    private static function expiration(?\DateTimeInterface $expires, \DateTimeImmutable $now): array
    {
        if ($expires === null) {
            return [];
        }
        $milliseconds = (int) max(0, ((float) $expires->format('U.u') - (float) $now->format('U.u')) * 1000);

        return $milliseconds > self::MAX_EXPIRATION ? [] : ['expiration' => (string) $milliseconds];
    }
}
