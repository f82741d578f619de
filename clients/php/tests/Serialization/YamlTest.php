<?php

declare(strict_types=1);

namespace Celeriac\Tests\Serialization;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Serialization\BigInteger;
use Celeriac\Serialization\Bytes;
use Celeriac\Serialization\Date;
use Celeriac\Serialization\Decimal;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Limits;
use Celeriac\Serialization\LocalDateTime;
use Celeriac\Serialization\Time;
use Celeriac\Serialization\Yaml;
use Celeriac\Tests\Support\Neutral;
use PHPUnit\Framework\TestCase;

/**
 * What PyYAML's safe_load makes of a text, and how safe_dump writes a value. The texts were held against PyYAML.
 */
final class YamlTest extends TestCase
{
    /**
     * @dataProvider documents
     */
    public function testDocumentIsRead(string $text, mixed $value): void
    {
        self::assertSame(Neutral::canonical($value), Neutral::canonical(Yaml::decode($text)));
        self::assertSame(Neutral::canonical($value), Neutral::canonical(Yaml::decode(Yaml::encode($value))));
    }

    /**
     * @return iterable<string, array{string, mixed}>
     */
    public static function documents(): iterable
    {
        yield 'nothing' => ['', null];
        yield 'a word over two lines' => ["one\n  two\n\n  three\n...\n", "one two\nthree"];
        yield 'words of YAML 1.1' => ['[yes, Off, ~, .inf, -.INF, 1:30, 0x1F, 017, 1_000, 1e3, 1.5e+3, -.5]', [
            true, false, null, INF, -INF, 90, 31, 15, 1000, '1e3', 1500.0, '-.5',
        ]];
        yield 'long integers' => ['- 9223372036854775808', [new BigInteger('9223372036854775808')]];
        yield 'dates' => ["- 2026-01-02\n- 2026-1-2 3:04:05\n- 2026-01-02T03:04:05.5Z\n- '2026-01-02'\n", [
            new Date('2026-01-02'),
            new LocalDateTime('2026-01-02T03:04:05'),
            new \DateTimeImmutable('2026-01-02T03:04:05.5Z'),
            '2026-01-02',
        ]];
        yield 'sequences' => ["- - 1\n  - 2\n-\n  - 3\n- []\n", [[1, 2], [3], []]];
        yield 'mappings' => ["a:\n- 1\nb:\n    c: d # e\n'1': null\n? x y\n: z: 1\ne: {}\nf:\n", new JsonObject([
            'a' => [1], 'b' => new JsonObject(['c' => 'd']), '1' => null, 'x y' => new JsonObject(['z' => 1]),
            'e' => new JsonObject(), 'f' => null,
        ])];
        yield 'flow' => ["{a: [1, 'b''s',\n \"c\\\n  d\"], 'e':f, g: , ? h : i}", new JsonObject([
            'a' => [1, "b's", 'cd'], 'e' => 'f', 'g' => null, 'h' => 'i',
        ])];
        yield 'escapes' => ['"\x41\u00e9\U0001F407\n\"\\\\\e\_ \\ "', "A\u{E9}\u{1F407}\n\"\\\x1B\u{A0}  "];
        yield 'folds' => ["'one\n  two\n\n  three'", "one two\nthree"];
        yield 'blocks' => ["- |\n  a\n\n   b\n- >-\n  a\n  b\n\n  c\n- |+\n  a\n\n- |2\n    a\n", [
            "a\n\n b\n", "a b\nc", "a\n\n", "  a\n",
        ]];
        yield 'bytes' => ["--- !!binary |\n  cm\n  F3\n", new Bytes('raw')];
        yield 'tags' => ['[!!str 1, !!float 1, !!int "1", !!seq [], !!map {}]', ['1', 1.0, 1, [], new JsonObject()]];
        yield 'anchors' => ["- &a [1]\n- *a\n- &b\n  c: *a\n- *b\n", [
            [1], [1], new JsonObject(['c' => [1]]), new JsonObject(['c' => [1]]),
        ]];
    }

    /**
     * @dataProvider invalid
     */
    public function testAnythingElseIsInvalid(string $text): void
    {
        $this->expectException(InvalidMessage::class);
        Yaml::decode($text);
    }

    /**
     * @return iterable<string, array{string}>
     */
    public static function invalid(): iterable
    {
        yield 'an object of Python' => ['!!python/object/apply:os.system [true]'];
        yield 'an object of PHP' => ['!php/object O:8:"stdClass":0:{}'];
        yield 'a tag of another type' => ['!!int x'];
        yield 'a sequence as text' => ['!!str [1]'];
        yield 'a merge key' => ["a: &a {b: 1}\nc:\n  <<: *a\n"];
        yield 'two documents' => ["a\n---\nb\n"];
        yield 'an unknown anchor' => ['*a'];
        yield 'an anchor within itself' => ['&a [*a]'];
        yield 'a list as key' => ["? [a]\n: b\n"];
        yield 'no closing bracket' => ['[1, 2'];
        yield 'no closing quote' => ['"a'];
        yield 'bad indentation' => ["a:\n    b: 1\n  c: 2\n"];
        yield 'a tab for spaces' => ["a:\n\tb: 1\n"];
        yield 'a mapping beside its key' => ['a: b: c'];
        yield 'no such day' => ['2026-02-30'];
        yield 'no such escape' => ['"\y"'];
        yield 'no base64' => ['!!binary "*"'];
        yield 'not UTF-8' => ["\xFF"];
        yield 'brackets' => [str_repeat('[', 5000)];
        yield 'hyphens' => [str_repeat('- ', 5000)];
        yield 'question marks' => [str_repeat('? ', 5000)];
        yield 'aliases of aliases' => ["- &a [x, x, x, x, x, x, x, x, x, x]\n" . implode('', array_map(
            static fn (string $last, string $next): string => "- &$next [" . str_repeat("*$last, ", 10) . "]\n",
            range('a', 'h'),
            range('b', 'i'),
        ))];
    }

    public function testLongTextIsRead(): void
    {
        $long = str_repeat('word of text ', 200_000) . 'end';
        self::assertSame([$long, $long, $long], Yaml::decode("- $long\n- '$long'\n- \"$long\"\n"));
    }

    /**
     * @dataProvider texts
     */
    public function testTextStaysText(string $text): void
    {
        self::assertSame([$text], Yaml::decode(Yaml::encode([$text])));
        self::assertSame([$text => 1], Yaml::decode(Yaml::encode(new JsonObject([$text => 1])))->members);
    }

    /**
     * @return iterable<array{string}>
     */
    public static function texts(): iterable
    {
        $texts = ['', ' ', 'yes', '~', '1.5', '0x1f', '1:30', '2026-01-02', '2026-13-45', '- a', '? a', 'a: b', 'a #b',
            "it's", '"q"', '<<', '=', '---', '[a]', '{a', '&a', '*a', '!a', '|', '>', '%a', '@a', "a\nb", "\t", 'a:',
            "\u{85}", "\u{FEFF}a", "\0", "\u{1F407}", 'a,b'];
        foreach ($texts as $text) {
            yield [$text];
        }
    }

    /**
     * @dataProvider unwritable
     */
    public function testWhatYamlHasNoTypeForIsRefused(mixed $value): void
    {
        $this->expectException(InvalidCall::class);
        Yaml::encode([$value]);
    }

    /**
     * @return iterable<string, array{mixed}>
     */
    public static function unwritable(): iterable
    {
        yield 'decimal' => [new Decimal('1.10')];
        yield 'time' => [new Time('03:04:05')];
        yield 'bytes as text' => ["\xFF"];
    }

    public function testDepthIsLimitedBothWays(): void
    {
        $limits = new Limits(maxDepth: 2);
        self::assertSame([[1]], Yaml::decode(Yaml::encode([[1]], $limits), $limits));
        $this->expectException(InvalidCall::class);
        Yaml::encode([[[1]]], $limits);
    }
}
