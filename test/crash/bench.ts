// Provides the environment of crash states: a root, the callers' files next to the root, and a
// daemon. The harness kills the daemon and starts it again, and judges the store after each start.
import { mkdir, open, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { exportToLocalDirectory } from "../../src/client/index.js";
import { copySparse } from "../../src/holes/sparse-copy.js";
import { kib, makeSmallSource, makeSource, mib, piece } from "../store/contents.js";
import { createLedger, type Content, type Given, type Ledger } from "./ledger.js";
import { alarmsIn, inspectFreeNames, inspectStore, runCheck } from "./oracle.js";
import { startServed, type Place, type Served } from "./served.js";
import { create, exportArchive, mustSucceed, remove, type Stage } from "./stage.js";

export interface Bench extends AsyncDisposable {
  readonly place: Place;
  readonly outside: string;
  readonly contents: readonly Content[];
  /** Holds the archive and the directory of an export. Its files equal those of `contents[0]`. */
  readonly exported: { readonly archive: Uint8Array; readonly directory: string };
  /** A directory with one delta file, whose changes turn `contents[0]` into `content`. */
  readonly delta: { readonly directory: string; readonly file: string; readonly content: Content };
  readonly stage: Stage;
  readonly served: Served;
  /** Names the file to which strace writes. */
  readonly traceFile: string;
  /** Makes a directory to hand over, with the files of `contents[index]`, unless it exists. */
  give(index: number): Promise<Given>;
  /** Kills the daemon if it runs, starts it again, and returns the problems of the store. */
  restart(options?: { readonly check?: boolean }): Promise<string[]>;
  readonly ledger: Ledger;
  /** Replaces the daemon with one that was started differently. */
  takeOver(served: Served): void;
}

export interface BenchOptions {
  /**
   * Contains everything that is not on the store's filesystem. The directory must not exist yet.
   */
  readonly directory: string;
  /** Lies on the store's filesystem. The default is `directory`. */
  readonly storeDirectory?: string;
  /**
   * The path of the socket, whose directory must not exist yet. By default it is below `directory`.
   */
  readonly socket?: string;
  /** The seed determines the sizes and the bytes of the contents. */
  readonly seed: number;
  readonly position?: () => number;
}

export const keptName = "kept";

export async function openBench(options: BenchOptions): Promise<Bench> {
  const { directory, seed, storeDirectory = directory } = options;
  await mkdir(directory, { recursive: true });
  const outside = join(storeDirectory, "outside");
  await mkdir(outside);
  const { socket = socketIn(directory) } = options;
  const place: Place = { root: join(storeDirectory, "root"), socket };
  await mkdir(dirname(socket), { mode: 0o700 });
  const contents = await makeContents(directory, seed);
  const ledger = createLedger(options.position);
  const problems: string[] = [];
  let served = await startServed(place);
  let stage: Stage = { client: served.client, ledger, outside, problems };
  const first = contents[0] as Content;
  await create(stage, keptName, first);
  const exported = join(outside, "to-import");
  await exportToLocalDirectory(served.client, keptName, exported);
  const archive = await exportArchive(served.client, keptName);
  const takeOver = (next: Served): void => {
    served = next;
    stage = { client: served.client, ledger, outside, problems };
  };
  return {
    place,
    outside,
    contents,
    ledger,
    exported: { archive, directory: exported },
    delta: await makeDelta(outside, directory, first),
    traceFile: join(directory, "strace.txt"),
    get stage() {
      return stage;
    },
    get served() {
      return served;
    },
    give: (index) => give(outside, contents, index, seed),
    takeOver,
    async restart({ check = false } = {}) {
      await served.kill();
      const found = check ? await runCheckAfterStart(place) : [];
      takeOver(await startServed(place));
      return [...found, ...alarmsIn(served.output()), ...(await judge(place, stage, first))];
    },
    async [Symbol.asyncDispose]() {
      await served.kill();
    },
  };
}

/**
 * Returns a short path, because the length of a Unix socket's path is limited and the directory of
 * the environment may be deep.
 */
function socketIn(directory: string): string {
  return join(directory, "s", "d.sock");
}

async function makeContents(directory: string, seed: number): Promise<Content[]> {
  const contents: Content[] = [];
  for (const index of [0, 1, 2]) {
    const files = join(directory, `content-${index}`);
    await makeSmallSource(files, seedOf(seed, index));
    contents.push({ directory: files, description: `content ${index}` });
  }
  const large = join(directory, "content-3");
  const pieces = [piece(64 * kib, 4 * mib + 4096), piece(6 * mib, 8 * kib)];
  await makeSource(large, [{ name: "memory-ranges", sizeBytes: 7 * mib + seed, pieces }]);
  contents.push({ directory: large, description: "large" });
  return contents;
}

/**
 * Makes a delta file with two pages of the memory image, one in a block with data and one in a
 * hole. Also makes the content that results from these changes.
 */
async function makeDelta(
  outside: string,
  directory: string,
  { directory: parent }: Content,
): Promise<Bench["delta"]> {
  const file = "memory-ranges";
  const pieces = [piece(4 * kib, 4 * kib), piece(400 * kib, 4 * kib)];
  const changed = join(outside, "delta");
  await makeSource(changed, [{ name: file, sizeBytes: mib, pieces }]);
  const whole = join(directory, "content-delta");
  await mkdir(whole);
  for (const name of await readdir(parent)) {
    const { mode } = await stat(join(parent, name));
    await copySparse(join(parent, name), join(whole, name), { mode, sync: false });
  }
  await using handle = await open(join(whole, file), "r+");
  for (const { offset, bytes } of pieces) await handle.write(bytes, 0, bytes.length, offset);
  return { directory: changed, file, content: { directory: whole, description: "changed" } };
}

function seedOf(seed: number, index: number): number {
  return 1 + ((seed * 31 + index * 7) % 4000);
}

async function give(
  outside: string,
  contents: readonly Content[],
  index: number,
  seed: number,
): Promise<Given> {
  const path = join(outside, `given-${index}`);
  const twin = contents[index]?.directory ?? "";
  const isThere = await stat(path).then(
    () => true,
    () => false,
  );
  if (!isThere) await makeSmallSource(path, seedOf(seed, index));
  return { path, twin };
}

/**
 * Starts the daemon before `stasis check`, which cannot judge an interrupted root before recovery.
 */
async function runCheckAfterStart(place: Place): Promise<string[]> {
  await using served = await startServed(place);
  await served.kill();
  return await runCheck(place.root);
}

/**
 * Returns the problems of a store that was just started. The ledger continues from the state that
 * the store really has.
 */
export async function judge(place: Place, stage: Stage, free: Content): Promise<string[]> {
  const { client, ledger } = stage;
  const owed = ledger.expect();
  const { problems, found } = await inspectStore({
    root: place.root,
    client,
    owed,
    afterCleanStart: true,
  });
  ledger.settle(found);
  const taken = await inspectFreeNames(found, async (name) => {
    mustSucceed(await create(stage, name, free));
    mustSucceed(await remove(stage, name));
  });
  return [...problems, ...taken];
}
