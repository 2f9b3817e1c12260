import { Button, TextInput } from '@mantine/core';
import { type FormEvent, type ReactNode, useState } from 'react';

export interface FilterField {
  readonly name: string;
  readonly label: string;
  readonly placeholder?: string;
}

/** Filters of text: they take effect together, with Enter or the button. */
export function FilterBar({
  fields,
  values,
  apply,
  children,
}: {
  readonly fields: readonly FilterField[];
  readonly values: Readonly<Record<string, string | undefined>>;
  readonly apply: (values: Record<string, string | undefined>) => void;
  readonly children?: ReactNode;
}) {
  const given = JSON.stringify(fields.map(({ name }) => values[name]));
  // A link to other values begins anew.
  return (
    <Fields key={given} fields={fields} values={values} apply={apply}>
      {children}
    </Fields>
  );
}

function Fields({ fields, values, apply, children }: Parameters<typeof FilterBar>[0]) {
  const [typed, setTyped] = useState<Record<string, string | undefined>>({});
  const submit = (event: FormEvent): void => {
    event.preventDefault();
    apply(
      Object.fromEntries(
        fields.map(({ name }) => [name, (typed[name] ?? values[name])?.trim() || undefined]),
      ),
    );
  };
  const isSet = fields.some(({ name }) => values[name] !== undefined);
  return (
    <form className="filters" role="search" onSubmit={submit}>
      {children}
      {fields.map(({ name, label, placeholder }) => (
        <TextInput
          key={name}
          size="xs"
          label={label}
          placeholder={placeholder}
          value={typed[name] ?? values[name] ?? ''}
          onChange={({ currentTarget: { value } }) =>
            setTyped((all) => ({ ...all, [name]: value }))
          }
        />
      ))}
      <Button size="xs" type="submit" variant="default">
        Filter
      </Button>
      {isSet && (
        <Button
          size="xs"
          variant="subtle"
          onClick={() => apply(Object.fromEntries(fields.map(({ name }) => [name, undefined])))}
        >
          Clear
        </Button>
      )}
    </form>
  );
}
