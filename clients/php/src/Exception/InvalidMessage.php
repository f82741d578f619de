<?php

declare(strict_types=1);

namespace Celeriac\Exception;

/**
 * Bytes from the wire break the protocol. No other exception comes out of a parse() of this package, whatever the bytes.
 */
final class InvalidMessage extends \UnexpectedValueException implements CeleriacException
{
}
