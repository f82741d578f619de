<?php

declare(strict_types=1);

namespace Celeriac\Transport;

use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Message\Wire;

/**
 * The way to all workers at once, and back. The whole contract of a driver for remote control.
 */
interface ControlChannel
{
    public const REQUESTS = 'celery.pidbox';
    public const REPLIES = 'reply.celery.pidbox';

    /**
     * Where workers have to send their replies.
     */
    public function routingKey(): string;

    /**
     * Gets ready for replies; to be called before the request is published, as workers answer within milliseconds.
     *
     * @throws BrokerUnavailable when there is no connection within the connect timeout
     */
    public function listen(): void;

    /**
     * Publishes a request to all workers. Nobody says how many there are.
     *
     * @throws BrokerUnavailable when there is no connection, or the broker refuses
     */
    public function publish(Wire $request): void;

    /**
     * The next reply, to whatever request.
     *
     * @return Wire|null null when none came in time
     * @throws BrokerUnavailable when the connection is lost: replies are lost with it
     * @throws InvalidMessage when what came is no message
     */
    public function next(float $seconds): ?Wire;

    /**
     * Takes away what listen() left at the broker.
     */
    public function rest(): void;

    /**
     * Ends the connection, if this object made it. Any number of calls.
     */
    public function close(): void;
}
