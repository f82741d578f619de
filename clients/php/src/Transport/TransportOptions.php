<?php

declare(strict_types=1);

namespace Celeriac\Transport;

use Celeriac\Exception\InvalidCall;

/**
 * How to reach brokers.
 */
final readonly class TransportOptions
{
    /**
     * @param float $connectTimeout seconds until BrokerUnavailable
     * @param float $answerTimeout seconds that a connected broker may take to answer, so also to confirm a publish
     * @param bool $declareQueues create a queue that does not exist, durable and without arguments, as Celery does; one
     *                            that exists is never touched. false: publishing to it is a PublishFailed
     * @param AmqpDriver $amqpDriver what publishes to RabbitMQ
     * @throws InvalidCall when a timeout is not over 0
     */
    public function __construct(
        public float $connectTimeout = 4.0,
        public float $answerTimeout = 30.0,
        public bool $declareQueues = true,
        public AmqpDriver $amqpDriver = AmqpDriver::Amqplib,
        public Tls $tls = new Tls(),
    ) {
        if (!($connectTimeout > 0.0) || !($answerTimeout > 0.0)) {
            throw new InvalidCall('timeouts are in seconds and have to be over 0');
        }
    }
}
