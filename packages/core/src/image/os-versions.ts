import { readFileSync } from 'node:fs';

/** One operating system that an image may name. */
export interface OsVersion {
  readonly platform: string;
  readonly osVersion: string;
  readonly osBit: 32 | 64;
  readonly osType: 'Linux' | 'Windows' | 'Other';
  readonly architecture: 'x86' | 'arm';
  readonly uefi: boolean;
}

/** The documented catalogue, by platform, in its order. */
export const osVersions: readonly OsVersion[] = JSON.parse(
  readFileSync(new URL('./os-versions.json', import.meta.url), 'utf8'),
) as OsVersion[];

/** What a system is when nobody says. */
export const unknownOsVersion = 'Other Linux(64 bit)';

/** The families that images name; others are `Other`. */
const imagePlatforms = new Set([
  'Windows',
  'Ubuntu',
  'Red Hat',
  'SUSE',
  'CentOS',
  'Debian',
  'OpenSUSE',
  'Oracle Linux',
  'Fedora',
  'CoreOS',
  'EulerOS',
  'Other',
]);

/** The catalogue has some systems in both spellings of Red Hat: each text finds its own entry first. */
const byText = new Map<string, OsVersion>();
for (const spell of [(text: string) => text.toLowerCase(), comparable])
  for (const entry of osVersions) {
    const text = spell(entry.osVersion);
    if (!byText.has(text)) byText.set(text, entry);
  }

/** Case, `Redhat` for `Red Hat`, and the console's `Other_Linux (64_bit)` make no difference. */
function comparable(text: string): string {
  return text
    .toLowerCase()
    .replaceAll('_', ' ')
    .replaceAll('red hat', 'redhat')
    .replace(/\s*\(\s*/g, '(')
    .trim();
}

/** The catalogue's entry for `__os_version`, or undefined. */
export function findOsVersion(text: string): OsVersion | undefined {
  return byText.get(text.toLowerCase()) ?? byText.get(comparable(text));
}

/**
 * The attributes that go with `__os_version`, which stays as it was given: from the catalogue, or
 * else Linux, platform `Other` and the bits that the text names.
 */
export function osAttributes(text: string = unknownOsVersion): Record<string, string> {
  const found = findOsVersion(text);
  return {
    __os_version: text,
    __os_type: found?.osType ?? 'Linux',
    __os_bit: String(found?.osBit ?? (/32[\s_-]*bit/i.test(text) ? 32 : 64)),
    __platform: found && imagePlatforms.has(found.platform) ? found.platform : 'Other',
  };
}
