<?php

declare(strict_types=1);

namespace Celeriac\Transport;

/**
 * How to check the server, and show who we are, on amqps:// and rediss:// connections.
 */
final readonly class Tls
{
    /**
     * @param string|null $caFile PEM file of the authorities to trust; null: those of the system
     * @param string|null $certificateFile PEM file of the client's certificate, when the server asks for one
     * @param string|null $keyFile PEM file of its private key
     * @param bool $verify false accepts any server, which leaves passwords to whoever is in between: for tests only
     */
    public function __construct(
        public ?string $caFile = null,
        public ?string $certificateFile = null,
        public ?string $keyFile = null,
        public bool $verify = true,
    ) {
    }

    /**
     * Options for PHP's "ssl" stream context.
     *
     * @return array<string, string|bool>
     */
    public function context(): array
    {
        return [
            'verify_peer' => $this->verify,
            'verify_peer_name' => $this->verify,
            ...array_filter([
                'cafile' => $this->caFile,
                'local_cert' => $this->certificateFile,
                'local_pk' => $this->keyFile,
            ], is_string(...)),
        ];
    }
}
