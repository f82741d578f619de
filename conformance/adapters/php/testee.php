<?php

// The PHP client as a testee of the conformance suite: one JSON object per line in, one out (ctp/1). Needs
// clients/php/vendor (clients/php/tools/install). Publishes by ext-amqp when CELERIAC_PHP_AMQP=extension.

declare(strict_types=1);

use Celeriac\{Client, ClientOptions, Exception, GroupResult, SendOptions, Signature};
use Celeriac\Canvas\Structure;
use Celeriac\Control\{Controller, Nodes, Reply};
use Celeriac\Serialization\{Json, JsonObject, Limits};
use Celeriac\Transport\{AmqpDriver, TransportOptions};

require __DIR__ . '/../../../clients/php/vendor/autoload.php';
require __DIR__ . '/tagged.php';
require __DIR__ . '/codec.php';
require __DIR__ . '/canvas.php';
ini_set('display_errors', 'stderr');

function handle(array $ask, array &$clients, array &$results): array
{
    $session = $ask['session'] ?? '';
    switch ($ask['op']) {
        case 'hello':
            $runtime = ['name' => 'celeriac-php', 'version' => '0.1.0', 'language' => 'php', 'runtime' => PHP_VERSION];
            return ['protocol' => 1, 'implementation' => $runtime, 'roles' => ['codec', 'producer', 'result', 'control'], 'features' => [
                'broker' => ['amqp', 'redis'], 'result' => ['rpc', 'redis'], 'serializer' => ['json', 'msgpack', 'yaml'], 'protocol' => [2],
                'compression' => ['application/x-gzip', ...extension_loaded('bz2') ? ['application/x-bz2'] : []],
                'kinds' => KINDS, 'confirm' => true, 'foreign' => true,
                'canvas' => ['chain', 'group', 'chord', 'map', 'starmap', 'chunks', 'link', 'stamps']]];
        case 'decode':
            return ['message' => tag(decode($ask['kind'], untag($ask['wire'])->members))];
        case 'encode':
            return ['wire' => tag(encode($ask['kind'], untag($ask['message'])->members))];
        case 'open':
            if ($ask['role'] === 'control') {
                $clients[$session] = Controller::connect($ask['broker_url']);
                break;
            }
            $driver = getenv('CELERIAC_PHP_AMQP') === 'extension' ? AmqpDriver::Extension : AmqpDriver::Amqplib;
            $options = new ClientOptions($ask['queue'], new TransportOptions(amqpDriver: $driver));
            $clients[$session] = Client::connect($ask['broker_url'], $ask['result_url'] ?? null, $options);
            break;
        case 'publish':
            $call = match (true) {
                isset($ask['canvas']) => node($ask['canvas']),
                isset($ask['foreign']) => new Signature($ask['task'], [new class () {}]),
                default => node(new JsonObject(array_diff_key($ask, ['options' => 0]))),
            };
            $options = SendOptions::fromArray(options($ask['options'] ?? new JsonObject()) + $call->options);
            $many = Structure::endsInGroup($call);
            $result = $many ? $clients[$session]->sendGroup($call, $options) : $clients[$session]->send($call, options: $options);
            $children = $many ? ['children' => array_column($result->children, 'id')] : [];
            return ['task_id' => ($results[$session][$result->id] = $result)->id, 'confirmed' => true] + $children;
        case 'await':
            $result = $results[$session][$ask['task_id']] ??= $clients[$session]->result($ask['task_id']);
            try {
                $value = $result->get($ask['timeout_ms'] / 1000);
                if ($result instanceof GroupResult) {
                    return ['state' => 'SUCCESS', 'result' => tag($value)];
                }
                $outcome = ['result' => tag($result->document()->fields['result'] ?? null)];
            } catch (Exception\TaskFailure $failure) {
                $outcome = ['type' => $failure->excType, 'module' => $failure->excModule, 'args' => tag($failure->excArgs)];
            } catch (Exception\TaskRevoked $revoked) {
                $outcome = ['type' => 'TaskRevokedError', 'module' => 'celery.exceptions', 'args' => [$revoked->reason]];
            }
            return ['state' => $result->document()->status()] + (isset($outcome['type']) ? ['exception' => $outcome] : $outcome);
        case 'control':
            $nodes = match (true) {
                isset($ask['destination']) => Nodes::named(...$ask['destination']),
                isset($ask['pattern']) => Nodes::{$ask['matcher'] ?? 'glob'}($ask['pattern']),
                default => Nodes::all(),
            };
            $call = [$ask['method'], untag($ask['arguments'] ?? new JsonObject())->members, $nodes];
            if (!$ask['reply']) {
                $clients[$session]->tell(...$call);
                return ['replies' => []];
            }
            $replies = $clients[$session]->ask(...$call, timeout: $ask['timeout_ms'] / 1000, limit: $ask['limit'] ?? null);
            return ['replies' => array_map(static fn (Reply $reply): JsonObject => new JsonObject(
                ['node' => $reply->node(), 'reply' => tag($reply->fields['reply'])],
            ), $replies)];
        case 'close':
            $clients[$session]->close();
            unset($clients[$session], $results[$session]);
    }
    return [];
}
[$clients, $results, $limits, $op] = [[], [], new Limits(PHP_INT_MAX, 20_000), ''];
while ($op !== 'bye' && ($line = fgets(STDIN)) !== false) {
    ['id' => $id, 'op' => $op] = $ask = Json::decode(trim($line), $limits, false)->members;
    try {
        $answer = ['ok' => new JsonObject(handle($ask, $clients, $results))];
    } catch (Throwable $fault) {
        $kind = (new ReflectionClass($fault))->getShortName();
        $answer = ['error' => ['kind' => $kind, 'message' => $fault->getMessage(), 'trace' => (string) $fault]];
    }
    fwrite(STDOUT, Json::encode(['id' => $id] + $answer, $limits, false) . "\n");
}
