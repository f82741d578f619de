<?php

declare(strict_types=1);

namespace Celeriac;

use Celeriac\Exception\InvalidCall;

/**
 * One call for Client::sendMany().
 */
final readonly class Call
{
    public Signature $signature;
    public SendOptions $options;

    /**
     * @param string|Signature $task name of the task, or a signature that has the arguments and perhaps the options
     * @param list<mixed> $args positional arguments
     * @param array<string, mixed> $kwargs keyword arguments
     * @param SendOptions|null $options null: those of the signature, or the defaults
     * @throws InvalidCall when arguments are given beside a signature, or do not fit together
     */
    public function __construct(
        string|Signature $task,
        array $args = [],
        array $kwargs = [],
        ?SendOptions $options = null,
    ) {
        if ($task instanceof Signature && ($args !== [] || $kwargs !== [])) {
            throw new InvalidCall('a Signature has its arguments: give them there');
        }
        $this->signature = $task instanceof Signature ? $task : new Signature($task, $args, $kwargs);
        $this->options = $options ?? SendOptions::ofSignature($this->signature->options);
    }
}
