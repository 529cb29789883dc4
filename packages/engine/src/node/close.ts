import { closeHashThreads } from './hash-pool.ts';
import { closeTaskThreads } from './task-pool.ts';

/**
 * End all of the engine's threads; what they do fails. Idle threads don't keep a process alive,
 * so only a program that wants its memory back, or a test, calls this. New work starts new threads.
 */
export async function closeThreads(): Promise<void> {
  await Promise.all([closeTaskThreads(), closeHashThreads()]);
}
