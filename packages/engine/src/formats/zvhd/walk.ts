import type { RandomAccess } from '../../access/random-access.ts';
import { diskError } from '../../errors.ts';
import { UNIT } from './header.ts';
import { readRecord, type BlockRecord, type RecordRules } from './record.ts';

/** Places remembered at most; beyond, every second one is forgotten. */
const MOST_PLACES = 16_384;

/** A record and its number in the file. */
export interface NumberedRecord extends BlockRecord {
  readonly number: number;
}

interface Place {
  readonly number: number;
  readonly offset: number;
  /** Block of the record before, −1 at the start. */
  readonly lastBlock: number;
}

/**
 * The records of a file that has no index, by walking from frame to frame: ZVHD, and ZVHD2 of
 * version 0. Remembers places on the way, so that a walk into the middle starts near it; memory is
 * bounded whatever the file's length.
 */
export class RecordWalk {
  readonly file: RandomAccess;
  readonly rules: RecordRules;
  #places: Place[] = [{ number: 0, offset: UNIT, lastBlock: -1 }];
  #stride = 16;

  constructor(file: RandomAccess, rules: RecordRules) {
    this.file = file;
    this.rules = rules;
  }

  /** From the first record whose block is ≥ `block` on. @throws {DiskError} at a record that breaks a rule */
  async *fromBlock(block: number): AsyncGenerator<NumberedRecord> {
    for await (const record of this.#from((place) => place.lastBlock < block)) {
      if (record.block >= block) yield record;
    }
  }

  /** From record number `number` on. */
  async *fromNumber(number: number): AsyncGenerator<NumberedRecord> {
    for await (const record of this.#from((place) => place.number <= number)) {
      if (record.number >= number) yield record;
    }
  }

  async *#from(isBefore: (place: Place) => boolean): AsyncGenerator<NumberedRecord> {
    const { format } = this.rules;
    let { number, offset, lastBlock } = this.#places.findLast(isBefore) ?? this.#places[0]!;
    for (;;) {
      const record = await readRecord(this.file, offset, this.rules);
      if (!record) break;
      if (record.block <= lastBlock) {
        const fact = `block ${record.block} follows block ${lastBlock}`;
        const where = { format, field: 'block_number', offset: offset + 16, value: record.block };
        throw diskError('disk-corrupt', where, `${fact}; they must ascend`);
      }
      yield { ...record, number };
      number++;
      offset = record.end;
      lastBlock = record.block;
      this.#remember({ number, offset, lastBlock });
    }
    if (offset !== this.rules.limit) {
      const fact = `the header copy stands at byte ${offset}, the file ends behind byte ${this.rules.limit}`;
      throw diskError('disk-corrupt', { format, field: 'cookie', offset }, fact);
    }
  }

  #remember(place: Place): void {
    if (place.number < this.#places.at(-1)!.number + this.#stride) return;
    this.#places.push(place);
    if (this.#places.length <= MOST_PLACES) return;
    this.#stride *= 2;
    this.#places = this.#places.filter((_, i) => i % 2 === 0);
  }
}
