import { osVersions } from '@imageyard/core';
import type { OsVersion } from '@imageyard/core';

/** Tags that narrow the list; without one it is everything for x86. */
const narrowing: Readonly<Record<string, (entry: OsVersion) => boolean>> = {
  x86: ({ architecture }) => architecture === 'x86',
  arm: ({ architecture }) => architecture === 'arm',
  uefi: ({ uefi }) => uefi,
  bms: () => true,
  kvm: () => true,
};

/** `GET /v1/cloudimages/os_version`: a bare array, by platform; an unknown tag matches nothing. */
export function osVersionView(tags: readonly string[]): object[] {
  const wanted = tags.some((tag) => tag === 'arm' || tag === 'x86') ? tags : [...tags, 'x86'];
  const platforms = new Map<string, object[]>();
  for (const entry of osVersions) {
    if (!wanted.every((tag) => narrowing[tag]?.(entry) ?? false)) continue;
    const list = platforms.get(entry.platform) ?? [];
    list.push(entryView(entry));
    platforms.set(entry.platform, list);
  }
  return [...platforms].map(([platform, list]) => ({ platform, version_list: list }));
}

function entryView({ platform, osVersion, osBit, osType }: OsVersion): object {
  return { platform, os_version_key: osVersion, os_version: osVersion, os_bit: osBit, os_type: osType };
}
