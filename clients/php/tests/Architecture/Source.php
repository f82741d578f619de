<?php

declare(strict_types=1);

namespace Celeriac\Tests\Architecture;

/**
 * The source files of the package and what each of them names.
 */
final class Source
{
    public const ROOT = __DIR__ . '/../../src';
    private const NAMES = [T_STRING, T_NAME_QUALIFIED, T_NAME_FULLY_QUALIFIED];

    /**
     * @return array<class-string, string> path of the file by the class that it declares
     */
    public static function classes(): array
    {
        $classes = [];
        $folders = new \RecursiveDirectoryIterator(self::ROOT, \FilesystemIterator::SKIP_DOTS);
        foreach (new \RecursiveIteratorIterator($folders) as $file) {
            $relative = substr((string) $file, strlen(self::ROOT) + 1, -4);
            /** @var class-string $class */
            $class = 'Celeriac\\' . str_replace('/', '\\', $relative);
            $classes[$class] = (string) $file;
        }
        ksort($classes);

        return $classes;
    }

    /**
     * The names that a file's code uses, resolved as PHP resolves class names; comments do not count.
     *
     * @return list<string> without a leading backslash; functions and constants come out as names that are no class
     */
    public static function names(string $class): array
    {
        $namespace = substr($class, 0, (int) strrpos($class, '\\'));
        $tokens = array_values(array_filter(
            \PhpToken::tokenize((string) file_get_contents(self::classes()[$class])),
            static fn (\PhpToken $token): bool => !$token->isIgnorable(),
        ));
        [$imports, $names] = [[], []];
        foreach ($tokens as $i => $token) {
            if (!$token->is(self::NAMES) || $tokens[$i - 1]->is([T_NAMESPACE, T_OBJECT_OPERATOR, T_DOUBLE_COLON])) {
                continue;
            }
            // a case of an enum is a name of its own; one of a switch that names a class goes on with "::"
            if ($tokens[$i - 1]->is(T_CASE) && !$tokens[$i + 1]->is(T_DOUBLE_COLON)) {
                continue;
            }
            if ($tokens[$i - 1]->is(T_USE)) {
                $imports[(string) substr((string) strrchr('\\' . $token->text, '\\'), 1)] = $token->text;
                continue;
            }
            $names[] = match (true) {
                $token->text[0] === '\\' => substr($token->text, 1),
                isset($imports[$token->text]) => $imports[$token->text],
                default => "$namespace\\$token->text",
            };
        }

        return array_values(array_unique($names));
    }

    /**
     * The functions that a file calls without a namespace of their own.
     *
     * @return list<string>
     */
    public static function functions(string $class): array
    {
        preg_match_all(
            '/(?<![\w>:$\\\\])(?<!function )(?<!new )([a-z_0-9]+)\(/',
            self::code($class),
            $matches,
        );

        return array_values(array_unique($matches[1]));
    }

    /**
     * A file without its comments and the texts in it.
     */
    public static function code(string $class): string
    {
        $code = '';
        foreach (\PhpToken::tokenize((string) file_get_contents(self::classes()[$class])) as $token) {
            $code .= $token->is([T_COMMENT, T_DOC_COMMENT, T_CONSTANT_ENCAPSED_STRING]) ? ' ' : $token->text;
        }

        return $code;
    }
}
