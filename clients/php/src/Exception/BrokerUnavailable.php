<?php

declare(strict_types=1);

namespace Celeriac\Exception;

/**
 * No connection to a broker or result store within the connect timeout. The message names the URL without its password.
 */
final class BrokerUnavailable extends TransportError
{
    /**
     * @param string $url where the server was looked for, without a password
     * @param string $why what the driver said
     */
    public function __construct(public readonly string $url, string $why, ?\Throwable $previous = null)
    {
        parent::__construct(
            sprintf(
                '%s cannot be reached: %s. Is the server running, and are host, port, user and password right?',
                $url,
                rtrim($why, '. '),
            ),
            0,
            $previous,
        );
    }
}
