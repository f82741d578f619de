<?php

declare(strict_types=1);

namespace Celeriac\Transport;

/**
 * What publishes to RabbitMQ. Results are always read by php-amqplib: ext-amqp cuts headers that hold null.
 */
enum AmqpDriver
{
    /** php-amqplib, in PHP */
    case Amqplib;

    /** ext-amqp, in C: several times less CPU */
    case Extension;
}
