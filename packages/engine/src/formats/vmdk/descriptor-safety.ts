import { shownText } from '../../bytes/text.ts';
import type { Checks, FindingWhere } from '../checks.ts';
import type { Descriptor, ExtentLine } from './descriptor.ts';

const EXPORT = 'export it as OVA, or vmkfstools -i or qemu-img convert it to streamOptimized';

/** Said of a sparse file without a descriptor, or with an empty one. */
export const SPLIT_PART = 'one part of a split disk: its descriptor is elsewhere';
export const WHOLE_DISK = 'qemu-img convert the whole disk to streamOptimized';

/** Kinds of disk that are one file. */
export const singleFileTypes = new Set(['monolithicsparse', 'streamoptimized']);

const field = 'descriptor';
const extentAt = (line: ExtentLine): FindingWhere => ({ field: 'extent', offset: line.at });

/** What a descriptor says about encryption and parents, wherever it stands. */
export function checkReferences(descriptor: Descriptor, checks: Checks): void {
  const keys = [...descriptor.values].find(([key]) => key.startsWith('encryption.'));
  if (keys) {
    const where = { field, offset: keys[1].at };
    checks.refused(
      'encryption',
      'disk-encrypted',
      'the disk is encrypted',
      where,
      'remove the encryption in VMware first',
    );
  } else checks.passed('encryption', 'no encryption keys');

  const hint = descriptor.values.get('parentfilenamehint');
  const parent = descriptor.values.get('parentcid');
  const consolidate = 'consolidate its snapshots';
  if (hint) {
    const fact = `needs its parent "${shownText(hint.value, 100)}"`;
    checks.refused(
      'parent',
      'disk-unsafe',
      fact,
      { field: 'parentFileNameHint', offset: hint.at },
      consolidate,
    );
  } else if (parent && parent.value.toLowerCase() !== 'ffffffff') {
    const where = { field: 'parentCID', offset: parent.at, value: shownText(parent.value, 20) };
    checks.refused(
      'parent',
      'disk-unsafe',
      `needs the parent whose CID is ${where.value}`,
      where,
      consolidate,
    );
  } else checks.passed('parent', 'names no parent');
}

/** The descriptor inside a sparse file: one extent, which is the file itself (H20). */
export function checkEmbedded(descriptor: Descriptor, capacity: number, checks: Checks): void {
  if (descriptor.values.size === 0 && descriptor.extents.length === 0) {
    checks.refused('descriptor', 'disk-unsafe', SPLIT_PART, { field, offset: descriptor.at }, WHOLE_DISK);
    return;
  }
  checkReferences(descriptor, checks);
  const type = descriptor.values.get('createtype');
  if (!type) {
    checks.refused('create-type', 'disk-corrupt', 'the descriptor has no createType', {
      field,
      offset: descriptor.at,
    });
  } else if (!singleFileTypes.has(type.value.toLowerCase())) {
    const fact = `createType "${shownText(type.value, 60)}" is no disk of one file`;
    checks.refused('create-type', 'disk-unsafe', fact, { field: 'createType', offset: type.at }, EXPORT);
  } else checks.passed('create-type', type.value);

  const [line, second] = descriptor.extents;
  if (!line) {
    checks.refused('extents', 'disk-corrupt', 'the descriptor names no extent', {
      field,
      offset: descriptor.at,
    });
    return;
  }
  if (second) {
    const fact = `${descriptor.extents.length} extents, a disk of one file has one`;
    checks.refused('extents', 'disk-unsafe', fact, extentAt(second), EXPORT);
  }
  checkLine(line, capacity, checks);
  if (descriptor.hidden) {
    checks.noted('hidden-text', 'there are bytes behind the end of the descriptor', {
      field,
      offset: descriptor.at,
    });
  }
}

function checkLine(line: ExtentLine, capacity: number, checks: Checks): void {
  const where = extentAt(line);
  if (line.type !== 'SPARSE' || isForeign(line.fileName)) {
    checks.refused('extents', 'disk-unsafe', `${named(line)} is not this file`, where, EXPORT);
  } else if (line.access.toUpperCase() === 'NOACCESS') {
    checks.refused('extents', 'disk-unsupported', 'its extent may not be read (NOACCESS)', where);
  } else if (line.rest !== '' && line.rest !== '0') {
    checks.refused('extents', 'disk-corrupt', 'a sparse extent with an offset', where);
  } else if (line.sectors !== capacity) {
    checks.refused(
      'extents',
      'disk-ambiguous',
      `the header has ${capacity} sectors, the extent line ${line.sectors}`,
      { ...where, value: line.sectors },
      'convert it with the program that made it',
    );
  } else checks.passed('extents', 'one extent, this file');
}

/** A name with anything that could lead out of a folder or to another machine. */
function isForeign(name: string | undefined): boolean {
  if (name === undefined || name === '' || name === '..' || name === '.') return true;
  return [...name].some((c) => c === '/' || c === '\\' || c === ':' || c < ' ' || c === '\x7f');
}

const named = (line: ExtentLine): string =>
  `the ${shownText(line.type, 20)} extent${line.fileName === undefined ? '' : ` "${shownText(line.fileName, 100)}"`}`;

/** A descriptor in a file of its own: its data are elsewhere, and no name is ever opened. */
export function refuseLone(descriptor: Descriptor, checks: Checks): void {
  checkReferences(descriptor, checks);
  const [line] = descriptor.extents;
  const where = line ? extentAt(line) : { field, offset: descriptor.at };
  const what = line ? `its data are in ${named(line)}` : 'it names no extent';
  checks.refused('extents', 'disk-unsafe', `a descriptor alone; ${what}`, where, EXPORT);
}
