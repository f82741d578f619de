<?php

declare(strict_types=1);

namespace Celeriac\Transport;

use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\PublishFailed;

/**
 * Where messages go. The whole contract of a broker driver.
 */
interface Broker
{
    /**
     * Publishes messages in this order and returns when the broker has taken charge of all of them.
     *
     * A connection found broken is made anew once and what was not confirmed is sent again, under the same task ids, so
     * that a message may arrive twice but is not lost.
     *
     * @param list<Delivery> $deliveries
     * @throws BrokerUnavailable when there is no connection within the connect timeout
     * @throws PublishFailed when messages were refused, returned or not confirmed; it names their tasks
     * @throws InvalidCall when this broker cannot carry a message
     */
    public function publish(array $deliveries): void;

    /**
     * Ends the connection, if this object made it. Any number of calls.
     */
    public function close(): void;
}
