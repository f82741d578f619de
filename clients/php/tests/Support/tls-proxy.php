<?php

declare(strict_types=1);

// Started by TlsProxy: php tls-proxy.php HOST:PORT PEMFILE. Prints its port, then carries bytes until it is stopped.

[, $target, $pem] = $argv;
$context = stream_context_create(['ssl' => ['local_cert' => $pem]]);
$flags = STREAM_SERVER_BIND | STREAM_SERVER_LISTEN;
$server = stream_socket_server('tcp://127.0.0.1:0', $code, $why, $flags, $context) ?: exit($why);
echo explode(':', (string) stream_socket_get_name($server, false))[1], "\n";

/** @var array<int, resource> $streams both ends of each connection */
$streams = [];
/** @var array<int, int> $peers id of the other end by id */
$peers = [];
while (true) {
    [$read, $write, $except] = [[$server, ...$streams], null, null];
    if (@stream_select($read, $write, $except, null) === false) {
        continue;
    }
    foreach ($read as $stream) {
        if ($stream === $server) {
            $client = stream_socket_accept($server);
            $secure = $client !== false
                && @stream_socket_enable_crypto($client, true, STREAM_CRYPTO_METHOD_TLS_SERVER) === true;
            if (!$secure) {
                continue;
            }
            $broker = stream_socket_client("tcp://$target") ?: exit(1);
            $streams += [(int) $client => $client, (int) $broker => $broker];
            $peers += [(int) $client => (int) $broker, (int) $broker => (int) $client];
            stream_set_blocking($client, false);
            stream_set_blocking($broker, false);
            continue;
        }
        $id = (int) $stream;
        if (!isset($streams[$id])) {
            continue;
        }
        while (!in_array($bytes = fread($stream, 65536), ['', false], true)) {
            $peer = $streams[$peers[$id]];
            stream_set_blocking($peer, true);
            fwrite($peer, $bytes);
            stream_set_blocking($peer, false);
        }
        if (feof($stream)) {
            fclose($streams[$peers[$id]]);
            fclose($stream);
            unset($streams[$peers[$id]], $streams[$id]);
        }
    }
}
