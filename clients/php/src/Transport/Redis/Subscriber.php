<?php

declare(strict_types=1);

namespace Celeriac\Transport\Redis;

use Celeriac\Exception\BrokerUnavailable;
use Celeriac\Transport\ConnectionLost;
use Celeriac\Transport\TransportOptions;
use Celeriac\Transport\Url;

/**
 * A Redis connection that only listens to channels. phpredis and predis block inside SUBSCRIBE and offer no way to
 * subscribe first and look afterwards, which is what keeps a result from slipping through.
 *
 * @internal
 */
final class Subscriber
{
    private const READ_SIZE = 65536;

    /** @var resource|null */
    private $stream;

    private string $buffer = '';

    /** Whether the server has answered on this connection */
    private bool $alive = false;

    /** @var array<array-key, true> channels that the server has confirmed */
    private array $subscribed = [];

    public function __construct(private readonly Url $url, private readonly TransportOptions $options)
    {
    }

    /**
     * Returns when the server has confirmed the subscription; connects first when need be.
     *
     * @throws BrokerUnavailable|ConnectionLost
     */
    public function subscribe(string $channel): void
    {
        if (isset($this->subscribed[$channel])) {
            return;
        }
        if ($this->stream === null) {
            $this->connect();
        }
        $this->send('SUBSCRIBE', $channel);
        $deadline = microtime(true) + $this->options->answerTimeout;
        while (!isset($this->subscribed[$channel])) {
            if (!$this->hear($deadline - microtime(true))) {
                throw new ConnectionLost('no answer to SUBSCRIBE');
            }
            // a message of another channel met here is no loss: whoever waits for that one will GET it
            while ($this->message() !== null);
        }
    }

    /**
     * Stops listening; nothing when the channel was not listened to.
     */
    public function unsubscribe(string $channel): void
    {
        if (!isset($this->subscribed[$channel])) {
            return;
        }
        unset($this->subscribed[$channel]);
        try {
            $this->send('UNSUBSCRIBE', $channel);
        } catch (ConnectionLost) {
            $this->close();
        }
    }

    /**
     * The next message of a channel.
     *
     * @return string|null null when none came in time
     * @throws ConnectionLost
     */
    public function next(string $channel, float $seconds): ?string
    {
        $deadline = microtime(true) + $seconds;
        do {
            while (($message = $this->message()) !== null) {
                if ($message[0] === $channel) {
                    return $message[1];
                }
            }
        } while ($this->hear(max(0.0, $deadline - microtime(true))));

        return null;
    }

    /**
     * Ends the connection. Any number of calls.
     */
    public function close(): void
    {
        if ($this->stream !== null) {
            fclose($this->stream);
        }
        $this->stream = null;
        $this->buffer = '';
        $this->alive = false;
        $this->subscribed = [];
    }

    private function connect(): void
    {
        $address = $this->url->socket() !== null
            ? 'unix://' . $this->url->socket()
            : sprintf('%s://%s:%d', $this->url->isSecure() ? 'tls' : 'tcp', $this->url->host, $this->url->port);
        $context = stream_context_create(['ssl' => $this->options->tls->context()]);
        $timeout = $this->options->connectTimeout;
        // @: the warning repeats what $why says
        $stream = @stream_socket_client($address, $_, $why, $timeout, STREAM_CLIENT_CONNECT, $context);
        if ($stream === false) {
            throw new BrokerUnavailable((string) $this->url, $why === '' ? 'no connection' : $why);
        }
        stream_set_blocking($stream, false);
        $this->stream = $stream;
        try {
            $this->greet(microtime(true) + $timeout);
        } catch (ConnectionLost $fault) {
            $this->close();
            throw new BrokerUnavailable((string) $this->url, $fault->getMessage(), $fault);
        }
    }

    private function greet(float $deadline): void
    {
        $user = $this->url->user === '' ? [] : [$this->url->user];
        if ($this->url->password !== '') {
            $this->send('AUTH', ...$user, ...[$this->url->password]);
        }
        for ($this->send('PING'); !$this->alive; $this->message()) {
            if (!$this->hear($deadline - microtime(true))) {
                throw new ConnectionLost('no answer');
            }
        }
    }

    private function send(string ...$words): void
    {
        $command = '*' . count($words) . "\r\n";
        foreach ($words as $word) {
            $command .= '$' . strlen($word) . "\r\n$word\r\n";
        }
        // @: a broken pipe is reported by the short count
        $written = $this->stream === null ? false : @fwrite($this->stream, $command);
        if ($written !== strlen($command)) {
            throw new ConnectionLost('the connection for results was closed');
        }
    }

    /**
     * Waits for bytes and takes in what is there.
     *
     * @return bool false when nothing came in time
     */
    private function hear(float $seconds): bool
    {
        if ($this->stream === null) {
            throw new ConnectionLost('the connection for results was closed');
        }
        [$read, $write, $except] = [[$this->stream], null, null];
        $micros = (int) (max(0.0, $seconds) * 1e6);
        // @: a signal interrupts the wait, which is no fault
        if (@stream_select($read, $write, $except, intdiv($micros, 1_000_000), $micros % 1_000_000) !== 1) {
            return false;
        }
        $before = strlen($this->buffer);
        // until it runs dry: what TLS has decrypted already would not wake the next select
        while (!in_array($bytes = fread($this->stream, self::READ_SIZE), ['', false], true)) {
            $this->buffer .= $bytes;
        }
        if (strlen($this->buffer) === $before && feof($this->stream)) {
            throw new ConnectionLost('the connection for results was closed');
        }

        return true;
    }

    /**
     * Takes the next message out of the buffer; notes confirmed subscriptions on the way.
     *
     * @return array{string, string}|null channel and payload; null when no whole message is there
     */
    private function message(): ?array
    {
        while (($reply = Resp::take($this->buffer)) !== null) {
            if ($reply[0] === 'message') {
                return [$reply[1] ?? '', $reply[2] ?? ''];
            }
            $this->alive = $this->alive || $reply[0] === 'PONG';
            if ($reply[0] === 'subscribe') {
                $this->subscribed[$reply[1] ?? ''] = true;
            }
            if (str_starts_with($reply[0] ?? '', '-')) {
                $this->close();
                throw new BrokerUnavailable((string) $this->url, substr((string) $reply[0], 1));
            }
        }

        return null;
    }
}
