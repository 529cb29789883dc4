export { readSettings, SettingError } from './config.ts';
export type { Settings } from './config.ts';
export { runServer, startServer } from './main.ts';
export type { RunningServer } from './main.ts';
export type { Ready } from './ready.ts';
