<?php

declare(strict_types=1);

namespace Celeriac\Exception;

/**
 * Marks every exception that this package throws on purpose, so that one catch clause can name them all.
 *
 *     CeleriacException
 *     |- InvalidCall          the caller did it: nothing was published
 *     |- InvalidMessage       the peer did it: what came from the wire cannot be read
 *     |- TransportError
 *     |  |- BrokerUnavailable no connection within the timeout
 *     |  |- PublishFailed     refused, returned, or not confirmed
 *     |- TaskFailure          the task raised
 *     |  |- NotRegistered     the worker knows no task of that name
 *     |- TaskRevoked          the task was revoked, or had expired
 *     |- TaskTimeout          waiting ended; the task may still run
 */
interface CeleriacException extends \Throwable
{
}
