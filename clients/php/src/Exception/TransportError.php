<?php

declare(strict_types=1);

namespace Celeriac\Exception;

/**
 * Something between this process and the broker, not the message and not the task.
 */
abstract class TransportError extends \RuntimeException implements CeleriacException
{
}
