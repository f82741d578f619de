<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

/**
 * A float as Python writes it: the shortest text that reads back as the same number, always recognizable as a float.
 *
 * Independent of the ini settings `precision` and `serialize_precision` and of the locale.
 */
final class FloatText
{
    /**
     * Like "1.0", "-0.0", "1e+16", "5e-324", "NaN", "-Infinity".
     */
    public static function of(float $number): string
    {
        if (!is_finite($number)) {
            return is_nan($number) ? 'NaN' : ($number > 0 ? 'Infinity' : '-Infinity');
        }
        // 15 digits hold any shorter decimal, but near zero floats are coarser than that
        foreach (abs($number) < PHP_FLOAT_MIN ? range(0, 16) : [14, 15, 16] as $digits) {
            $text = str_replace(',', '.', sprintf("%.{$digits}E", $number));
            if ((float) $text === $number) {
                break;
            }
        }
        [$mantissa, $exponent] = explode('E', $text);
        $sign = $mantissa[0] === '-' || fdiv(1.0, $number) === -INF ? '-' : '';
        $digits = rtrim(str_replace(['-', '.'], '', $mantissa), '0');

        return $sign . self::layOut($digits === '' ? '0' : $digits, (int) $exponent);
    }

    private static function layOut(string $digits, int $exponent): string
    {
        if ($exponent < -4 || $exponent >= 16) {
            $fraction = substr($digits, 1);
            $power = sprintf('%s%02d', $exponent < 0 ? '-' : '+', abs($exponent));

            return $digits[0] . ($fraction === '' ? '' : ".$fraction") . "e$power";
        }
        if ($exponent < 0) {
            return '0.' . str_repeat('0', -$exponent - 1) . $digits;
        }
        $digits = str_pad($digits, $exponent + 2, '0');

        return substr($digits, 0, $exponent + 1) . '.' . substr($digits, $exponent + 1);
    }
}
