<?php

declare(strict_types=1);

// ext-amqp alone, without confirms: librabbitmq, the floor for anything in PHP.

return [
    'produce' => static function (array $job): void {
        $url = parse_url(rtrim($job['broker_url'], '/'));
        $connection = new AMQPConnection(['host' => $url['host'], 'port' => $url['port'], 'vhost' => '/']);
        $connection->connect();
        $channel = new AMQPChannel($connection);
        $queue = new AMQPQueue($channel);
        $queue->setName($job['queue']);
        $queue->setFlags(AMQP_DURABLE);
        $queue->declareQueue();
        $exchange = new AMQPExchange($channel);
        $send = static function (int $count) use ($exchange, $job): void {
            for ($sent = 0; $sent < $count; $sent++) {
                [$id, $body, $headers] = celeryMessage($job['payload']);
                $exchange->publish($body, $job['queue'], AMQP_NOPARAM, [
                    'content_type' => 'application/json', 'content_encoding' => 'utf-8', 'delivery_mode' => 2,
                    'correlation_id' => $id, 'headers' => $headers,
                ]);
            }
        };
        $send(1);
        timed($job['count'] - 1, 100, $send);
        $connection->disconnect();
    },
];
