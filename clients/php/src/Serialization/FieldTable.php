<?php

declare(strict_types=1);

namespace Celeriac\Serialization;

use Celeriac\Exception\InvalidCall;
use Celeriac\Exception\InvalidMessage;

/**
 * The fields of one kind of message: what parse and build loop over. Held against spec/fields.json by a test.
 *
 * Each row is `name => [place, types, value when omitted]`; a row of two is a field that a message cannot lack. Fields
 * outside the table are kept per place and written back.
 *
 * @phpstan-type Row array{0: string, 1: non-empty-list<string>, 2?: mixed}
 * @phpstan-type Members array<array-key, mixed>
 */
final readonly class FieldTable
{
    /**
     * @param array<string, Row> $rows
     */
    public function __construct(public array $rows)
    {
    }

    /**
     * Sorts what came from the wire into the fields of this table and the rest.
     *
     * @param array<string, Members> $places members found at each place
     * @return array{array<string, mixed>, array<string, Members>} fields present; left-overs by place
     * @throws InvalidMessage when a required field is absent or a field has the wrong type
     */
    public function gather(array $places): array
    {
        $fields = [];
        foreach ($this->rows as $name => $row) {
            if (array_key_exists($name, $places[$row[0]] ?? [])) {
                $fields[$name] = $places[$row[0]][$name];
                unset($places[$row[0]][$name]);
            }
        }
        $this->accept($fields);

        return [$fields, array_filter($places)];
    }

    /**
     * Holds fields from the wire against the table; fields that it does not name are let through.
     *
     * @param Members $fields
     * @throws InvalidMessage when a required field is absent or a field has the wrong type
     */
    public function accept(array $fields): void
    {
        $fault = $this->fault($fields);
        if ($fault !== null) {
            throw new InvalidMessage($fault);
        }
    }

    /**
     * Spreads fields over their places again: the reverse of gather().
     *
     * @param array<string, mixed> $fields
     * @param array<string, Members> $extra
     * @return array<string, Members> members by place, each place of the table present
     */
    public function spread(array $fields, array $extra): array
    {
        $places = $extra;
        foreach ($this->rows as $name => [$place]) {
            $places[$place] ??= [];
            if (array_key_exists($name, $fields)) {
                $places[$place][$name] = $fields[$name];
            }
        }

        return $places;
    }

    /**
     * Holds fields to be sent against the table.
     *
     * @param array<string, mixed> $fields
     * @throws InvalidCall when one is missing, of the wrong type, or not in the table
     */
    public function check(array $fields): void
    {
        $unknown = array_key_first(array_diff_key($fields, $this->rows));
        $fault = $unknown === null ? $this->fault($fields) : "no field is named $unknown";
        if ($fault !== null) {
            throw new InvalidCall($fault);
        }
    }

    /**
     * What a reader takes the field to be when the message lacks it.
     */
    public function omitted(string $name): mixed
    {
        $row = $this->rows[$name] ?? throw new InvalidCall("no field is named $name");
        $value = $row[2] ?? null;

        return $value === [] && in_array('object', $row[1], true) ? new JsonObject() : $value;
    }

    /**
     * @param Members $fields
     */
    private function fault(array $fields): ?string
    {
        foreach ($this->rows as $name => $row) {
            if (!array_key_exists($name, $fields)) {
                if (!array_key_exists(2, $row)) {
                    return "$name is missing";
                }
                continue;
            }
            if (!FieldType::anyFits($row[1], $fields[$name])) {
                $types = implode(' or ', $row[1]);

                return sprintf('%s has to be %s, not %s', $name, $types, get_debug_type($fields[$name]));
            }
        }

        return null;
    }
}
