<?php

declare(strict_types=1);

namespace Celeriac\Tests\Architecture;

use PHPUnit\Framework\TestCase;

/**
 * Who may use whom, and that nobody uses himself through others.
 */
final class LayersTest extends TestCase
{
    /** layer => layers that it may use besides itself */
    private const MAY_USE = [
        'Exception' => [],
        'Serialization' => ['Exception'],
        'Signature' => ['Exception', 'Serialization'],
        'Message' => ['Exception', 'Serialization', 'Signature'],
        'Result' => ['Exception', 'Serialization'],
        'Security' => ['Exception', 'Serialization'],
        'Control' => ['Exception', 'Serialization', 'Message', 'Transport'],
        'Event' => ['Exception', 'Serialization', 'Message'],
        'Transport' => ['Exception', 'Serialization', 'Message'],
        'Canvas' => ['Exception', 'Serialization', 'Signature'],
        'Client' => ['Exception', 'Serialization', 'Signature', 'Canvas', 'Message', 'Result', 'Transport'],
    ];

    /** classes that stand above the folders, for users to find them there */
    private const TOP = [
        'Signature' => 'Signature',
        'SendOptions' => 'Signature',
        'Call' => 'Client',
        'Client' => 'Client',
        'ClientOptions' => 'Client',
        'AsyncResult' => 'Client',
        'GroupResult' => 'Client',
    ];

    /** library => where alone it may be used */
    private const LIBRARIES = [
        'PhpAmqpLib' => ['Transport\Amqp', 'Transport\Transports'],
        'Predis' => ['Transport\Redis\PredisCommands', 'Transport\Transports'],
        'Redis' => ['Transport\Redis\PhpRedisCommands', 'Transport\Transports'],
        'RedisException' => ['Transport\Redis\PhpRedisCommands'],
        'AMQPConnection' => ['Transport\Amqp\ExtensionPublisher', 'Transport\Transports'],
        'AMQPChannel' => ['Transport\Amqp\ExtensionPublisher'],
    ];

    /** functions => where alone they may be called */
    private const FUNCTIONS = [
        '/^json_/' => ['Serialization\Json'],
        '/^(time|microtime|hrtime|date|random_bytes|random_int|uniqid|mt_rand|rand|getmypid|gethostname|getenv)$/' => [
            'Transport', 'Client', 'ClientOptions', 'AsyncResult', 'GroupResult', 'Control\Controller',
        ],
        '/^(fopen|fsockopen|stream_\w+|usleep|sleep)$/' => ['Transport', 'Serialization\Compression'],
        '/^(unserialize|serialize|eval|call_user_func\w*|extract|ini_set|error_reporting)$/' => [],
    ];

    /**
     * @dataProvider classes
     * @param class-string $class
     */
    public function testClassUsesOnlyWhatItsLayerMay(string $class): void
    {
        $layer = self::layer($class);
        $forbidden = [];
        foreach (self::uses($class) as $used) {
            if (self::layer($used) !== $layer && !in_array(self::layer($used), self::MAY_USE[$layer], true)) {
                $forbidden[] = $used;
            }
        }
        self::assertSame([], $forbidden, "$class belongs to $layer");
    }

    /**
     * @dataProvider classes
     * @param class-string $class
     */
    public function testLibrariesAndFunctionsAreUsedInTheirPlacesOnly(string $class): void
    {
        $local = substr($class, strlen('Celeriac\\'));
        $allowed = static fn (array $places): bool => array_filter(
            $places,
            static fn (string $place): bool => str_starts_with($local, $place),
        ) !== [];
        $forbidden = [];
        foreach (Source::names($class) as $name) {
            $places = self::LIBRARIES[explode('\\', $name)[0]] ?? null;
            if ($places !== null && !$allowed($places)) {
                $forbidden[] = $name;
            }
        }
        foreach (Source::functions($class) as $function) {
            foreach (self::FUNCTIONS as $pattern => $places) {
                if (preg_match($pattern, $function) === 1 && !$allowed($places)) {
                    $forbidden[] = $function;
                }
            }
        }
        self::assertSame([], $forbidden);
    }

    public function testNoClassUsesItselfThroughOthers(): void
    {
        $uses = [];
        foreach (array_keys(Source::classes()) as $class) {
            $uses[$class] = self::uses($class);
        }
        // take away who uses nobody that is left; what remains goes round in a circle
        do {
            $free = array_keys(array_filter($uses, static fn (array $used): bool => $used === []));
            $uses = array_map(
                static fn (array $used): array => array_diff($used, $free),
                array_diff_key($uses, array_flip($free)),
            );
        } while ($free !== []);
        self::assertSame([], $uses);
    }

    public function testThisTestSeesWhatClassesUse(): void
    {
        self::assertContains('Celeriac\Message\Producer', self::uses('Celeriac\Client'));
        self::assertContains('Celeriac\Transport\Amqp\Confirms', self::uses('Celeriac\Transport\Amqp\AmqpBroker'));
        self::assertContains('PhpAmqpLib\Message\AMQPMessage', Source::names('Celeriac\Transport\Amqp\AmqpResults'));
        self::assertContains('AMQPConnection', Source::names('Celeriac\Transport\Amqp\ExtensionPublisher'));
        self::assertContains('json_decode', Source::functions('Celeriac\Serialization\Json'));
        self::assertContains('random_bytes', Source::functions('Celeriac\Transport\Redis\RedisBroker'));
    }

    /**
     * @return array<string, array{class-string}>
     */
    public static function classes(): array
    {
        return array_map(static fn (string $class): array => [$class], array_combine(
            array_keys(Source::classes()),
            array_keys(Source::classes()),
        ));
    }

    private static function layer(string $class): string
    {
        $first = explode('\\', $class)[1];

        return self::TOP[$first] ?? $first;
    }

    /**
     * @param class-string $class
     * @return list<string> other classes of this package
     */
    private static function uses(string $class): array
    {
        $known = array_intersect(Source::names($class), array_keys(Source::classes()));

        return array_values(array_diff($known, [$class]));
    }
}
