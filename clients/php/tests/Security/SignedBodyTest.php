<?php

declare(strict_types=1);

namespace Celeriac\Tests\Security;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;
use Celeriac\Security\Certificate;
use Celeriac\Security\SignedBody;
use Celeriac\Serialization\Bytes;
use Celeriac\Serialization\JsonObject;
use Celeriac\Serialization\Limits;
use Celeriac\Serialization\Payload;
use Celeriac\Serialization\Serializer;
use Celeriac\Tests\Support\Neutral;
use Celeriac\Tests\Support\Vectors;
use PHPUnit\Framework\TestCase;

/**
 * The signed vector, and what must not pass for one. Needs ext-openssl.
 */
final class SignedBodyTest extends TestCase
{
    private const NOW = '2026-12-01T00:00:00Z';

    protected function setUp(): void
    {
        if (!extension_loaded('openssl')) {
            self::markTestSkipped('SKIPPED signatures: ext-openssl is not loaded');
        }
    }

    public function testSignedBodyIsTakenApartAndVerified(): void
    {
        $body = SignedBody::parse(Vectors::payload(self::vector()));
        $flat = new JsonObject([
            'signer' => $body->signer,
            'signature' => new Bytes($body->signature),
            'content_type' => $body->payload->contentType,
            'content_encoding' => $body->payload->contentEncoding,
            'body' => $body->verified(new \DateTimeImmutable(self::NOW), new Limits(), self::certificate()),
        ]);
        self::assertSame(Neutral::canonical(self::vector()['message']), Neutral::canonical($flat));
    }

    /**
     * @dataProvider invalid
     * @param array<string, mixed> $vector
     */
    public function testInvalidBodyIsRefused(array $vector): void
    {
        $this->expectException(InvalidMessage::class);
        $body = SignedBody::parse(Vectors::payload($vector));
        $certificate = new Certificate($vector['wire']->members['certificate']);
        $body->verified(new \DateTimeImmutable(self::NOW), new Limits(), $certificate);
    }

    /**
     * @dataProvider forgeries
     * @param \Closure(list<string>): list<string> $forge changes the five parts
     */
    public function testForgedBodyIsNotDecoded(\Closure $forge): void
    {
        $parts = explode("\0\1", (string) base64_decode(Vectors::payload(self::vector())->body), 5);
        $forged = new Payload(base64_encode(implode("\0\1", $forge($parts))), SignedBody::CONTENT_TYPE);
        $this->expectException(InvalidMessage::class);
        SignedBody::parse($forged)->verified(new \DateTimeImmutable(self::NOW), new Limits(), self::certificate());
    }

    /**
     * @return iterable<string, array{\Closure}>
     */
    public static function forgeries(): iterable
    {
        yield 'another body' => [static fn (array $parts): array => [...array_slice($parts, 0, 4), '[[9, 9], {}, {}]']];
        yield 'another signer' => [static fn (array $parts): array
            => [base64_encode('shop.example 4712'), ...array_slice($parts, 1)]];
        yield 'signature of nothing' => [static fn (array $parts): array
            => [$parts[0], base64_encode(str_repeat("\0", 256)), ...array_slice($parts, 2)]];
        yield 'short signature' => [static fn (array $parts): array => [$parts[0], 'AAAA', ...array_slice($parts, 2)]];
        yield 'one bit' => [static fn (array $parts): array
            => [...array_slice($parts, 0, 4), $parts[4] ^ str_repeat("\0", strlen($parts[4]) - 1) . "\1"]];
    }

    public function testEveryBitOfTheSignatureCounts(): void
    {
        $body = SignedBody::parse(Vectors::payload(self::vector()));
        $certificate = self::certificate();
        for ($at = 0; $at < strlen($body->signature); $at += 5) {
            $signature = $body->signature;
            $signature[$at] = chr(ord($signature[$at]) ^ 1 << $at % 8);
            $now = new \DateTimeImmutable(self::NOW);
            self::assertFalse($certificate->signed($body->payload->body, $signature, $now), "byte $at");
        }
    }

    public function testCertificateHasToBeValidNow(): void
    {
        $body = SignedBody::parse(Vectors::payload(self::vector()));
        foreach (['2026-01-01', '2036-12-01'] as $day) {
            try {
                $body->verified(new \DateTimeImmutable($day), new Limits(), self::certificate());
                self::fail($day);
            } catch (InvalidMessage $fault) {
                self::assertStringContainsString('not valid now', $fault->getMessage());
            }
        }
    }

    public function testContentTypeOfTheInsideHasToBeAccepted(): void
    {
        $body = SignedBody::parse(Vectors::payload(self::vector()));
        $this->expectExceptionMessage('content type application/json is not accepted');
        $limits = new Limits(accept: [Serializer::Msgpack]);
        $body->verified(new \DateTimeImmutable(self::NOW), $limits, self::certificate());
    }

    public function testSerialNumberOfAnyLengthIsDecimal(): void
    {
        $key = openssl_pkey_new(['private_key_bits' => 1024]);
        $request = openssl_csr_new(['commonName' => 'shop', 'organizationName' => 'Shop'], $key);
        openssl_x509_export(openssl_csr_sign($request, null, $key, 1, [], PHP_INT_MAX), $pem);
        self::assertStringEndsWith(' ' . PHP_INT_MAX, (new Certificate($pem))->id);
        self::assertStringContainsString('shop', (new Certificate($pem))->id);
    }

    public function testWhatIsNoCertificateIsTheCallersFault(): void
    {
        $this->expectException(InvalidCall::class);
        new Certificate('nonsense');
    }

    /**
     * @return array<string, array{array<string, mixed>}>
     */
    public static function invalid(): array
    {
        return Vectors::in('security/invalid');
    }

    /**
     * @return array<string, mixed>
     */
    private static function vector(): array
    {
        return Vectors::in('security')['security/signed'][0];
    }

    private static function certificate(): Certificate
    {
        return new Certificate(self::vector()['wire']->members['certificate']);
    }
}
