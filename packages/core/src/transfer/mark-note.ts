import type { ConversionMark } from '@imageyard/engine/node';

/** Version of the bytes below; another one makes the conversion begin anew. */
const noteVersion = 1;
const headNumbers = 4;
const runNumbers = 4;

/**
 * A mark as the store keeps it: numbers of 8 bytes, little-endian on every machine we run on.
 * First version, groups, end of file and data bytes; then four for each run placed since the mark
 * before.
 */
export function encodeMark(mark: ConversionMark): Uint8Array {
  const numbers = new Float64Array(headNumbers + mark.placed.length * runNumbers);
  numbers.set([noteVersion, mark.groupsDone, mark.fileEnd, mark.dataBytesDone]);
  mark.placed.forEach(({ firstUnit, count, fileOffset, unitLength }, index) => {
    numbers.set([firstUnit, count, fileOffset, unitLength], headNumbers + index * runNumbers);
  });
  return new Uint8Array(numbers.buffer);
}

/**
 * All notes of a blob, in order, as the mark to go on from.
 * @returns undefined when there is none, or one that this program doesn't understand
 */
export function decodeMarks(notes: readonly Uint8Array[]): ConversionMark | undefined {
  const placed: ConversionMark['placed'][number][] = [];
  let last: { groupsDone: number; fileEnd: number; dataBytesDone: number } | undefined;
  for (const note of notes) {
    if (note.length === 0) continue; // the end of the data: nothing to place
    // Copied, since a number must lie on 8 bytes.
    const numbers = new Float64Array(note.slice().buffer, 0, Math.floor(note.length / 8));
    const [version, groupsDone, fileEnd, dataBytesDone] = numbers;
    if (version !== noteVersion || dataBytesDone === undefined) return undefined;
    last = { groupsDone: groupsDone ?? 0, fileEnd: fileEnd ?? 0, dataBytesDone };
    for (let at = headNumbers; at + runNumbers <= numbers.length; at += runNumbers) {
      const [firstUnit, count, fileOffset, unitLength] = numbers.subarray(at, at + runNumbers) as unknown as [
        number,
        number,
        number,
        number,
      ];
      placed.push({ firstUnit, count, fileOffset, unitLength });
    }
  }
  return last && { ...last, placed };
}
