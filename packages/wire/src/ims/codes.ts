import list from './error-codes.json' with { type: 'json' };

/** One documented answer of the IMS API or of its gateway. */
export interface ImsCode {
  readonly code: string;
  readonly status: number;
  /** Exact text on the wire; may hold `{placeholders}`. */
  readonly message: string;
}

const byCode = new Map<string, ImsCode[]>();
for (const row of list) {
  const entry = { code: row.code, status: row.http, message: row.message };
  const known = byCode.get(row.code);
  if (known) known.push(entry);
  else byCode.set(row.code, [entry]);
}

/** Every documented code, once. */
export const imsCodes: readonly string[] = [...byCode.keys()];

/**
 * Status and text of a code.
 * @param hint part of the text, for the gateway's code that has several texts
 * @throws when the list has no such code: a bug of ours
 */
export function imsCode(code: string, hint = ''): ImsCode {
  const row = byCode.get(code)?.find((entry) => entry.message.includes(hint));
  if (!row) throw new Error(`no IMS code ${code} with "${hint}" in its text`);
  return row;
}

/** Put values in place of `{placeholders}`. */
export function fillText(text: string, values: Readonly<Record<string, unknown>>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}
