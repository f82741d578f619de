<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidMessage;

/**
 * A place in a YAML document, and the texts that begin there: quoted, plain and block scalars.
 *
 * @internal
 */
final class YamlText
{
    private const GAP = '/(?:\s|(?<!\S)#[^\n]*+)*+/A';
    private const MARKER = '/(?:---|\.\.\.)(?!\S)/A';
    private const DOUBLE = '/\\\\(?:x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})|\n[ \t]*+((?:\n[ \t]*+)*+)|(.))'
        . '|(?:(?<![ \t])[ \t]++)?+\n((?:[ \t]*+\n)*+)[ \t]*+/s';
    private const SINGLE = '/(?:(?<![ \t])[ \t]++)?+\n((?:[ \t]*+\n)*+)[ \t]*+/';
    private const LETTERS = [
        '0' => "\0", 'a' => "\x07", 'b' => "\x08", 't' => "\t", "\t" => "\t", 'n' => "\n", 'v' => "\x0B",
        'f' => "\x0C", 'r' => "\r", 'e' => "\x1B", ' ' => ' ', '"' => '"', '/' => '/', '\\' => '\\',
        'N' => "\u{85}", '_' => "\u{A0}", 'L' => "\u{2028}", 'P' => "\u{2029}",
    ];

    private int $at = 0;
    private readonly string $text;

    /**
     * @param string $text UTF-8
     */
    public function __construct(string $text)
    {
        $this->text = str_replace(["\r\n", "\r"], "\n", $text);
    }

    /**
     * Goes past what the pattern matches here, if it does.
     *
     * @param string $pattern anchored by /A
     * @return string|null the match; null, and the place as it was, without one
     */
    public function takes(string $pattern): ?string
    {
        if (preg_match($pattern, $this->text, $match, 0, $this->at) !== 1) {
            return null;
        }
        $this->at += strlen($match[0]);

        return $match[0];
    }

    /**
     * Whether the pattern matches here.
     */
    public function sees(string $pattern): bool
    {
        return preg_match($pattern, $this->text, $_, 0, $this->at) === 1;
    }

    /**
     * Goes past white space and comments.
     *
     * @return bool whether a line ended there
     */
    public function skip(): bool
    {
        return str_contains($this->takes(self::GAP) ?? '', "\n");
    }

    /**
     * The place, to come back to.
     */
    public function tell(): int
    {
        return $this->at;
    }

    /**
     * Goes to a place.
     */
    public function seek(int $at): void
    {
        $this->at = $at;
    }

    /**
     * How far this place is from the beginning of its line.
     *
     * @throws InvalidMessage when there is a tab before it
     */
    public function column(): int
    {
        $start = $this->at === 0 ? false : strrpos($this->text, "\n", $this->at - 1 - strlen($this->text));
        $start = $start === false ? 0 : $start + 1;

        return str_contains(substr($this->text, $start, $this->at - $start), "\t")
            ? throw $this->fault('spaces')
            : $this->at - $start;
    }

    /**
     * Whether nothing more comes in this document.
     */
    public function ends(): bool
    {
        return $this->isAtEnd() || $this->sees(self::MARKER) && $this->column() === 0;
    }

    /**
     * Whether nothing more comes at all.
     */
    public function isAtEnd(): bool
    {
        return $this->at === strlen($this->text);
    }

    /**
     * Takes a text in quotes.
     *
     * @return string|null null when none, or no whole one, is here
     */
    public function quoted(): ?string
    {
        $single = $this->takes("/'[^']*+(?:''[^']*+)*+'/A");
        if ($single !== null) {
            $folded = preg_replace_callback(self::SINGLE, self::folded(...), substr($single, 1, -1));

            return str_replace("''", "'", (string) $folded);
        }
        $double = $this->takes('/"[^"\\\\]*+(?:\\\\.[^"\\\\]*+)*+"/As');

        return $double === null
            ? null
            : preg_replace_callback(self::DOUBLE, $this->unescaped(...), substr($double, 1, -1));
    }

    /**
     * Takes a text without quotes, over any number of lines that are right of a column.
     *
     * @param string $first pattern of what it may begin with
     * @param string $rest pattern of one piece of what may follow
     * @throws InvalidMessage when none is here
     */
    public function plain(string $first, string $rest, int $indent): string
    {
        $text = rtrim($this->takes("/$first$rest*+/A") ?? throw $this->fault('a value'));
        do {
            $start = $this->at;
            $breaks = substr_count($this->takes('/[ \t]*+\n\s*+/A') ?? '', "\n");
            $stops = $breaks === 0 || $this->ends() || $this->column() <= $indent || $this->sees('/#/A');
            $line = $stops ? null : $this->takes("/$rest++/A");
            $text .= $line === null ? '' : self::gap($breaks - 1) . rtrim($line);
        } while ($line !== null);
        $this->at = $start;

        return $text;
    }

    /**
     * Takes a block scalar: literal or folded.
     *
     * @param int $indent column of the node that it belongs to, -1 for none
     * @throws InvalidMessage when its header is none
     */
    public function block(int $indent): string
    {
        $header = $this->takes('/[|>](?:[1-9][-+]?|[-+]?[1-9]?)[ \t]*+(?:(?<=[ \t])#[^\n]*+)?(?:\n|$)/A')
            ?? throw $this->fault('a block');
        preg_match('/^([|>])([-+]?)(\d?)([-+]?)/', $header, $match);
        [, $style, $before, $digit, $after] = $match;
        $lines = $this->lines($indent + 1, $digit === '' ? null : max($indent, 0) + (int) $digit);
        $text = $lines === [] ? '' : implode("\n", $lines) . "\n";
        if ($style === '>') {
            $fold = static fn (array $found): string => $found[1] . self::gap(strlen($found[2]));
            $text = (string) preg_replace_callback('/^(\S[^\n]*+)\n(\n*+)(?=\S)/m', $fold, $text);
        }
        $bare = rtrim($text, "\n");

        return match ($before . $after) {
            '+' => $text,
            '-' => $bare,
            default => $bare === '' ? '' : "$bare\n",
        };
    }

    /**
     * What to say of this place.
     */
    public function fault(string $wanted): InvalidMessage
    {
        return new InvalidMessage("not YAML of the core schema: expected $wanted at byte {$this->at}");
    }

    /**
     * @return list<string>
     */
    private function lines(int $least, ?int $margin): array
    {
        $lines = [];
        while (!$this->isAtEnd()) {
            $end = strpos($this->text, "\n", $this->at);
            $line = substr($this->text, $this->at, ($end === false ? strlen($this->text) : $end) - $this->at);
            $width = strspn($line, ' ');
            if ($width < strlen($line)) {
                $margin ??= $width;
                if ($width < max($margin, $least)) {
                    break;
                }
            }
            $lines[] = substr($line, $margin ?? $width);
            $this->at += strlen($line) + ($end === false ? 0 : 1);
        }

        return $lines;
    }

    /**
     * @param array<array-key, string> $match
     */
    private static function folded(array $match): string
    {
        return self::gap(substr_count($match[1], "\n"));
    }

    /**
     * One line end within a text is a space, more of them are one line end less.
     */
    private static function gap(int $more): string
    {
        return $more === 0 ? ' ' : str_repeat("\n", $more);
    }

    /**
     * @param array<array-key, string> $match of DOUBLE
     */
    private function unescaped(array $match): string
    {
        if (isset($match[6])) {
            return self::gap(substr_count($match[6], "\n"));
        }
        if (isset($match[5])) {
            return self::LETTERS[$match[5]] ?? throw $this->fault('an escape');
        }
        if (isset($match[4])) {
            return str_repeat("\n", substr_count($match[4], "\n"));
        }
        $code = (int) hexdec($match[3] ?? $match[2] ?? $match[1]);

        return $code <= 0x10FFFF ? Utf8::of($code) : throw $this->fault('a character');
    }
}
