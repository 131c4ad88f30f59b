/**
 * An option in a sentence of the library, by the library's name for it: `cpus`, or with a value `firmware: bios`, both in
 * backticks. Who gives options other names, as the command line does, finds them by `translateOptions`.
 */
export function option(name: string, value?: string | number | boolean): string {
  return value === undefined ? `\`${name}\`` : `\`${name}: ${value}\``;
}

/**
 * A sentence with the options in it as somebody else calls them.
 * @param translate undefined for what is no option
 */
export function translateOptions(
  sentence: string,
  translate: (name: string, value: string | undefined) => string | undefined,
): string {
  return sentence.replaceAll(
    /`([a-z][A-Za-z]*)(?:: ([^`]*))?`/g,
    (whole, name: string, value: string | undefined) => translate(name, value) ?? whole,
  );
}
