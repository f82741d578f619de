<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

/**
 * The date texts of the wire, read as widely as Celery reads them and written as Python's isoformat() writes them.
 */
final class Iso8601
{
    private const PATTERN = '/^(?<year>\d{4})-(?<month>\d\d)-(?<day>\d\d)'
        . '(?:[T ](?<hour>[01]\d|2[0-3]):(?<minute>[0-5]\d)(?::(?<second>[0-5]\d)(?:[.,](?<fraction>\d{1,9}))?)?'
        . '(?<offset>Z|[+-](?:[01]\d|2[0-3])(?::?[0-5]\d(?::?[0-5]\d(?:\.\d+)?)?)?)?)?$/Di';

    /**
     * Reads an instant; text without an offset is UTC. Digits past the microsecond are cut.
     *
     * @return \DateTimeImmutable|null null when the text is no date
     */
    public static function parse(string $text): ?\DateTimeImmutable
    {
        if (preg_match(self::PATTERN, $text, $m, PREG_UNMATCHED_AS_NULL) !== 1) {
            return null;
        }
        [$year, $month, $day] = [(int) $m['year'], (int) $m['month'], (int) $m['day']];
        if ($year < 1 || !checkdate($month, $day, $year)) {
            return null;
        }
        $micros = (int) str_pad(substr($m['fraction'] ?? '', 0, 6), 6, '0');
        $offset = self::offsetSeconds($m['offset'] ?? 'Z');
        $sign = $offset < 0 ? '-' : '+';
        // PHP's zones know no seconds: such an offset (of local mean times) becomes UTC, the same instant.
        $zone = $offset % 60 === 0
            ? sprintf('%s%02d:%02d', $sign, intdiv(abs($offset), 3600), intdiv(abs($offset), 60) % 60)
            : '+00:00';

        return (new \DateTimeImmutable('now', new \DateTimeZone('+00:00')))
            ->setDate($year, $month, $day)
            ->setTime((int) $m['hour'], (int) $m['minute'], (int) $m['second'] - $offset, $micros)
            ->setTimezone(new \DateTimeZone($zone));
    }

    /**
     * Whether the text says how far it is from UTC.
     */
    public static function hasOffset(string $text): bool
    {
        return preg_match('/[T ].*(Z|[+-][\d:.]+)$/Di', $text) === 1;
    }

    /**
     * Python's isoformat(): microseconds only when there are any, an offset always.
     */
    public static function format(\DateTimeInterface $instant): string
    {
        return $instant->format((int) $instant->format('u') === 0 ? 'Y-m-d\TH:i:sP' : 'Y-m-d\TH:i:s.uP');
    }

    /**
     * The same in UTC, as the headers eta and expires are written.
     */
    public static function formatUtc(\DateTimeInterface $instant): string
    {
        return self::format(\DateTimeImmutable::createFromInterface($instant)->setTimezone(new \DateTimeZone('UTC')));
    }

    private static function offsetSeconds(string $offset): int
    {
        if (strtoupper($offset) === 'Z') {
            return 0;
        }
        $digits = str_pad(str_replace(':', '', substr($offset, 1)), 6, '0');
        [$hours, $minutes, $seconds] = array_map(intval(...), str_split(substr($digits, 0, 6), 2));

        return ($offset[0] === '-' ? -1 : 1) * ($hours * 3600 + $minutes * 60 + $seconds);
    }
}
