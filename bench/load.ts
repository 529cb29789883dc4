import { Agent, request } from 'node:http';

export interface Load {
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly errors: number;
}

/** GET `url` over and over on `connections` kept connections until `until` resolves or `requests` are done. */
export async function load(
  url: string,
  options: {
    connections: number;
    headers: Record<string, string>;
    requests?: number;
    until?: Promise<unknown>;
    pauseMs?: number;
  },
): Promise<Load> {
  const agent = new Agent({ keepAlive: true, maxSockets: options.connections });
  const times: number[] = [];
  let errors = 0;
  let left = options.requests ?? Number.POSITIVE_INFINITY;
  void options.until?.finally(() => (left = 0)).catch(() => {});
  const one = (): Promise<void> =>
    new Promise((done) => {
      const started = performance.now();
      request(url, { agent, headers: options.headers }, (response) => {
        response.resume().on('end', () => {
          times.push(performance.now() - started);
          if (response.statusCode !== 200) errors++;
          done();
        });
      })
        .on('error', () => (errors++, done()))
        .end();
    });
  const lane = async (): Promise<void> => {
    while (left-- > 0) {
      await one();
      if (options.pauseMs) await new Promise((wake) => setTimeout(wake, options.pauseMs));
    }
  };
  const started = performance.now();
  await Promise.all(Array.from({ length: options.connections }, lane));
  const elapsed = (performance.now() - started) / 1000;
  agent.destroy();
  times.sort((a, b) => a - b);
  const at = (share: number): number =>
    times[Math.min(times.length - 1, Math.floor(times.length * share))] ?? Number.NaN;
  return { requestsPerSecond: times.length / elapsed, p50Ms: at(0.5), p99Ms: at(0.99), errors };
}
