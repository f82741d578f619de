<?php

declare(strict_types=1);

namespace Celeriac\Exception;

/**
 * The worker that took the message has no task of that name: check the name, and which queue goes to which worker.
 */
final class NotRegistered extends TaskFailure
{
}
