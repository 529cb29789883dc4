/** Was a row refused because another has the same key? On both engines. */
export function isDuplicate(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return code === '23505' || (typeof message === 'string' && message.startsWith('UNIQUE constraint failed'));
}
