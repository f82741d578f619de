<?php

declare(strict_types=1);

namespace Celeriac\Exception;

/**
 * Bytes from the wire break the protocol. No parse() of this package throws anything else, whatever the bytes.
 */
final class InvalidMessage extends \UnexpectedValueException implements CeleriacException
{
}
