import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { BlockList, isIPv6 } from 'node:net';
import { loggableUrl } from '../../http/log.ts';
import { authenticate, dialectOf, isPresigned } from './auth/authenticate.ts';
import { emptyAnswer } from './answer.ts';
import type { Answer } from './answer.ts';
import { IncomingBody, Vanished } from './body/incoming.ts';
import type { PaceOptions } from './body/incoming.ts';
import { judgeExpectedOwner } from './owner.ts';
import { vendorHeader } from './call.ts';
import type { Call } from './call.ts';
import { faultOf } from './errors.ts';
import { Headers } from './headers.ts';
import type { DialectName } from './headers.ts';
import { operationOf } from './route.ts';
import type { BucketServerCore } from './server.ts';
import { bucketOfHost, parseTarget } from './target.ts';
import type { Target } from './target.ts';
import { writeAnswer, writeFault } from './write.ts';

export interface GatewayConfig {
  readonly region: string;
  /** Names whose subdomains are buckets. */
  readonly bucketHosts: readonly string[];
  /** Scheme, host and port in links; default: what the client named. */
  readonly publicUrl?: string | undefined;
  /** Addresses (or networks as a/n) of proxies whose X-Forwarded-Host is believed. */
  readonly trustedProxies?: readonly string[];
  /** Refuse signatures for other regions. */
  readonly strictRegion?: boolean;
  /** A client that sends or takes nothing for so long is given up. */
  readonly idleMs?: number;
  readonly clock?: () => number;
  /** Failures that are ours, with the id the client got. */
  readonly onError?: (error: unknown, requestId: string) => void;
  /** Called once for each answer. */
  readonly onAnswer?: (entry: AccessEntry) => void;
}

/** One line of an access log; neither header nor body, and no signature in the URL. */
export interface AccessEntry {
  readonly requestId: string;
  readonly method: string;
  readonly url: string;
  readonly operation: string | undefined;
  readonly status: number;
  readonly ms: number;
  readonly remote: string | undefined;
  readonly projectId: string | undefined;
}

/** Least pace of a body: 1 KiB a second over the idle time. */
const leastBytesPerSecond = 1024;

function proxyList(addresses: readonly string[]): BlockList {
  const list = new BlockList();
  for (const address of addresses) {
    const [net = '', bits] = address.split('/');
    const family = isIPv6(net) ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(net, family);
    else list.addSubnet(net, Number(bits), family);
  }
  return list;
}

/** What is known of a request by the time it fails. */
interface Progress {
  dialect: DialectName;
  target?: Target;
  operation?: string;
  projectId?: string | undefined;
}

/** The handler of every request: take it apart, prove who asks, judge the bucket, do it, answer. */
export function createGateway(core: BucketServerCore, config: GatewayConfig) {
  const baseHosts = config.bucketHosts.map((host) => host.toLowerCase());
  if (config.publicUrl !== undefined) baseHosts.push(new URL(config.publicUrl).hostname.toLowerCase());
  const proxies = proxyList(config.trustedProxies ?? []);
  const clock = config.clock ?? Date.now;
  const idleMs = config.idleMs ?? 60_000;
  const pace: PaceOptions = { idleMs, leastBytes: (leastBytesPerSecond * idleMs) / 1000 };

  /** Headers as the client sent them to the proxy, where there is one that we know. */
  const headersOf = (request: IncomingMessage): Headers => {
    const headers = Headers.of(request);
    const forwarded = headers.get('x-forwarded-host');
    const remote = request.socket.remoteAddress;
    if (forwarded === undefined || remote === undefined) return headers;
    const isTrusted = proxies.check(
      remote.replace(/^::ffff:/, ''),
      isIPv6(remote) && !remote.startsWith('::ffff:') ? 'ipv6' : 'ipv4',
    );
    return isTrusted ? headers.with('host', forwarded) : headers;
  };

  const run = async (
    request: IncomingMessage,
    response: ServerResponse,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<Answer> => {
    const headers = headersOf(request);
    const method = request.method ?? 'GET';
    const host = headers.get('host') ?? '';
    const rough = { query: [], rawPath: '/', bucket: '', key: '', hostBucket: bucketOfHost(host, baseHosts) };
    progress.dialect = dialectOf({ method, headers, target: rough });
    const target = parseTarget(request.url ?? '/', host, baseHosts);
    progress.target = target;
    const signed = { method, target, headers };
    progress.dialect = dialectOf(signed);

    const negotiation = await negotiate(core, method, target);
    if (negotiation) return negotiation;
    const { actor, payload } = await authenticate(signed, {
      keys: core.identity,
      now: clock(),
      onlyRegion: config.strictRegion ? config.region : undefined,
    });
    progress.projectId = actor.projectId;
    const call: Call = {
      ...signed,
      dialect: progress.dialect,
      actor,
      payload,
      body: new IncomingBody(request, response, pace),
      core,
      region: config.region,
      baseUrl: config.publicUrl ?? `http://${host}`,
      signal,
      isPresigned: isPresigned(signed),
    };
    const operation = operationOf(call);
    progress.operation = operation.name;
    if (operation.on === 'service') return operation.run(call);
    const bucket = await core.buckets.open(actor, target.bucket, operation.needs);
    judgeExpectedOwner(bucket, vendorHeader(call, 'expected-bucket-owner'));
    return operation.run({ ...call, bucket });
  };

  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const started = performance.now();
    const requestId = randomBytes(8).toString('hex').toUpperCase();
    const progress: Progress = { dialect: 's3' };
    const gone = new AbortController();
    response.once('close', () => {
      if (!response.writableFinished) gone.abort(new Vanished());
      config.onAnswer?.({
        requestId,
        method: request.method ?? '',
        url: loggableUrl(request.url ?? ''),
        operation: progress.operation,
        status: response.statusCode,
        ms: performance.now() - started,
        remote: request.socket.remoteAddress,
        projectId: progress.projectId,
      });
    });
    const context = { request, response, requestId, idleMs };
    try {
      const answer = await run(request, response, progress, gone.signal);
      await writeAnswer({ ...context, dialect: progress.dialect }, answer);
    } catch (error) {
      if (gone.signal.aborted || error instanceof Vanished) {
        request.socket.destroy();
        return;
      }
      const fault = faultOf(error);
      if (fault.status === 500) config.onError?.(error, requestId);
      await writeFault({ ...context, dialect: progress.dialect }, fault, progress.target);
    }
  };
}

/** How OBS clients ask whether they may speak OBS: without a signature, of the service or of a bucket. */
async function negotiate(
  core: BucketServerCore,
  method: string,
  target: Target,
): Promise<Answer | undefined> {
  if (method !== 'HEAD' || target.key !== '' || !target.query.some((p) => p.name === 'apiversion'))
    return undefined;
  const exists = target.bucket === '' || (await core.buckets.exists(target.bucket));
  return emptyAnswer(exists ? 200 : 404, { 'x-obs-api': '3.0' });
}
