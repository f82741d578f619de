<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidMessage;

/**
 * Reads one YAML document to the lossless form; see Yaml. Comments, anchors and every style are known; merge keys,
 * directives and tags of one's own are not.
 */
final class YamlReader
{
    private const FIRST = '(?:[^\s\-?:,\[\]{}#&*!|>\'"%@`]|[-?:](?=\S))';
    private const REST = '(?:[^\s:]|:(?=\S)|[ \t]++(?![#\s]))';
    private const FLOW_FIRST = '(?:[^\s\-?:,\[\]{}#&*!|>\'"%@`]|[-?:](?=[^\s,\[\]{}]))';
    private const FLOW_REST = '(?:[^\s:,\[\]{}]|:(?=[^\s,\[\]{}])|[ \t]++(?![#\s]))';
    private const TAGS = [
        '!', '!!null', '!!bool', '!!int', '!!float', '!!str', '!!binary', '!!timestamp', '!!seq', '!!map',
    ];
    /** Values that aliases may stand for in one document, so that nine short lines are not a billion of them */
    private const MOST_ALIASED = 100_000;

    private int $nodes = 0;
    private int $aliased = 0;

    /** Whether the key taken last was one with "?", after which a collection may begin on the line of the ":" */
    private bool $wasMarked = false;

    /** @var array<array-key, array{mixed, int}> value and number of nodes by anchor */
    private array $anchors = [];

    private function __construct(private readonly YamlText $in, private readonly int $maxDepth)
    {
    }

    /**
     * @param string $text UTF-8
     * @throws InvalidMessage for anything but one document
     */
    public static function read(string $text, int $maxDepth): mixed
    {
        $in = new YamlText($text);
        $in->skip();
        $in->takes('/---(?!\S)/A');
        $value = (new self($in, $maxDepth))->node(-1, 0, true);
        $in->skip();
        $in->takes('/\.\.\.(?!\S)/A');
        $in->skip();

        return $in->isAtEnd() ? $value : throw $in->fault('the end');
    }

    /**
     * @param int $indent column that the node has to be right of
     * @param bool $block whether a collection may begin on this line
     */
    private function node(int $indent, int $depth, bool $block, bool $inMapping = false): mixed
    {
        $block = $this->in->skip() || $block;
        $before = $this->nodes++;
        [$tag, $anchor, $lineEnded] = $this->properties();
        $block = $block || $lineEnded;
        $column = $this->in->column();
        $isSequence = $block && $this->in->sees('/-(?!\S)/A');
        $isEmpty = $this->in->ends() || $column < ($inMapping && $isSequence ? $indent : $indent + 1);
        $value = match (true) {
            $isEmpty => self::scalar('', $tag),
            $isSequence => $this->collection($tag, '!!seq', $this->sequence($column, $depth + 1)),
            $this->in->sees('/[|>]/A') => self::scalar($this->in->block($indent), $tag ?? '!!str'),
            default => $this->mappingOrLess($indent, $column, $depth, $block, $tag),
        };

        return $this->remember($anchor, $value, $before);
    }

    private function remember(?string $anchor, mixed $value, int $before): mixed
    {
        if ($anchor !== null) {
            $this->anchors[$anchor] = [$value, $this->nodes - $before];
        }

        return $value;
    }

    /**
     * @return array{string|null, string|null, bool} tag and anchor of the node that follows; whether on another line
     */
    private function properties(): array
    {
        [$tag, $anchor, $lineEnded] = [null, null, false];
        while (!$lineEnded && ($word = $this->in->takes('/[!&][^\s,\[\]{}]*+/A')) !== null) {
            if ($word[0] === '!' && !in_array($word, self::TAGS, true)) {
                throw $this->in->fault('no such tag');
            }
            [$tag, $anchor] = $word[0] === '!' ? [$word, $anchor] : [$tag, substr($word, 1)];
            $lineEnded = $this->in->skip();
        }

        return [$tag, $anchor, $lineEnded];
    }

    /**
     * @return list<mixed>
     */
    private function sequence(int $column, int $depth): array
    {
        $this->check($depth);
        $items = [];
        while (!$this->in->ends() && $this->in->column() === $column && $this->in->takes('/-(?!\S)/A') !== null) {
            $items[] = $this->node($column, $depth, true);
            $this->in->skip();
        }

        return $items;
    }

    private function mappingOrLess(int $indent, int $column, int $depth, bool $block, ?string $tag): mixed
    {
        $name = $block ? $this->name($column, $depth) : null;

        return $name === null
            ? $this->inline($indent, $depth, $tag)
            : $this->collection($tag, '!!map', $this->mapping($name, $column, $depth + 1));
    }

    private function mapping(string $name, int $column, int $depth): JsonObject
    {
        $this->check($depth);
        $members = [];
        do {
            $members[$name] = $this->node($column, $depth, $this->wasMarked, true);
            $this->in->skip();
            $more = !$this->in->ends() && $this->in->column() === $column;
            $name = $more ? $this->name($column, $depth) ?? throw $this->in->fault('a key') : '';
        } while ($more);

        return new JsonObject($members);
    }

    /**
     * Takes a key and its colon; null, and nothing taken, when the next thing is no key.
     */
    private function name(int $column, int $depth): ?string
    {
        $start = $this->in->tell();
        $this->wasMarked = false;
        if ($this->in->takes('/\?(?!\S)/A') !== null) {
            $this->check($depth);
            $name = self::keyText($this->node($column, $depth + 1, true));
            $this->in->skip();
            $this->wasMarked = true;

            return $this->in->takes('/:(?!\S)/A') !== null ? $name : throw $this->in->fault('":"');
        }
        $quoted = $this->in->quoted();
        $plain = $quoted === null ? $this->in->takes('/' . self::FIRST . self::REST . '*+/A') : null;
        if (($plain ?? $quoted) === null || $this->in->takes('/[ \t]*+:(?!\S)/A') === null) {
            $this->in->seek($start);

            return null;
        }

        return $quoted ?? $this->plainKey((string) $plain);
    }

    private function plainKey(string $text): string
    {
        return rtrim($text) === '<<'
            ? throw $this->in->fault('no merge key')
            : self::keyText(YamlScalar::resolve(rtrim($text)));
    }

    private static function keyText(mixed $key): string
    {
        return match (true) {
            is_string($key) => $key,
            is_scalar($key), $key === null, $key instanceof BigInteger => Json::encode($key),
            default => throw new InvalidMessage('not YAML of the core schema: a key that is no text'),
        };
    }

    private function inline(int $indent, int $depth, ?string $tag): mixed
    {
        return match (true) {
            $this->in->sees('/\[/A') => $this->collection($tag, '!!seq', $this->flowSequence($depth + 1)),
            $this->in->sees('/\{/A') => $this->collection($tag, '!!map', $this->flowMapping($depth + 1)),
            $this->in->sees('/\*/A') => $this->alias($tag),
            $this->in->sees('/["\']/A') => self::scalar(
                $this->in->quoted() ?? throw $this->in->fault('the other quote'),
                $tag ?? '!!str',
            ),
            default => self::scalar($this->in->plain(self::FIRST, self::REST, $indent), $tag),
        };
    }

    /**
     * @return list<mixed>
     */
    private function flowSequence(int $depth): array
    {
        $this->check($depth);
        $this->in->takes('/\[/A');
        $items = [];
        while (!$this->closes(']')) {
            $items[] = $this->flowNode($depth);
            $this->comma(']');
        }

        return $items;
    }

    private function flowMapping(int $depth): JsonObject
    {
        $this->check($depth);
        $this->in->takes('/\{/A');
        $members = [];
        while (!$this->closes('}')) {
            $this->in->takes('/\?(?!\S)\s*+/A');
            $quoted = $this->in->quoted();
            $plain = $quoted === null ? $this->in->takes('/' . self::FLOW_FIRST . self::FLOW_REST . '*+/A') : null;
            $name = $quoted ?? $this->plainKey($plain ?? throw $this->in->fault('a key'));
            $this->in->skip();
            $members[$name] = $this->in->takes('/:/A') === null ? null : $this->flowNode($depth);
            $this->comma('}');
        }

        return new JsonObject($members);
    }

    private function flowNode(int $depth): mixed
    {
        $this->in->skip();
        $before = $this->nodes++;
        [$tag, $anchor] = $this->properties();
        $this->in->skip();
        $value = match (true) {
            $this->in->sees('/[,\]}]/A') => self::scalar('', $tag),
            $this->in->sees('/[[{*"\']/A') => $this->inline(-1, $depth, $tag),
            default => self::scalar($this->in->plain(self::FLOW_FIRST, self::FLOW_REST, -1), $tag),
        };

        return $this->remember($anchor, $value, $before);
    }

    private function closes(string $bracket): bool
    {
        $this->in->skip();

        return $this->in->takes("/\\$bracket/A") !== null;
    }

    private function comma(string $bracket): void
    {
        $this->in->skip();
        if ($this->in->takes('/,/A') === null && !$this->in->sees("/\\$bracket/A")) {
            throw $this->in->fault('","');
        }
    }

    private function alias(?string $tag): mixed
    {
        $name = substr((string) $this->in->takes('/\*[^\s,\[\]{}]*+/A'), 1);
        [$value, $size] = $this->anchors[$name] ?? throw $this->in->fault('an anchor of that name before');
        $this->aliased += $size;
        $this->nodes += $size;

        return $tag === null && $this->aliased <= self::MOST_ALIASED ? $value : throw $this->in->fault('less');
    }

    private static function scalar(string $text, ?string $tag): mixed
    {
        return $tag === null ? YamlScalar::resolve($text) : YamlScalar::tagged($tag, $text);
    }

    private function collection(?string $tag, string $own, mixed $value): mixed
    {
        return $tag === null || $tag === '!' || $tag === $own ? $value : throw $this->in->fault("no $tag");
    }

    private function check(int $depth): void
    {
        if ($depth > $this->maxDepth) {
            throw new InvalidMessage("nested deeper than {$this->maxDepth} levels");
        }
    }
}
