import { roundUp } from '../../bytes/align.ts';
import { shownText } from '../../bytes/text.ts';
import type { Checks } from '../checks.ts';
import { checkVirtualSize } from '../virtual-size.ts';
import { diskTypes, footerAt, type Footer, type FooterCopies, type FooterCopy } from './footer.ts';
import { diskSize, type DiskSize } from './size.ts';

/** What the two copies of the footer come to. */
export interface ChosenFooter {
  readonly footer: Footer;
  /** Both copies are good and equal, or the kind has one only. */
  readonly copiesAgree: boolean;
}

/**
 * Choose between the copies: the front one where it is good and the disk is not fixed (qemu reads
 * only that one), else the one at the end; and compare them (H29).
 * @returns `undefined` after a refusal
 */
export function chooseFooter(
  copies: FooterCopies,
  fileSize: number,
  checks: Checks,
): ChosenFooter | undefined {
  const front = good(copies.front);
  const end = good(copies.end);
  if (end?.type === diskTypes.fixed && !front) {
    checks.passed('footer-copies', 'a fixed disk has one footer, at the end; its checksum is right');
    return { footer: end, copiesAgree: true };
  }
  if (front && end) return compareCopies(front, end, checks);
  const footer = front ?? end;
  if (!footer) {
    const at = copies.front.state === 'broken' ? 0 : copies.end.at;
    checks.refused(
      'footer-copies',
      'disk-corrupt',
      'no footer with a right checksum at either end of the file',
      {
        field: 'checksum',
        offset: at + footerAt.checksum,
      },
    );
    return undefined;
  }
  if (footer === front && front.type === diskTypes.fixed) {
    checks.refused(
      'footer-copies',
      'disk-truncated',
      `a fixed disk ends with its footer, but the file of ${fileSize} bytes does not`,
      { field: 'footer', offset: copies.end.at },
      'the upload was probably cut short; upload it again and compare checksums',
    );
    return undefined;
  }
  const other = footer === front ? copies.end : copies.front;
  const what = other.state === 'broken' ? 'has a wrong checksum' : 'is missing';
  checks.noted(
    'footer-copies',
    `the copy at byte ${other.at} ${what}; the one at byte ${footer.at} is used`,
    {
      field: 'checksum',
      offset: other.at + footerAt.checksum,
    },
  );
  return { footer, copiesAgree: false };
}

const good = (copy: FooterCopy): Footer | undefined => (copy.state === 'good' ? copy.footer : undefined);

function compareCopies(front: Footer, end: Footer, checks: Checks): ChosenFooter | undefined {
  const different = (
    [
      ['disk_type', footerAt.type, front.type, end.type],
      ['data_offset', footerAt.dataOffset, front.dataOffset ?? 'none', end.dataOffset ?? 'none'],
      ['current_size', footerAt.currentSize, front.currentSize, end.currentSize],
      ['geometry', footerAt.geometry, diskSize(front).size, diskSize(end).size],
    ] as const
  ).find(([, , a, b]) => a !== b);
  if (different) {
    const [field, at, a, b] = different;
    checks.refused(
      'footer-copies',
      'disk-ambiguous',
      `the footer copies differ: ${a} at the front, ${b} at the end`,
      { field, offset: end.at + at },
      'convert it with the program that made it',
    );
    return undefined;
  }
  const length = end.bytes.length;
  const equal =
    end.bytes.every((byte, i) => byte === front.bytes[i]) && (length === 512 || front.bytes[511] === 0);
  if (equal) checks.passed('footer-copies', 'both copies of the footer are good and equal');
  else {
    checks.noted(
      'footer-copies',
      'the footer copies are good but differ in fields that leave the disk as it is',
      {
        field: 'footer',
        offset: end.at,
      },
    );
  }
  return { footer: front, copiesAgree: equal };
}

/** Version and type; a parent is never opened. */
export function checkKind(footer: Footer, parent: string | undefined, checks: Checks): void {
  const version = { field: 'version', offset: footer.at + footerAt.version, value: footer.version };
  if (Math.floor(footer.version / 65_536) === 1) checks.passed('version', 'format version 1', version);
  else checks.refused('version', 'disk-unsupported', `format version ${footer.version} is unknown`, version);

  const type = { field: 'disk_type', offset: footer.at + footerAt.type, value: footer.type };
  if (footer.type === diskTypes.differencing) {
    checks.refused(
      'parent',
      'disk-unsafe',
      `a differencing disk; its parent ${parent === undefined ? '' : `"${shownText(parent, 100)}" `}holds the rest`,
      type,
      'merge it into the parent (Merge-VHD, vhd-util coalesce)',
    );
  } else if (footer.type === diskTypes.fixed || footer.type === diskTypes.dynamic) {
    checks.passed('parent', 'names no parent', type);
  } else {
    checks.refused('disk-type', 'disk-unsupported', `disk type ${footer.type} is unknown or obsolete`, type);
  }
}

/** Which size the disk has, and who would say otherwise (H30). */
export function checkSize(footer: Footer, checks: Checks): DiskSize {
  const size = diskSize(footer);
  const where = {
    field: 'current_size',
    offset: footer.at + footerAt.currentSize,
    value: footer.currentSize,
  };
  const sized = checks.attempt('virtual-size', () => {
    checkVirtualSize(roundUp(size.size, 512), { format: 'vhd', ...where });
    return true;
  });
  if (sized) checks.passed('virtual-size', `${size.size} bytes by ${size.rule}`, where);
  if (size.qemuSize !== size.size || size.size !== footer.currentSize) {
    checks.noted(
      'geometry',
      `geometry and current size ${footer.currentSize} differ; we use ${size.size} bytes, qemu ${size.qemuSize}`,
      { field: 'geometry', offset: footer.at + footerAt.geometry },
    );
  }
  return size;
}

export function checkSavedState(footer: Footer, checks: Checks): void {
  const where = { field: 'saved_state', offset: footer.at + footerAt.savedState };
  if (footer.savedState)
    checks.noted('saved-state', 'the machine was suspended, its memory is not here', where);
  else checks.passed('saved-state', 'not suspended', where);
}

/** Does the area in front of a fixed disk's footer hold the whole disk (H13)? */
export function checkFixedLength(footer: Footer, size: number, checks: Checks): void {
  const where = {
    field: 'current_size',
    offset: footer.at + footerAt.currentSize,
    value: footer.currentSize,
  };
  const room = footer.at;
  if (footer.currentSize > room) {
    checks.refused(
      'fixed-length',
      'disk-truncated',
      `the disk needs byte ${footer.currentSize}, its footer lies at ${room}`,
      where,
      'the upload was probably cut short; upload it again and compare checksums',
    );
  } else if (size < room) {
    checks.noted('fixed-length', `${room - size} bytes between the disk and its footer are not used`, where);
  } else checks.passed('fixed-length', 'the disk fills the file up to its footer', where);
}
