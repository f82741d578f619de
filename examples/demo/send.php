<?php

// Sends three tasks from PHP and prints what came back: task, result and milliseconds, tabs between them.

declare(strict_types=1);

use Celeriac\{Client, ClientOptions};
use Celeriac\Exception\TaskFailure;

// In a project of your own: require 'vendor/autoload.php';
require __DIR__ . '/autoload.php';

$text = __DIR__ . '/speech.txt';
$picture = __DIR__ . '/picture.png';
$target = (getenv('CELERIAC_DEMO_OUT') ?: sys_get_temp_dir()) . '/thumbnail-php.png';

$client = Client::connect(
    broker: getenv('CELERIAC_BROKER'),
    backend: getenv('CELERIAC_BACKEND'),
    options: new ClientOptions(queue: 'celeriac-demo'),
);

function show(Client $client, string $task, array $args, array $kwargs = []): void
{
    $began = microtime(true);
    try {
        $line = json_encode($client->send($task, $args, $kwargs)->get(timeout: 20.0), JSON_UNESCAPED_SLASHES);
    } catch (TaskFailure $failure) {
        $line = "TaskFailure: {$failure->excModule}.{$failure->getMessage()}";
    }
    printf("%s\t%s\t%.0f\n", $task, $line, (microtime(true) - $began) * 1000);
}

show($client, 'demo.word_count', [$text], ['most' => 2]);
show($client, 'demo.thumbnail', [$picture, 120, $target]);
show($client, 'demo.thumbnail', [$text, 120, $target]); // a text is no picture: this one fails
$client->close();
