// Measures pushes to an object store and pulls from it, beside restic on the same engine, with the
// memory and the disk of a real VM. The VM runs for at least 20 seconds between its two snapshots.
import { readFile, rm, stat, writeFile } from "node:fs/promises";
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { connect, type Client } from "../src/client/index.js";
import { noGuest, startGuest } from "../test/guest/guest.js";
import { engineBucket, noEngine, startEngine, type Engine } from "../test/support/engine.js";
import { median, type Outcome } from "./alternate.js";
import { hasProgram, type Row } from "./report.js";
import { millisecondRows, ratios } from "./rows.js";
import { drop, mib, startDaemon, untilHashed, withScratch } from "./scene.js";

const execute = promisify(execFile);
const steps = ["first push", "second push", "full pull"] as const;
type Step = (typeof steps)[number];
/** The guest counts at most four times a second. */
const counts = { first: 4, second: 84 };

export async function resticCases(memoryBytes: number, rounds: number): Promise<Row[]> {
  const group = `Object store beside restic: a VM with ${memoryBytes / mib} MiB of memory`;
  const missing = hasProgram("restic") ? noGuest || noEngine : "restic is not installed";
  if (missing !== false) return [{ group, name: missing, unit: "skipped", value: 0 }];
  return withScratch(async (scratch) => {
    const directories = await makeSnapshots(scratch, memoryBytes);
    const accessLog = join(scratch, "access.log");
    await using engine = await startEngine({ accessLog });
    const meter = new Meter(accessLog, engine);
    const config = await writeConfig(scratch, engine, rounds);
    await using first = await startDaemon(join(scratch, "pusher"), { config });
    await using second = await startDaemon(join(scratch, "puller"), { config });
    // Calls on directories of the node need the socket.
    await using pusher = connect(first.socketAddress);
    await using puller = connect(second.socketAddress);
    await store(pusher, directories);
    for (let round = 0; round <= rounds; round += 1) {
      // The first round is a warm-up.
      meter.counts = round > 0;
      await playStasis(meter, { pusher, puller }, `cold${round}`);
      await playRestic(meter, engine, scratch, directories, round);
    }
    return rowsOf(group, meter);
  });
}

interface Directories {
  readonly one: string;
  readonly two: string;
}

async function makeSnapshots(scratch: string, memoryBytes: number): Promise<Directories> {
  const directories = { one: join(scratch, "one"), two: join(scratch, "two") };
  const options = { memoryBytes, diskBytes: 1024 * mib, dataBytes: memoryBytes / 6 };
  await using guest = await startGuest(join(scratch), options);
  await guest.counted(counts.first);
  await guest.snapshot(directories.one);
  await guest.counted(counts.second);
  await guest.snapshot(directories.two);
  return directories;
}

async function store(client: Client, directories: Directories): Promise<void> {
  for (const [name, from] of Object.entries(directories)) {
    // The store takes the files over, and restic reads the originals.
    const directory = `${from}-stored`;
    await execute("cp", ["-r", "--sparse=always", from, directory]);
    await client.createFromDirectory({ directory, config: { name } });
    await untilHashed(client, name);
  }
}

/** Measures the time, the requests and the growth of the bucket in each step. */
class Meter {
  counts = false;
  readonly times = new Map<string, number[]>();
  readonly requests = new Map<string, number[]>();
  readonly storedBytes = new Map<string, number[]>();
  readonly #accessLog: string;
  readonly #engine: Engine;

  constructor(accessLog: string, engine: Engine) {
    this.#accessLog = accessLog;
    this.#engine = engine;
  }

  async measure(step: Step, program: string, run: () => Promise<unknown>): Promise<void> {
    process.stderr.write(`\r\x1b[K${step}, ${program}`);
    const [requests, bytes] = [await this.#requestCount(), await this.#bucketBytes()];
    const started = performance.now();
    await run();
    const took = performance.now() - started;
    process.stderr.write("\r\x1b[K");
    if (!this.counts) return;
    const add = (to: Map<string, number[]>, value: number): void => {
      const name = `${step}, ${program}`;
      to.set(name, [...(to.get(name) ?? []), value]);
    };
    add(this.times, took);
    add(this.requests, (await this.#requestCount()) - requests);
    add(this.storedBytes, (await this.#bucketBytes()) - bytes);
  }

  /** The engine writes a line for each request. */
  async #requestCount(): Promise<number> {
    return (await readFile(this.#accessLog, "utf8")).split("\n").length;
  }

  async #bucketBytes(): Promise<number> {
    const { stdout } = await execute("du", ["-sb", "--apparent-size", this.#engine.directory]);
    return Number(stdout.split("\t")[0]);
  }
}

/** Each round has a remote of its own, because a second push of the same snapshot sends nothing. */
async function writeConfig(scratch: string, engine: Engine, rounds: number): Promise<string> {
  const credentials = join(scratch, "credentials");
  const { accessKeyId, secretAccessKey } = engine.keys;
  const keys = `aws_access_key_id = ${accessKeyId}\naws_secret_access_key = ${secretAccessKey}\n`;
  await writeFile(credentials, `[default]\n${keys}`, { mode: 0o600 });
  const tables = Array.from({ length: rounds + 1 }, (_none, round) =>
    [
      "[[remotes]]",
      `name = "cold${round}"`,
      `endpoint = "${engine.endpoint}"`,
      `bucket = "${engineBucket}"`,
      `prefix = "stasis${round}/"`,
      `credentials_file = "${credentials}"`,
    ].join("\n"),
  );
  const config = join(scratch, "stasis.toml");
  await writeFile(config, `${tables.join("\n")}\n`, { mode: 0o600 });
  return config;
}

async function playStasis(
  meter: Meter,
  { pusher, puller }: { readonly pusher: Client; readonly puller: Client },
  remote: string,
): Promise<void> {
  const push = async (ref: string): Promise<void> => {
    for await (const event of pusher.push({ ref, remote })) void event;
  };
  await meter.measure("first push", "stasis", () => push("one"));
  await meter.measure("second push", "stasis", () => push("two"));
  await meter.measure("full pull", "stasis", async () => {
    for await (const event of puller.pull({ ref: "two", remote })) void event;
  });
  await drop(puller, "two");
}

async function playRestic(
  meter: Meter,
  { endpoint, keys }: Engine,
  scratch: string,
  directories: Directories,
  round: number,
): Promise<void> {
  const env = {
    ...process.env,
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
    RESTIC_PASSWORD: "bench",
    RESTIC_CACHE_DIR: join(scratch, "restic-cache"),
    RESTIC_REPOSITORY: `s3:${endpoint}/${engineBucket}/restic${round}`,
  };
  const restic = (args: readonly string[], cwd: string): Promise<unknown> =>
    execute("restic", ["--quiet", ...args], { env, cwd });
  await restic(["init"], scratch);
  await meter.measure("first push", "restic", () => restic(["backup", "."], directories.one));
  await meter.measure("second push", "restic", () => restic(["backup", "."], directories.two));
  const target = join(scratch, "restored");
  await meter.measure("full pull", "restic", () =>
    restic(["restore", "latest", "--target", target], scratch),
  );
  const name = join(target, "memory");
  const { size } = await stat(name);
  if (size === 0) throw new Error(`restic restored an empty ${name}`);
  await rm(target, { recursive: true });
}

function rowsOf(group: string, { times, requests, storedBytes }: Meter): Row[] {
  const outcomes = [...times].map(([name, each]): Outcome => ({
    name,
    bytes: 0,
    times: each,
    cpuSeconds: [],
  }));
  const speeds = steps.map((step) => ({
    ...{ subject: `${step}, stasis`, peer: `${step}, restic` },
    ...(step === "second push" ? {} : { must: 1 }),
  }));
  const of = (values: ReadonlyMap<string, number[]>, name: string): number =>
    median(values.get(name) ?? []);
  const counted = [...requests.keys()].map((name): Row => {
    return { group, name: `${name}: requests`, unit: "count", value: of(requests, name) };
  });
  const stored = ["first push", "second push"].flatMap((step): Row[] => {
    const [ours, theirs] = [of(storedBytes, `${step}, stasis`), of(storedBytes, `${step}, restic`)];
    const goal = step === "second push" ? { must: 1 / 20, atMost: true } : {};
    return [
      { group, name: `${step}, stasis: stored`, unit: "MiB", value: ours / mib },
      { group, name: `${step}, restic: stored`, unit: "MiB", value: theirs / mib },
      { group, name: `${step}: bytes ÷ restic's`, unit: "ratio", value: ours / theirs, ...goal },
    ];
  });
  return [
    ...millisecondRows(group, outcomes),
    ...ratios(`${group}: rate ÷ restic's`, outcomes, speeds),
    ...stored,
    ...counted,
  ];
}
