<?php

declare(strict_types=1);

// Start a contestant: the adapter and the role that the job names. See benchmarks/README.md, "The protocol".

$job = json_decode((string) getenv('CELERIAC_BENCH_JOB'), true, flags: JSON_THROW_ON_ERROR);
$job['payload'] = str_repeat('x', $job['size'] ?? 0);

/**
 * Time sending $count messages in batches of $atOnce, and answer.
 *
 * @param callable(int): void $send sends so many
 */
function timed(int $count, int $atOnce, callable $send): void
{
    $cpu = cpu();
    $began = hrtime(true);
    for ($left = $count; $left > 0; $left -= $atOnce) {
        $send(min($left, $atOnce));
    }
    $seconds = (hrtime(true) - $began) / 1e9;
    echo json_encode(['count' => $count, 'seconds' => $seconds, 'cpu' => cpu() - $cpu]), "\n";
}

/** Seconds of CPU that this process has used. */
function cpu(): float
{
    $used = getrusage();

    return $used['ru_utime.tv_sec'] + $used['ru_stime.tv_sec'] + ($used['ru_utime.tv_usec'] + $used['ru_stime.tv_usec']) / 1e6;
}

/**
 * A task message as Celery 5.7 writes it.
 *
 * @return array{string, string, array<string, mixed>} id, body, headers
 */
function celeryMessage(string $payload): array
{
    $id = sprintf('%s-%s-4%s-8%s-%s', ...array_map(
        static fn (int $bytes): string => substr(bin2hex(random_bytes(8)), 0, $bytes),
        [8, 4, 3, 3, 12],
    ));
    $embed = ['callbacks' => null, 'errbacks' => null, 'chain' => null, 'chord' => null];
    $headers = [
        'lang' => 'php', 'task' => 'bench.noop', 'id' => $id, 'shadow' => null, 'eta' => null, 'expires' => null,
        'group' => null, 'group_index' => null, 'retries' => 0, 'timelimit' => [null, null], 'root_id' => $id,
        'parent_id' => null, 'argsrepr' => '[]', 'kwargsrepr' => '{}', 'origin' => 'gen' . getmypid() . '@bench',
        'ignore_result' => false, 'replaced_task_nesting' => 0, 'stamped_headers' => null,
    ];

    return [$id, (string) json_encode([[$payload], new stdClass(), $embed]), $headers];
}

(require __DIR__ . "/{$job['adapter']}.php")[$job['role']]($job);
