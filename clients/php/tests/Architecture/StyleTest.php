<?php

declare(strict_types=1);

namespace Celeriac\Tests\Architecture;

use PHPUnit\Framework\TestCase;

/**
 * What every class of the package keeps to, beyond the coding standard.
 */
final class StyleTest extends TestCase
{
    private const MAX_LINES = 300;
    private const MAX_METHOD_LINES = 45;
    /** functions of extensions that need not be there */
    private const OPTIONAL = [
        'bzdecompress', 'bzcompress', 'iconv', 'openssl_get_cert_locations', 'openssl_x509_parse',
        'openssl_pkey_get_public', 'openssl_pkey_get_details', 'openssl_public_decrypt', 'socket_import_stream',
    ];
    private const WORDS = [
        'array', 'list', 'match', 'fn', 'isset', 'unset', 'if', 'while', 'for', 'foreach', 'catch', 'switch', 'return',
        'use', 'declare', 'static', 'self', 'exit', 'empty', 'elseif',
    ];

    /**
     * @dataProvider classes
     * @param class-string $class
     */
    public function testFileIsShortAndDeclaresItsClassAlone(string $class, string $file): void
    {
        $source = (string) file_get_contents($file);
        self::assertLessThanOrEqual(self::MAX_LINES, substr_count($source, "\n"));
        self::assertStringContainsString("\ndeclare(strict_types=1);\n", $source);
        self::assertSame(1, preg_match_all('/^(final |abstract |readonly )*(class|interface|enum|trait) /m', $source));
    }

    /**
     * @dataProvider classes
     * @param class-string $class
     */
    public function testClassIsFinalUnlessItIsMeantToBeExtended(string $class): void
    {
        $reflection = new \ReflectionClass($class);
        $open = ['Celeriac\Exception\TransportError', 'Celeriac\Exception\TaskFailure'];
        self::assertTrue($reflection->isFinal() || $reflection->isInterface() || in_array($class, $open, true));
    }

    /**
     * @dataProvider classes
     * @param class-string $class
     */
    public function testEverythingPublicIsDescribedAndTyped(string $class): void
    {
        $reflection = new \ReflectionClass($class);
        self::assertNotFalse($reflection->getDocComment(), "$class needs a description");
        $missing = [];
        foreach ($reflection->getMethods() as $method) {
            if ($method->getDeclaringClass()->getName() !== $class || $method->getFileName() === false) {
                continue;
            }
            $name = $method->getName();
            foreach ($method->getParameters() as $parameter) {
                $missing[] = $parameter->hasType() ? null : "type of $name(\${$parameter->getName()})";
            }
            $missing[] = $method->hasReturnType() || str_starts_with($name, '__') ? null : "return type of $name()";
            $missing[] = self::isDescribed($method) ? null : "description of $name()";
            $lines = $method->getEndLine() - $method->getStartLine();
            $short = $lines <= self::MAX_METHOD_LINES || $method->isConstructor();
            $missing[] = $short ? null : "$name() is $lines lines long";
        }
        foreach ($reflection->getProperties() as $property) {
            $foreign = $property->getDeclaringClass()->getName() !== $class;
            $resource = str_contains((string) $property->getDocComment(), '@var resource');
            $missing[] = $foreign || $property->hasType() || $resource ? null : "type of \${$property->getName()}";
        }
        self::assertSame([], array_values(array_filter($missing)));
    }

    /**
     * @dataProvider classes
     * @param class-string $class
     */
    public function testEveryNameThatTheCodeUsesExists(string $class): void
    {
        $unknown = [];
        foreach (Source::functions($class) as $function) {
            $word = in_array($function, self::WORDS, true);
            $optional = in_array($function, self::OPTIONAL, true);
            if (!$word && !$optional && !function_exists($function) && !method_exists($class, $function)) {
                $unknown[] = $function;
            }
        }
        $pattern = '/\$this->(\w+)(\()?|(?:self|static)::(\w+)(\()?/';
        preg_match_all($pattern, Source::code($class), $members, PREG_SET_ORDER);
        foreach ($members as $member) {
            $name = $member[1] !== '' ? $member[1] : $member[3];
            $known = method_exists($class, $name) || property_exists($class, $name)
                || (new \ReflectionClass($class))->hasConstant($name) || $name === 'class';
            $unknown[] = $known ? null : $name;
        }
        self::assertSame([], array_values(array_filter($unknown)));
    }

    /**
     * @dataProvider classes
     * @param class-string $class
     */
    public function testEveryImportExistsAndIsUsed(string $class, string $file): void
    {
        $source = (string) file_get_contents($file);
        preg_match_all('/^use ([\w\\\\]+);$/m', $source, $imports);
        foreach ($imports[1] as $import) {
            $exists = class_exists($import) || interface_exists($import) || enum_exists($import);
            self::assertTrue($exists || str_starts_with($import, 'Predis\\'), "$import does not exist");
            $short = substr((string) strrchr("\\$import", '\\'), 1);
            self::assertGreaterThan(1, preg_match_all("/\\b$short\\b/", $source), "$import is not used");
        }
        $sorted = $imports[1];
        usort($sorted, strcasecmp(...));
        self::assertSame($sorted, $imports[1]);
    }

    /**
     * @return array<string, array{class-string, string}>
     */
    public static function classes(): array
    {
        $classes = [];
        foreach (Source::classes() as $class => $file) {
            $classes[$class] = [$class, $file];
        }

        return $classes;
    }

    /**
     * A method of an interface is described there, a constructor may be described by its class.
     */
    private static function isDescribed(\ReflectionMethod $method): bool
    {
        $inherited = array_filter(
            $method->getDeclaringClass()->getInterfaces(),
            static fn (\ReflectionClass $interface): bool => $interface->hasMethod($method->getName()),
        );

        return !$method->isPublic() || $method->getDocComment() !== false || $inherited !== []
            || str_starts_with($method->getName(), '__');
    }
}
