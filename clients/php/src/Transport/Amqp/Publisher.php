<?php

declare(strict_types=1);

namespace Celeriac\Transport\Amqp;

use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Exception\InvalidCall;
use Celeriac\Message\Wire;
use Celeriac\Transport\ConnectionLost;
use Celeriac\Transport\Delivery;
use Celeriac\Transport\Refused;

/**
 * What AmqpBroker asks of an AMQP library: one connection with one channel in confirm mode.
 *
 * After Refused the channel is closed, after ConnectionLost the connection; both are opened again when next needed.
 *
 * @internal
 */
interface Publisher
{
    /**
     * Whether the broker has a queue of this name (a passive declare).
     *
     * @throws BrokerUnavailable|ConnectionLost|Refused
     */
    public function hasQueue(string $name): bool;

    /**
     * Creates a durable queue without arguments.
     *
     * @throws BrokerUnavailable|ConnectionLost|Refused
     */
    public function declareQueue(string $name): void;

    /**
     * Puts a message into the library's form, without sending anything.
     *
     * @return object for publish(), any number of times
     * @throws InvalidCall when a header or property has no form in AMQP
     */
    public function prepare(Wire $wire): object;

    /**
     * Sends a mandatory message, without waiting for its confirm.
     *
     * @param object $message what prepare() made of the delivery's message
     * @throws BrokerUnavailable|ConnectionLost|Refused
     */
    public function publish(Delivery $delivery, object $message, Confirms $confirms): void;

    /**
     * Waits until nothing is pending any more.
     *
     * @param float $seconds how long the broker may stay silent
     * @throws ConnectionLost|Refused ConnectionLost also when it stayed silent
     */
    public function settle(Confirms $confirms, float $seconds): void;

    /**
     * Drops the connection without ceremony, if it is this object's own.
     */
    public function discard(): void;

    /**
     * Ends the connection in order, if it is this object's own.
     */
    public function close(): void;
}
