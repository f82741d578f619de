<?php

// Stands in for Composer's vendor/autoload.php, so that the demo runs where there is no Composer.

declare(strict_types=1);

$sdk = __DIR__ . '/../../clients/php';
if (is_file("$sdk/vendor/autoload.php")) {
    require "$sdk/vendor/autoload.php";

    return;
}
spl_autoload_register(static function (string $class) use ($sdk): void {
    $file = "$sdk/src/" . strtr(substr($class, strlen('Celeriac\\')), '\\', '/') . '.php';
    if (str_starts_with($class, 'Celeriac\\') && is_file($file)) {
        require $file;
    }
});
$amqplib = stream_resolve_include_path('PhpAmqpLib/autoload.php');
if ($amqplib !== false) {
    require $amqplib;
}
