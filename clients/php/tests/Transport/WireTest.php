<?php

declare(strict_types=1);

namespace Celeriac\Tests\Transport;

use Celeriac\Exception\InvalidCall;
use Celeriac\Serialization\BigInteger;
use Celeriac\Serialization\Bytes;
use Celeriac\Serialization\JsonObject;
use Celeriac\Transport\Amqp\Confirms;
use Celeriac\Transport\Amqp\Table;
use Celeriac\Transport\ConnectionLost;
use Celeriac\Transport\Redis\RedisBroker;
use Celeriac\Transport\Redis\Resp;
use PHPUnit\Framework\TestCase;

/**
 * The bytes that the transports write and read by themselves.
 */
final class WireTest extends TestCase
{
    public function testAmqpTableHasTheTypesOfCelery(): void
    {
        $table = Table::encode([
            'n' => null, 't' => true, 'i' => -2, 'l' => 2 ** 31, 'd' => 1.5, 's' => 'x', 'A' => [null, 1],
            'F' => new JsonObject(), 'x' => new Bytes("\xFF"), 'T' => new \DateTimeImmutable('@5'), 7 => 1,
        ]);
        $expected = "\x01nV" . "\x01tt\x01" . "\x01iI\xFF\xFF\xFF\xFE" . "\x01ll\0\0\0\0\x80\0\0\0"
            . "\x01dd\x3F\xF8\0\0\0\0\0\0" . "\x01sS\0\0\0\x01x" . "\x01AA\0\0\0\x06VI\0\0\0\x01" . "\x01FF\0\0\0\0"
            . "\x01xx\0\0\0\x01\xFF" . "\x01TT\0\0\0\0\0\0\0\x05" . "\x017I\0\0\0\x01";
        self::assertSame(bin2hex(pack('N', strlen($expected)) . $expected), bin2hex($table));
    }

    public function testAmqpTableRefusesWhatAmqpLacks(): void
    {
        foreach ([['a' => new BigInteger('9')], [str_repeat('n', 256) => 1], ['a' => [new \stdClass()]]] as $members) {
            try {
                Table::encode($members);
                self::fail('encoded');
            } catch (InvalidCall $fault) {
                self::assertStringContainsString('AMQP', $fault->getMessage());
            }
        }
    }

    public function testConfirmsSettleOneOrAllUpToATag(): void
    {
        $confirms = new Confirms();
        foreach (['a', 'b', 'c', '4'] as $i => $id) {
            $confirms->published($i + 1, $id);
        }
        $confirms->settled(2, true);
        self::assertTrue($confirms->arePending());
        $confirms->returned('a', 'q', 'NO_ROUTE');
        $confirms->settled(4, false, 'nack');
        $confirms->settled(3, false);
        self::assertFalse($confirms->arePending());
        self::assertSame(['a', 4], array_keys($confirms->faults()));
        self::assertStringContainsString("no queue for 'q'", $confirms->faults()['a']);
    }

    public function testRespTakesWholeRepliesOnly(): void
    {
        $bytes = "+OK\r\n*3\r\n\$7\r\nmessage\r\n\$1\r\nc\r\n\$4\r\na\r\nb\r\n*2\r\n\$-1\r\n:5\r\n-ERR no\r\n";
        $buffer = '';
        $replies = [];
        foreach (str_split($bytes) as $byte) {
            $buffer .= $byte;
            while (($reply = Resp::take($buffer)) !== null) {
                $replies[] = $reply;
            }
        }
        self::assertSame([['OK'], ['message', 'c', "a\r\nb"], ['', '5'], ['-ERR no']], $replies);
        self::assertSame('', $buffer);
    }

    public function testRespRefusesAnotherProtocol(): void
    {
        $buffer = "HTTP/1.1 400 Bad Request\r\n";
        $this->expectException(ConnectionLost::class);
        Resp::take($buffer);
    }

    public function testPrioritiesShareFourLists(): void
    {
        $lists = ['q' => [0, 1, 2], "q\x06\x163" => [3, 5], "q\x06\x166" => [6, 8], "q\x06\x169" => [9, 10, 255]];
        foreach ($lists as $list => $priorities) {
            foreach ($priorities as $priority) {
                self::assertSame($list, RedisBroker::list('q', $priority));
            }
        }
    }
}
