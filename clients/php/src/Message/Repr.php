<?php

declare(strict_types=1);

namespace Celeriac\Message;

use Celeriac\Exception\InvalidCall;
use Celeriac\Serialization\Bytes;
use Celeriac\Serialization\Json;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Values;

/**
 * Arguments as a short ASCII text for logs and events: JSON-like, at most 1024 characters, three levels deep.
 */
final class Repr
{
    public const MAX_LENGTH = 1024;
    private const MAX_DEPTH = 3;
    private const CUT = '...';

    /**
     * @throws InvalidCall for a value that cannot be sent
     */
    public static function of(mixed $value): string
    {
        return self::cut(self::write($value, self::MAX_LENGTH, 0), self::MAX_LENGTH);
    }

    private static function write(mixed $value, int $room, int $depth): string
    {
        if (is_string($value)) {
            return self::text($value, $room);
        }
        $value = Values::open($value);

        return match (true) {
            is_array($value), $value instanceof JsonObject => $depth < self::MAX_DEPTH
                ? self::members($value, $room, $depth)
                : self::CUT,
            $value instanceof \DateTimeInterface => $value->format(\DATE_ATOM),
            $value instanceof Bytes => sprintf('<%d bytes>', strlen($value->bytes)),
            $value instanceof \Stringable => (string) $value,
            default => Json::encode($value),
        };
    }

    /**
     * @param list<mixed>|JsonObject $value
     */
    private static function members(array|JsonObject $value, int $room, int $depth): string
    {
        $named = $value instanceof JsonObject;
        $written = '';
        foreach ($named ? $value->members : $value as $name => $member) {
            if (strlen($written) >= $room) {
                $written .= self::CUT;
                break;
            }
            $written .= $written === '' ? '' : ', ';
            $written .= $named ? self::text((string) $name, $room) . ': ' : '';
            $written .= self::write($member, max(0, $room - strlen($written)), $depth + 1);
        }

        return $named ? '{' . $written . '}' : "[$written]";
    }

    private static function text(string $text, int $room): string
    {
        // cut by bytes before it is escaped, so that a body of megabytes costs nothing here
        $head = substr($text, 0, $room + 4);
        if ($head === $text) {
            return Json::encode($text);
        }
        $whole = preg_replace('/[\xC0-\xFF][\x80-\xBF]{0,3}$/D', '', $head) ?? '';

        return substr(Json::encode($whole), 0, -1) . self::CUT . '"';
    }

    private static function cut(string $text, int $length): string
    {
        return strlen($text) <= $length ? $text : substr($text, 0, $length - strlen(self::CUT)) . self::CUT;
    }
}
