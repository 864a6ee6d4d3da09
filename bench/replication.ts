// What a pull costs on the wire, and how fast it is: `node dist/bench/replication.js [MIB]`.
// Prints one line a case. A proxy counts the bytes of the link.
import { randomBytes, randomInt } from "node:crypto";
import { mkdtemp, mkdir, open, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createLogger } from "../src/base/logger.js";
import { connect, createFromLocalDirectory, type Client } from "../src/client/index.js";
import { loadDaemonConfig } from "../src/config/load.js";
import { startDaemon } from "../src/daemon/daemon.js";
import { openWireProxy, type WireProxy } from "../test/replication/wire-proxy.js";

const mib = 1024 * 1024;
const pageBytes = 4096;
const sizeMib = Number(process.argv[2] ?? 1024);
const changedShare = 0.02;

interface Scene {
  readonly from: Client;
  readonly to: Client;
  readonly proxy: WireProxy;
  readonly memory: string;
  readonly directory: string;
}

async function main(): Promise<void> {
  const scratch = await mkdtemp(join(process.env["STASIS_BENCH_DIR"] ?? tmpdir(), "stasis-bench-"));
  try {
    await using a = await start(join(scratch, "a"));
    await using b = await start(join(scratch, "b"));
    await using proxy = await openWireProxy(a.address);
    await using from = connect(a.address);
    await using to = connect(b.address);
    const directory = join(scratch, "vm");
    const memory = join(directory, "memory");
    await mkdir(directory);
    await fill(memory);
    await run({ from, to, proxy, memory, directory });
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

async function run(scene: Scene): Promise<void> {
  const { from, to, proxy, memory } = scene;
  await store(scene, "parent");
  for (const round of [1, 2, 3]) {
    const seconds = await pull(scene, "parent", `full-${round}`, "full pull, no base");
    await to.delete(`full-${round}`);
    const relayed = await timed(async () => {
      await using link = connect(proxy.address);
      const download = await link.export("parent");
      await to.import({ name: `relay-${round}` }, download.bytes);
    });
    await to.delete(`relay-${round}`);
    const share = ((relayed / seconds) * 100).toFixed(0);
    print(
      `Export | Import over the same link`,
      `${rate(relayed)}; pull has ${share} % of its rate`,
    );
  }
  await pull(scene, "parent", "parent", "full pull, no base");
  await pull(scene, "parent", "again", "the same under another name");
  await change(memory, (page) => randomBytes(page.length));
  await store(scene, "random");
  await pull(scene, "random", "random", "2 % of the pages changed, incompressible");
  await to.delete("random");
  await from.delete("random");
  await fillFromParent(scene);
  await change(memory, (page) => {
    for (let count = 0; count < page.length / 20; count += 1) {
      page[randomInt(page.length)] = randomInt(256);
    }
    return page;
  });
  await store(scene, "sparse");
  await pull(scene, "sparse", "sparse", "2 % of the pages changed in 5 % of their bytes");
  print(
    "resident memory of both daemons and this program",
    `${process.memoryUsage().rss / mib} MiB`,
  );
}

async function start(root: string) {
  const { config } = loadDaemonConfig({
    flags: { root, listen: "127.0.0.1:0", socket: "none", reserve: "0" },
  });
  const daemon = await startDaemon({ config, logger: createLogger("silent") });
  const [address = ""] = daemon.addresses;
  return { address, [Symbol.asyncDispose]: () => daemon.stop() };
}

async function store({ from, directory }: Scene, name: string): Promise<void> {
  await createFromLocalDirectory(from, directory, { config: { name, labels: { vm: "bench" } } });
}

async function pull(
  { to, proxy }: Scene,
  ref: string,
  name: string,
  what: string,
): Promise<number> {
  proxy.cutAfter(Number.POSITIVE_INFINITY);
  let changed = 0;
  const seconds = await timed(async () => {
    for await (const { event } of to.pull({ source: proxy.address, ref, name })) {
      if (event.case === "progress") changed = Number(event.value.changedBytes);
    }
  });
  const wire = proxy.passedBytes();
  const ratio = changed === 0 ? "" : `, ${(wire / changed).toFixed(3)} of the changed blocks`;
  print(what, `${(wire / mib).toFixed(2)} MiB on the wire${ratio}, ${rate(seconds)}`);
  return seconds;
}

async function timed(work: () => Promise<void>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (performance.now() - startedMs) / 1000;
}

function rate(seconds: number): string {
  return `${(sizeMib / seconds).toFixed(0)} MiB/s (${seconds.toFixed(1)} s)`;
}

function print(what: string, result: string): void {
  process.stdout.write(`${what.padEnd(50)} ${result}\n`);
}

async function fill(path: string): Promise<void> {
  await using handle = await open(path, "wx");
  for (let done = 0; done < sizeMib; done += 1) await handle.write(randomBytes(mib));
}

/** Back to the content of the parent. */
async function fillFromParent({ from, memory }: Scene): Promise<void> {
  await using lease = await from.openDataDirectory("parent");
  await using source = await open(join(lease.directory, "memory"), "r");
  await using target = await open(memory, "r+");
  const buffer = Buffer.alloc(mib);
  for (let done = 0; done < sizeMib; done += 1) {
    await source.read(buffer, 0, mib, done * mib);
    await target.write(buffer, 0, mib, done * mib);
  }
}

async function change(path: string, edit: (page: Buffer) => Uint8Array): Promise<void> {
  await using handle = await open(path, "r+");
  const pages = (sizeMib * mib) / pageBytes;
  const chosen = new Set<number>();
  while (chosen.size < pages * changedShare) chosen.add(randomInt(pages));
  for (const number of chosen) {
    const page = Buffer.alloc(pageBytes);
    await handle.read(page, 0, pageBytes, number * pageBytes);
    await handle.write(edit(page), 0, pageBytes, number * pageBytes);
  }
}

await main();
