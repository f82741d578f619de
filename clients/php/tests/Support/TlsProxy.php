<?php

declare(strict_types=1);

namespace Celeriac\Tests\Support;

use PHPUnit\Framework\Assert;

/**
 * Puts TLS in front of a broker that speaks none: a second process that decrypts, on a port of its own, for localhost.
 */
final class TlsProxy
{
    /** PEM file of the authority that signed the proxy's certificate: the certificate itself */
    public readonly string $caFile;
    public readonly int $port;

    /** @var resource */
    private $process;

    /**
     * @param string $target host:port of the broker
     */
    public function __construct(string $target)
    {
        if (!extension_loaded('openssl')) {
            Assert::markTestSkipped('SKIPPED TLS: ext-openssl is not loaded');
        }
        $this->caFile = (string) tempnam(sys_get_temp_dir(), 'celeriac-tls-');
        $key = openssl_pkey_new(['private_key_type' => OPENSSL_KEYTYPE_EC, 'curve_name' => 'prime256v1']);
        $request = openssl_csr_new(['commonName' => 'localhost'], $key, ['digest_alg' => 'sha256']);
        openssl_x509_export(openssl_csr_sign($request, null, $key, 1, ['digest_alg' => 'sha256']), $certificate);
        openssl_pkey_export($key, $privateKey);
        file_put_contents($this->caFile, $certificate . $privateKey);
        $command = [PHP_BINARY, __DIR__ . '/tls-proxy.php', $target, $this->caFile];
        $process = proc_open($command, [1 => ['pipe', 'w']], $pipes);
        $this->process = $process === false ? throw new \RuntimeException('no second process') : $process;
        $this->port = (int) fgets($pipes[1]);
    }

    public function stop(): void
    {
        proc_terminate($this->process);
        proc_close($this->process);
        unlink($this->caFile);
    }
}
