/** Tells those who wait for work that there may be some. A hint alone: whoever waits also polls. */
export interface WakeUp {
  notify(channel: string): void;
  /** @returns a function that ends the subscription */
  listen(channel: string, heard: () => void): () => void;
}

/** Hints within this process. */
export function localWakeUp(): WakeUp {
  const channels = new Map<string, Set<() => void>>();
  return {
    notify(channel) {
      for (const heard of channels.get(channel) ?? []) setImmediate(heard);
    },
    listen(channel, heard) {
      const set = channels.get(channel) ?? new Set();
      channels.set(channel, set);
      set.add(heard);
      return () => void set.delete(heard);
    },
  };
}
