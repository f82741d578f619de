<?php

declare(strict_types=1);

namespace Celeriac\Transport\Redis;

use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Transport\ConnectionLost;
use Celeriac\Transport\Refused;

/**
 * The Redis commands that are needed here. Connects when first used, and again after discard().
 */
interface Commands
{
    /**
     * LPUSH of all items, the first pushed first.
     *
     * @param non-empty-list<string> $items
     * @throws BrokerUnavailable|ConnectionLost|Refused
     */
    public function push(string $list, array $items): void;

    /**
     * GET.
     *
     * @return string|null null when there is no such key
     * @throws BrokerUnavailable|ConnectionLost|Refused
     */
    public function get(string $key): ?string;

    /**
     * SET with an expiry.
     *
     * @throws BrokerUnavailable|ConnectionLost|Refused
     */
    public function set(string $key, string $value, int $seconds): void;

    /**
     * DEL.
     *
     * @throws BrokerUnavailable|ConnectionLost|Refused
     */
    public function delete(string $key): void;

    /**
     * RPOP.
     *
     * @return string|null null when the list is empty
     * @throws BrokerUnavailable|ConnectionLost|Refused
     */
    public function pop(string $list): ?string;

    /**
     * PUBLISH.
     *
     * @throws BrokerUnavailable|ConnectionLost|Refused
     */
    public function publish(string $channel, string $message): void;

    /**
     * SADD of one member.
     *
     * @throws BrokerUnavailable|ConnectionLost|Refused
     */
    public function addToSet(string $key, string $member): void;

    /**
     * SREM of one member.
     *
     * @throws BrokerUnavailable|ConnectionLost|Refused
     */
    public function removeFromSet(string $key, string $member): void;

    /**
     * Number of the database that the connection uses, which is part of the names of channels.
     *
     * @throws BrokerUnavailable|ConnectionLost
     */
    public function database(): int;

    /**
     * What to call the server in messages: its URL without a password.
     */
    public function name(): string;

    /**
     * Drops a broken connection.
     */
    public function discard(): void;

    /**
     * Ends the connection if it was made here.
     */
    public function close(): void;
}
