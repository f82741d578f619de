<?php

declare(strict_types=1);

namespace Celeriac;

use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Exception\TaskFailure;
use Celeriac\Exception\TaskRevoked;
use Celeriac\Exception\TaskTimeout;

/**
 * What Client::sendGroup() hands back: the id of a group, and the results of its members in their order.
 */
final readonly class GroupResult
{
    /**
     * @internal made by Client
     * @param list<AsyncResult> $children
     */
    public function __construct(public string $id, public array $children)
    {
    }

    /**
     * Waits for all members to end and returns their results.
     *
     * @param float|null $timeout seconds for all of them together; null: for ever
     * @return list<mixed> in the order of the members; see AsyncResult::get()
     * @throws TaskFailure|TaskRevoked what the first member in that order has that did not succeed
     * @throws TaskTimeout when not all ended in time; it names the member that was waited for
     * @throws InvalidMessage|InvalidCall|BrokerUnavailable as AsyncResult::get()
     */
    public function get(?float $timeout = null): array
    {
        $deadline = $timeout === null ? null : microtime(true) + $timeout;

        return array_map(
            static fn (AsyncResult $child): mixed => $child->get(
                $deadline === null ? null : max(0.0, $deadline - microtime(true)),
            ),
            $this->children,
        );
    }
}
