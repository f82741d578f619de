<?php

declare(strict_types=1);

namespace Celeriac\Transport\Redis;

use Celeriac\Transport\ConnectionLost;

/**
 * The part of Redis' protocol that a subscribed connection speaks: flat arrays of texts and numbers, and status lines.
 *
 * @internal
 */
final class Resp
{
    /**
     * Takes one whole reply off the front of the buffer.
     *
     * @return list<string>|null its elements; a status or error line is one element, errors with their "-" in front;
     *                           null, and the buffer as it was, when the reply is not all there
     * @throws ConnectionLost when the bytes are not Redis' protocol
     */
    public static function take(string &$buffer): ?array
    {
        $at = 0;
        $line = self::line($buffer, $at);
        if ($line === null) {
            return null;
        }
        if ($line === '' || !str_contains('+-:*', $line[0])) {
            throw new ConnectionLost('the server does not speak Redis');
        }
        $elements = $line[0] === '-' ? [$line] : [substr($line, 1)];
        if ($line[0] === '*') {
            $elements = [];
            for ($count = (int) substr($line, 1); $count > 0; $count--) {
                $element = self::element($buffer, $at);
                if ($element === null) {
                    return null;
                }
                $elements[] = $element;
            }
        }
        $buffer = substr($buffer, $at);

        return $elements;
    }

    private static function element(string $buffer, int &$at): ?string
    {
        $line = self::line($buffer, $at);
        if ($line === null || !str_starts_with($line, '$')) {
            return $line === null ? null : substr($line, 1);
        }
        $length = (int) substr($line, 1);
        if ($length < 0) {
            return '';
        }
        if (strlen($buffer) < $at + $length + 2) {
            return null;
        }
        $text = substr($buffer, $at, $length);
        $at += $length + 2;

        return $text;
    }

    private static function line(string $buffer, int &$at): ?string
    {
        $end = strpos($buffer, "\r\n", $at);
        if ($end === false) {
            return null;
        }
        $line = substr($buffer, $at, $end - $at);
        $at = $end + 2;

        return $line;
    }
}
