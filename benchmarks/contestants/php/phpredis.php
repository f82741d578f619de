<?php

declare(strict_types=1);

// phpredis alone, pipelined: Celery's messages pushed onto a list.

return [
    'produce' => static function (array $job): void {
        $url = parse_url($job['broker_url']);
        $redis = new Redis();
        $redis->connect($url['host'], $url['port']);
        $redis->select((int) ltrim($url['path'] ?? '0', '/'));
        timed($job['count'], $job['options']['at_once'] ?? 100, static function (int $count) use ($redis, $job): void {
            $redis->multi(Redis::PIPELINE);
            for ($sent = 0; $sent < $count; $sent++) {
                [$id, $body, $headers] = celeryMessage($job['payload']);
                $redis->lPush($job['queue'], (string) json_encode([
                    'body' => base64_encode($body), 'content-encoding' => 'utf-8', 'content-type' => 'application/json',
                    'headers' => $headers, 'properties' => ['correlation_id' => $id, 'delivery_tag' => $id],
                ]));
            }
            $redis->exec();
        });
    },
];
