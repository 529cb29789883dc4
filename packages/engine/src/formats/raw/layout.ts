import type { Layout } from '../../convert/layout.ts';
import { checkVirtualSize } from '../virtual-size.ts';

const UNIT = 64 * 1024;

/**
 * The guest's bytes and nothing else; zero units become holes where the sink has them.
 * @param virtualSize bytes, a multiple of 512
 */
export function rawLayout(virtualSize: number): Layout {
  checkVirtualSize(virtualSize, { format: 'raw', field: 'size', offset: 0 });
  return {
    virtualSize,
    unitSize: UNIT,
    placing: 'guest',
    dataOffset: 0,
    alignment: UNIT,
    cutLast: true,
    plain: true,
    encode: (_unit, guest) => guest,
    head: () => [],
    finish: () => [],
    fileSize: virtualSize,
    ascending: true,
  };
}
