// Makes the environment of the cases: scratch files, and the real daemon and the raw server as
// their own processes.
import { fork } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { once } from "node:events";
import { mkdir, mkdtemp, open, readFile, readdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { connect, type Client } from "../src/client/index.js";
import { runModule, type Child } from "../test/support/child.js";
import { openLoopback } from "../test/support/daemon.js";
import type { RawRun } from "./raw-loopback.js";
import { removeScratch } from "../test/support/scratch.js";

export const mib = 1024 * 1024;
export const gib = 1024 * mib;

export interface Daemon extends AsyncDisposable {
  readonly pid: number;
  readonly address: string;
  readonly socketAddress: string;
  readonly root: string;
  readonly client: Client;
  readonly process: Child;
}

/**
 * Starts `stasis serve` on a store of its own. It has the default options, except that it listens
 * on loopback, keeps no reserve, and has these `flags`.
 */
export async function startDaemon(
  root: string,
  flags: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<Daemon> {
  const args = Object.entries({ root, ...openLoopback(flags), reserve: "0", ...flags });
  const program = new URL("../src/main.js", import.meta.url);
  const options = args.map(([name, value]) => `--${name}=${value}`);
  const child = runModule(program, ["serve", ...options], env);
  const [, address = ""] = await child.line(/^listening on (127\.0\.0\.1:\d+)$/);
  const [, socketAddress = ""] = await child.line(/^listening on (unix:.*)$/);
  const client = connect(address);
  return {
    pid: child.pid,
    address,
    socketAddress,
    root,
    client,
    process: child,
    [Symbol.asyncDispose]: async () => {
      await client[Symbol.asyncDispose]();
      child.signal("SIGTERM");
      await child.exited;
    },
  };
}

export interface RawLoopback extends AsyncDisposable {
  readonly pids: readonly number[];
  /** Moves this many bytes and returns the duration in milliseconds. */
  run(direction: RawRun["direction"], bytes: number): Promise<number>;
}

export interface RawOptions {
  /** Whether to use all speed settings of our own processes, in addition to windows and chunks. */
  readonly prepared?: boolean;
  /** Returns the address at which the client reaches the server. */
  readonly through?: (address: string) => Promise<string>;
}

export async function startRaw(options: RawOptions = {}): Promise<RawLoopback> {
  const program = new URL("./raw-loopback.js", import.meta.url);
  const flags = options.prepared === true ? ["prepared"] : [];
  const server = fork(program, ["serve", ...flags]);
  const [address] = (await once(server, "message")) as [string];
  const way = (await options.through?.(address)) ?? address;
  const client = fork(program, ["call", way, ...flags]);
  return {
    pids: [server, client].map(({ pid = -1 }) => pid),
    async run(direction, bytes) {
      client.send({ direction, bytes } satisfies RawRun);
      const [answer] = (await once(client, "message")) as [number | string];
      if (typeof answer === "string") throw new Error(answer);
      return answer;
    },
    async [Symbol.asyncDispose]() {
      for (const child of [client, server]) {
        child.kill("SIGKILL");
        await once(child, "exit");
      }
    },
  };
}

/**
 * Runs `body` with a new folder on the measured disk: `BENCH_DIR`, or the system's temporary
 * folder.
 */
export async function withScratch<T>(body: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(process.env["BENCH_DIR"] ?? tmpdir(), "stasis-bench-"));
  try {
    return await body(directory);
  } finally {
    await removeScratch(directory);
  }
}

/** Makes a file of random bytes, which nothing on the way can compress or turn into holes. */
export async function makeDense(directory: string, bytes: number): Promise<string> {
  await mkdir(directory, { recursive: true });
  const handle = await open(join(directory, "memory"), "wx");
  const block = Buffer.alloc(4 * mib);
  for (let done = 0; done < bytes; done += block.length) {
    randomFillSync(block);
    await handle.write(block, 0, Math.min(block.length, bytes - done));
  }
  await handle.sync();
  await handle.close();
  return directory;
}

/**
 * Makes a file like guest memory: a third random, a third repeating text, a third small numbers.
 */
export async function makeMemoryLike(directory: string, bytes: number): Promise<string> {
  await mkdir(directory, { recursive: true });
  const handle = await open(join(directory, "memory"), "wx");
  const page = Buffer.alloc(3 * 64 * 1024);
  for (let done = 0, turn = 0; done < bytes; done += page.length, turn += 1) {
    randomFillSync(page, 0, 64 * 1024);
    page.fill(`kernel: [${turn}.000000] page allocation of order 0, `, 64 * 1024, 128 * 1024);
    for (let at = 128 * 1024; at < page.length; at += 8) page.writeUInt32LE((at * turn) % 4099, at);
    await handle.write(page, 0, Math.min(page.length, bytes - done));
  }
  await handle.sync();
  await handle.close();
  return directory;
}

/** Makes a file of `bytes` that holds `dataBytes` in 1 MiB pieces spread evenly. */
export async function makeSparse(
  directory: string,
  bytes: number,
  dataBytes: number,
): Promise<string> {
  await mkdir(directory, { recursive: true });
  const handle = await open(join(directory, "cow.raw"), "wx");
  await handle.truncate(bytes);
  const pieces = Math.ceil(dataBytes / mib);
  for (let index = 0; index < pieces; index += 1) {
    const at = Math.floor((index * bytes) / pieces / mib) * mib;
    await handle.write(randomFillSync(Buffer.alloc(mib)), 0, mib, at);
  }
  await handle.sync();
  await handle.close();
  return directory;
}

export interface MemoryUse {
  readonly nowBytes: number;
  readonly peakBytes: number;
}

export async function memoryOf(pid: number): Promise<MemoryUse> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const kib = (key: string): number =>
    Number(new RegExp(`^${key}:\\s+(\\d+) kB`, "m").exec(status)?.[1]);
  return { nowBytes: kib("VmRSS") * 1024, peakBytes: kib("VmHWM") * 1024 };
}

/** Options for downloads whose pieces nobody keeps. */
export const unkept = { reuseBuffers: true };

/** Reads a download to its end and discards it. */
export async function discard(download: {
  readonly bytes: AsyncIterable<Uint8Array>;
}): Promise<number> {
  let bytes = 0;
  for await (const chunk of download.bytes) bytes += chunk.length;
  return bytes;
}

const dropLimitMs = 60_000;

/**
 * Deletes a snapshot and waits until its space is free, because a disk is busy while it discards
 * blocks.
 */
export async function drop(client: Client, ref: string): Promise<void> {
  await client.delete({ refs: [ref], allowMissing: true });
  const { root } = await client.getInfo();
  const end = performance.now() + dropLimitMs;
  while ((await readdir(join(root, "trash"))).length > 0) {
    if (performance.now() > end) throw new Error(`the space of ${ref} is not free`);
    await sleep(10);
  }
}

const hashLimitMs = 10 * 60_000;

/** Waits until the digests of a snapshot that was taken from a directory are computed. */
export async function untilHashed(client: Client, ref: string): Promise<void> {
  const end = performance.now() + hashLimitMs;
  while ((await client.inspect(ref)).snapshot?.digest === "") {
    if (performance.now() > end) throw new Error("the digests are not computed");
    await sleep(100);
  }
}
