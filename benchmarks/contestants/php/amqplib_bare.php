<?php

declare(strict_types=1);

// php-amqplib alone, with publisher confirms, as many in flight as the options say.

use PhpAmqpLib\Connection\AMQPStreamConnection;
use PhpAmqpLib\Message\AMQPMessage;
use PhpAmqpLib\Wire\AMQPTable;

require __DIR__ . '/../../../clients/php/vendor/autoload.php';

return [
    'produce' => static function (array $job): void {
        $url = parse_url(rtrim($job['broker_url'], '/'));
        $connection = new AMQPStreamConnection($url['host'], $url['port'], 'guest', 'guest', '/');
        $channel = $connection->channel();
        $channel->confirm_select();
        $channel->queue_declare($job['queue'], false, true, false, false);
        $send = static function (int $count) use ($channel, $job): void {
            for ($sent = 0; $sent < $count; $sent++) {
                [$id, $body, $headers] = celeryMessage($job['payload']);
                $channel->batch_basic_publish(new AMQPMessage($body, [
                    'content_type' => 'application/json', 'content_encoding' => 'utf-8', 'delivery_mode' => 2,
                    'correlation_id' => $id, 'application_headers' => new AMQPTable($headers),
                ]), '', $job['queue']);
            }
            $channel->publish_batch();
            $channel->wait_for_pending_acks(30);
        };
        $send(1);
        timed($job['count'] - 1, $job['options']['at_once'] ?? 100, $send);
        $connection->close();
    },
];
