<?php

// Waits for a result that somebody else has asked for: php read.php ID

declare(strict_types=1);

use Celeriac\Client;

// In a project of your own: require 'vendor/autoload.php';
require __DIR__ . '/../demo/autoload.php';

$client = Client::connect(broker: getenv('CELERIAC_BROKER'), backend: getenv('CELERIAC_BACKEND'));
echo 'Résultat final : ', $client->result($argv[1])->get(timeout: 20.0), "\n";
$client->close();
