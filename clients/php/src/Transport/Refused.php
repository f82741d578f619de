<?php

declare(strict_types=1);

namespace Celeriac\Transport;

/**
 * The server is there and said no; the code is the server's own, such as AMQP's 404. Passes between a driver and its
 * broker or store; callers of this package see the exception that those make of it.
 *
 * @internal
 */
final class Refused extends \RuntimeException
{
}
