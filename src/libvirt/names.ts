/** The name of a value in one of libvirt's enumerations. */
export function nameOf<Name extends string>(
  table: Readonly<Record<Name, number>>,
  value: number,
): Name | undefined {
  for (const name in table) if (table[name] === value) return name;
  return undefined;
}
