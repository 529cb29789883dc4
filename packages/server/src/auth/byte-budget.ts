/** Hands out at most `total` bytes at a time; who gets none waits in line. */
export interface ByteBudget {
  /** Resolves with the function that gives the bytes back; calling it again does nothing. */
  take(bytes: number): Promise<() => void>;
}

/** @param total bytes; a request for more than all of it waits until it is alone */
export function createByteBudget(total: number): ByteBudget {
  let free = total;
  const line: { readonly bytes: number; readonly go: () => void }[] = [];
  const serve = (): void => {
    for (let next = line[0]; next && next.bytes <= free; next = line[0]) {
      line.shift();
      free -= next.bytes;
      next.go();
    }
  };
  return {
    async take(wanted) {
      const bytes = Math.min(wanted, total);
      await new Promise<void>((go) => {
        line.push({ bytes, go });
        serve();
      });
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        free += bytes;
        serve();
      };
    },
  };
}
