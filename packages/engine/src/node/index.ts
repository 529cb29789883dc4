export type * from './types.ts';
export { checkSource, inspectSource } from './check.ts';
export { runConversion } from './convert.ts';
export { createFileSink, openFile } from './files.ts';
export { createHashFollower, hashSource } from './hash.ts';
export { openSource, sizeOfSource } from './source.ts';
export { closeThreads } from './close.ts';
