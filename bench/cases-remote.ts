// Measures ranges of 256 KiB read from an object store: the client of remotes beside a bare
// `node:http` client with one signed URL, on the same engine, in the same rounds.
import { Agent, get, type IncomingMessage } from "node:http";
import aws4 from "aws4";
import { engineBucket, bucketAt, noEngine, startEngine } from "../test/support/engine.js";
import { alternate, median, type Outcome } from "./alternate.js";
import type { Row } from "./report.js";
import { cpuPerGib, rates } from "./rows.js";
import { mib } from "./scene.js";

const rangeBytes = 256 * 1024;
const packBytes = 16 * mib;
/** Number of requests that a pull has in flight. */
const inFlight = 4;
const key = "packs/bench";

export async function remoteCases(bytes: number, rounds: number): Promise<Row[]> {
  const group = "Object store: ranges of 256 KiB, four at a time";
  if (noEngine !== false) return [{ group, name: noEngine, unit: "skipped", value: 0 }];
  await using engine = await startEngine();
  using bucket = bucketAt(engine.endpoint, engine.keys);
  const { signal } = new AbortController();
  await bucket.put(key, Buffer.alloc(packBytes, 7), signal);
  const agent = new Agent({ keepAlive: true, maxSockets: inFlight });
  const url = signedUrl(engine.endpoint, engine.keys);
  const count = bytes / rangeBytes;
  const cases = [
    {
      name: "ranges, remotes",
      bytes,
      run: () =>
        each(count, async (offset) => {
          const range = { offset, length: rangeBytes };
          const { length } = await bucket.get(key, { range, maxBytes: rangeBytes, signal });
          return length;
        }),
    },
    {
      name: "ranges, node:http",
      bytes,
      run: () => each(count, (offset) => bareRange(agent, url, offset)),
    },
  ];
  const outcomes = await alternate(cases, rounds);
  agent.destroy();
  return [...rates(group, outcomes), ...cpuPerGib(group, outcomes), cpuRatio(group, outcomes)];
}

/** Reads `count` ranges with as many loops as there are requests in flight. */
async function each(count: number, read: (offset: number) => Promise<number>): Promise<void> {
  let next = 0;
  const loop = async (): Promise<void> => {
    while (next < count) {
      const offset = (next * rangeBytes) % packBytes;
      next += 1;
      const length = await read(offset);
      if (length !== rangeBytes) throw new Error(`a range of ${rangeBytes} has ${length} bytes`);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, loop));
}

/** Counts the bytes and keeps none of them. */
function bareRange(agent: Agent, url: URL, offset: number): Promise<number> {
  const range = `bytes=${offset}-${offset + rangeBytes - 1}`;
  return new Promise((resolve, reject) => {
    get(url, { agent, headers: { range } }, (response: IncomingMessage) => {
      let length = 0;
      response.on("data", (chunk: Buffer) => (length += chunk.length));
      response.on("end", () => resolve(length));
      response.on("error", reject);
    }).on("error", reject);
  });
}

/** Returns a URL whose signature is valid for a day. The signature does not cover the range. */
function signedUrl(
  endpoint: string,
  keys: { readonly accessKeyId: string; readonly secretAccessKey: string },
): URL {
  const { host } = new URL(endpoint);
  const path = `/${engineBucket}/prod/${key}`;
  const request = { service: "s3", region: "us-east-1", method: "GET", path } as const;
  return new URL(
    aws4.sign({ ...request, headers: { host }, signQuery: true }, keys).path,
    endpoint,
  );
}

function cpuRatio(group: string, [own, bare]: readonly Outcome[]): Row {
  const ratios = (own?.cpuSeconds ?? []).map((cpu, round) => {
    return cpu / (bare?.cpuSeconds[round] ?? Number.NaN);
  });
  return {
    ...{ group, name: "CPU time, remotes ÷ node:http", unit: "ratio", value: median(ratios) },
    ...{ low: Math.min(...ratios), high: Math.max(...ratios), must: 2.5, aim: 1.3, atMost: true },
  };
}
