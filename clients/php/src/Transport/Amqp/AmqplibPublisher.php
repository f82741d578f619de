<?php

declare(strict_types=1);

namespace Celeriac\Transport\Amqp;

use Celeriac\Message\Wire;
use Celeriac\Transport\ConnectionLost;
use Celeriac\Transport\Delivery;
use Celeriac\Transport\Refused;
use PhpAmqpLib\Channel\AMQPChannel;
use PhpAmqpLib\Exception\AMQPExceptionInterface;
use PhpAmqpLib\Exception\AMQPProtocolChannelException;
use PhpAmqpLib\Exception\AMQPTimeoutException;
use PhpAmqpLib\Message\AMQPMessage;

/**
 * Publishes through php-amqplib.
 *
 * @internal
 */
final class AmqplibPublisher implements Publisher
{
    private const NOT_FOUND = 404;
    private const NACK = 'the broker refused the message (nack)';
    /** Bytes that are gathered before they are written: one write for each message would cost as much as making it */
    private const GATHERED = 131_072;

    private ?AMQPChannel $channel = null;
    private ?Confirms $confirms = null;
    /** delivery tag of the last message; php-amqplib does not tell those of gathered ones */
    private int $tag = 0;
    private int $gathered = 0;

    public function __construct(private readonly AmqplibConnector $connector)
    {
    }

    public function hasQueue(string $name): bool
    {
        try {
            $this->guard(static fn (AMQPChannel $channel) => $channel->queue_declare($name, true));

            return true;
        } catch (Refused $refusal) {
            return $refusal->getCode() === self::NOT_FOUND ? false : throw $refusal;
        }
    }

    public function declareQueue(string $name): void
    {
        $this->guard(static fn (AMQPChannel $channel) => $channel->queue_declare($name, false, true, false, false));
    }

    public function prepare(Wire $wire): AmqplibMessage
    {
        return new AmqplibMessage($wire);
    }

    public function publish(Delivery $delivery, object $message, Confirms $confirms): void
    {
        $this->confirms = $confirms;
        $this->guard(function (AMQPChannel $channel) use ($message, $delivery, $confirms): void {
            assert($message instanceof AmqplibMessage);
            $message->setDeliveryInfo(++$this->tag, false, $delivery->exchange, $delivery->routingKey);
            $confirms->published($this->tag, $delivery->taskId);
            $channel->batch_basic_publish($message, $delivery->exchange, $delivery->routingKey, true);
            $this->gathered += strlen($message->body);
            if ($this->gathered > self::GATHERED) {
                $this->write($channel);
            }
        });
    }

    public function settle(Confirms $confirms, float $seconds): void
    {
        $this->guard(function (AMQPChannel $channel) use ($confirms, $seconds): void {
            $this->write($channel);
            while ($confirms->arePending()) {
                $channel->wait(null, false, $seconds);
            }
        });
    }

    public function discard(): void
    {
        $this->channel = null;
        $this->connector->discard();
    }

    public function close(): void
    {
        $this->channel = null;
        $this->connector->close();
    }

    /**
     * Runs one step on the channel and sorts php-amqplib's many exceptions into the two that AmqpBroker acts on.
     *
     * @param \Closure(AMQPChannel): mixed $step
     */
    private function guard(\Closure $step): void
    {
        $channel = $this->channel ??= $this->connector->channel($this->setUp(...));
        try {
            $step($channel);
        } catch (AMQPProtocolChannelException $fault) {
            $this->channel = null;
            throw new Refused($fault->getMessage(), (int) $fault->getCode(), $fault);
        } catch (AMQPTimeoutException $fault) {
            throw new ConnectionLost('no answer in time', $fault, silent: true);
        } catch (AMQPExceptionInterface $fault) {
            throw new ConnectionLost($fault->getMessage(), $fault);
        }
    }

    private function write(AMQPChannel $channel): void
    {
        $this->gathered = 0;
        $channel->publish_batch();
    }

    private function setUp(AMQPChannel $channel): void
    {
        [$this->tag, $this->gathered] = [0, 0];
        $channel->confirm_select();
        $channel->set_ack_handler(function (AMQPMessage $message): void {
            $this->confirms?->settled($message->getDeliveryTag(), false);
        });
        $channel->set_nack_handler(function (AMQPMessage $message): void {
            $this->confirms?->settled($message->getDeliveryTag(), false, self::NACK);
        });
        $channel->set_return_listener(
            function (int $code, string $text, string $exchange, string $key, AMQPMessage $message): void {
                $this->confirms?->returned((string) $message->get('correlation_id'), $key, $text);
            },
        );
    }
}
