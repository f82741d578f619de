<?php

declare(strict_types=1);

namespace Celeriac\Security;

use Celeriac\Exception\InvalidCall;

/**
 * The certificate of somebody who signs messages.
 */
final readonly class Certificate
{
    /** The id by which Celery names the signer: names of the issuer, a space, the serial number in decimal */
    public string $id;

    private \OpenSSLAsymmetricKey $key;
    private int $bits;
    private int $from;
    private int $to;

    /**
     * @param string $pem the certificate; its key has to be RSA
     * @param string $digest Celery's setting `security_digest`
     * @throws InvalidCall when it cannot be read, or ext-openssl is missing
     */
    public function __construct(string $pem, private string $digest = 'sha256')
    {
        if (!extension_loaded('openssl')) {
            throw new InvalidCall('signatures need ext-openssl');
        }
        // @: the warning says what the exception says
        $parsed = @openssl_x509_parse($pem);
        $key = @openssl_pkey_get_public($pem);
        $details = $key === false ? false : openssl_pkey_get_details($key);
        if ($parsed === false || $key === false || ($details['type'] ?? null) !== OPENSSL_KEYTYPE_RSA) {
            throw new InvalidCall('not the PEM text of a certificate with an RSA key');
        }
        // a name that comes more than once is a list
        $names = array_merge(...array_map(static fn (string|array $name): array => (array) $name, array_values(
            $parsed['issuer'],
        )));
        $this->id = implode(' ', [...$names, self::decimal($parsed['serialNumberHex'])]);
        [$this->from, $this->to] = [$parsed['validFrom_time_t'], $parsed['validTo_time_t']];
        [$this->key, $this->bits] = [$key, $details['bits']];
    }

    /**
     * Whether the signature is that of the text by this certificate's key, and the certificate is valid.
     */
    public function signed(string $text, string $signature, \DateTimeInterface $now): bool
    {
        $time = $now->getTimestamp();
        // PHP's openssl_verify() knows PKCS #1 v1.5 alone before 8.5, so that the padding is checked here
        $opened = $time >= $this->from && $time <= $this->to
            && openssl_public_decrypt($signature, $encoded, $this->key, OPENSSL_NO_PADDING);

        return $opened && $this->isPss($encoded, hash($this->digest, $text, true));
    }

    /**
     * EMSA-PSS-VERIFY of RFC 8017, 9.1.2, with a salt of any length.
     */
    private function isPss(string $encoded, string $hash): bool
    {
        $length = intdiv($this->bits + 6, 8);
        $encoded = substr($encoded, -$length);
        $cut = $length - strlen($hash) - 1;
        if ($cut < 1 || !str_ends_with($encoded, "\xBC")) {
            return false;
        }
        $inner = substr($encoded, $cut, strlen($hash));
        $mask = chr(0xFF >> 8 * $length - ($this->bits - 1)) . str_repeat("\xFF", $cut - 1);
        $masked = substr($encoded, 0, $cut);
        $block = ($masked ^ $this->maskOf($inner, $cut)) & $mask;
        $salt = ltrim($block, "\0");

        return ($masked & $mask) === $masked && str_starts_with($salt, "\x01")
            && hash_equals($inner, hash($this->digest, str_repeat("\0", 8) . $hash . substr($salt, 1), true));
    }

    /**
     * MGF1 of RFC 8017, B.2.1.
     */
    private function maskOf(string $seed, int $length): string
    {
        $mask = '';
        for ($counter = 0; strlen($mask) < $length; $counter++) {
            $mask .= hash($this->digest, $seed . pack('N', $counter), true);
        }

        return substr($mask, 0, $length);
    }

    private static function decimal(string $hex): string
    {
        $digits = [0];
        foreach (str_split($hex) as $digit) {
            $carry = (int) hexdec($digit);
            foreach ($digits as $i => $value) {
                [$digits[$i], $carry] = [($value * 16 + $carry) % 10, intdiv($value * 16 + $carry, 10)];
            }
            $digits = [...$digits, ...array_map(intval(...), str_split(strrev($carry === 0 ? '' : (string) $carry)))];
        }

        return ltrim(strrev(implode('', $digits)), '0') ?: '0';
    }
}
