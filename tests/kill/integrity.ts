import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const queries = readFileSync(join(import.meta.dirname, 'invariants.sql'), 'utf8');

/** Name and text of each query of the file. */
function invariants(): { name: string; text: string }[] {
  return queries
    .split(/\n\n+/)
    .map((block) => block.trim())
    .filter((block) => /^select/m.test(block))
    .map((block) => {
      const lines = block.split('\n');
      const at = lines.findIndex((line) => !line.startsWith('--'));
      return { name: lines[at - 1]?.replace(/^-- /, '') ?? '', text: lines.slice(at).join('\n') };
    });
}

/**
 * The invariants hold, and the store has exactly the bytes that the catalogue names.
 * @param data a data folder that no process has open (or that is at rest)
 */
export function assertIntegrity(data: string): void {
  const database = new DatabaseSync(catalogFile(data), { readOnly: true });
  try {
    for (const { name, text } of invariants()) {
      assert.deepEqual(database.prepare(text).all(), [], name);
    }
    const rows = database
      .prepare("select id, size, state from blobs where kind = 'whole'")
      .all() as unknown as { id: string; size: number; state: string }[];
    const live = new Map(rows.filter((row) => row.state === 'live').map((row) => [row.id, row.size]));
    const writing = new Set(rows.filter((row) => row.state === 'writing').map((row) => row.id));
    const { published, temporary } = stored(join(data, 'store'));
    for (const [id, size] of live) assert.equal(published.get(id), size, `bytes of blob ${id}`);
    for (const id of published.keys()) assert.ok(live.has(id) || writing.has(id), `nobody's bytes: ${id}`);
    for (const id of temporary) assert.ok(writing.has(id), `nobody's temporary bytes: ${id}`);
  } finally {
    database.close();
  }
}

/** The embedded database of a data folder. */
export function catalogFile(data: string): string {
  const name = readdirSync(data).find((entry) => entry.endsWith('.db') || entry.endsWith('.sqlite'));
  assert.ok(name, `no catalogue in ${readdirSync(data).join(', ')}`);
  return join(data, name);
}

function stored(store: string): { published: Map<string, number>; temporary: string[] } {
  const published = new Map<string, number>();
  for (const prefix of readdirSync(join(store, 'blobs'))) {
    for (const id of readdirSync(join(store, 'blobs', prefix))) {
      published.set(id, statSync(join(store, 'blobs', prefix, id)).size);
    }
  }
  const temporary = readdirSync(join(store, 'tmp')).map((name) => name.replace(/\.notes$/, ''));
  return { published, temporary };
}
