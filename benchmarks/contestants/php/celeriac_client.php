<?php

declare(strict_types=1);

// Celeriac for PHP: every message confirmed by the broker.

use Celeriac\Call;
use Celeriac\Client;
use Celeriac\ClientOptions;

require __DIR__ . '/../../../clients/php/vendor/autoload.php';

return [
    'produce' => static function (array $job): void {
        $client = Client::connect($job['broker_url'], options: new ClientOptions(queue: $job['queue']));
        $client->send('bench.noop', [$job['payload']]);
        timed($job['count'] - 1, $job['options']['at_once'] ?? 100, static function (int $count) use ($client, $job): void {
            $calls = [];
            for ($made = 0; $made < $count; $made++) {
                $calls[] = new Call('bench.noop', [$job['payload']]);
            }
            $client->sendMany($calls);
        });
        $client->close();
    },
];
