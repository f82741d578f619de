<?php

// A2 from PHP: one chain over two queues; prints what arrives on this client's own reply queue, or in Redis.

declare(strict_types=1);

use Celeriac\{Canvas, Client, Signature};

require __DIR__ . '/../../../../clients/php/vendor/autoload.php';

[, $broker, $backend, $queueA, $queueB] = $argv;
$client = Client::connect($broker, $backend);
$steps = Canvas::chain(
    (new Signature('task_a', [5, 3]))->onQueue($queueA),
    (new Signature('task_b'))->onQueue($queueB),
);
echo $client->send($steps)->get(timeout: 20.0), "\n";
$client->close();
