<?php

declare(strict_types=1);

namespace Celeriac\Exception;

/**
 * The caller asked for something that cannot be sent. Thrown before anything is published; says what to change.
 */
final class InvalidCall extends \InvalidArgumentException implements CeleriacException
{
}
