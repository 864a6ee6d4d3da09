// Tests the example orchestrator by interrupting it at every step of its cycle, while callers store
// and delete snapshots that pin blobs. The test kills it before each system call that changes the
// blob directory. At each piece of a request or an answer, the test kills it, cuts its connection,
// or delays the piece until its session has ended. No blob that a stored snapshot pins may be
// missing, and the next cycle collects the rest.
import assert from "node:assert/strict";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { describe, test, type TestContext } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { BlobDirectory } from "../../examples/image-store/blob-directory.js";
import { BlobGone, storePinning } from "../../examples/image-store/pinning.js";
import { connect, isStoreError, type Client } from "../../src/client/index.js";
import { injection } from "../crash/strace.js";
import { openWireProxy, type Direction, type WireProxy } from "../replication/wire-proxy.js";
import { collect, makeSource, packDirectory, piece, streamOf } from "../store/contents.js";
import { run, type Child } from "../support/child.js";
import { startTestDaemon, type TestDaemon } from "../support/daemon.js";
import { eventually } from "../support/eventually.js";
import { createRandom, type Random } from "../support/random.js";
import { cannotStrace } from "../support/scratch.js";

const program = new URL("../../examples/image-store/main.js", import.meta.url).pathname;
/** The sessions are short, in milliseconds, because each killed orchestrator leaves one open. */
const ttlMs = 1000;
const keepLast = 12;
/**
 * The number of unpinned blobs for each interruption. With several, steps over blobs occur several
 * times.
 */
const garbagePerStrike = 3;
/**
 * An interrupted cycle leaves blobs behind, which make the next cycle longer. The steps beyond this
 * number repeat earlier steps with more blobs.
 */
const maxSteps = 24;
/** On a busy machine a cycle may give up before its step. More attempts than this are an error. */
const maxTries = 3 * maxSteps;
/** The orchestrator's exit status if another cycle should be tried later. */
const exitLater = 75;

interface Scene extends TestDaemon {
  readonly client: Client;
  readonly proxy: WireProxy;
  readonly blobs: BlobDirectory;
  readonly blobPath: string;
  readonly tar: Buffer;
  /** The ids of snapshots that were stored, and whose blobs existed at that time. */
  readonly pinning: Set<string>;
  readonly counts: Map<string, number>;
}

async function openScene(t: TestContext): Promise<Scene> {
  const daemon = await startTestDaemon(t);
  const client = connect(daemon.address);
  const proxy = await openWireProxy(daemon.tcpAddress);
  t.after(async () => {
    client.close();
    await proxy[Symbol.asyncDispose]();
  });
  const source = await makeSource(join(daemon.scratch, "source"), [
    { name: "state.json", sizeBytes: 100, pieces: [piece(0, 100)] },
  ]);
  const tar = await collect(packDirectory(source));
  const blobPath = join(daemon.scratch, "images");
  const blobs = await BlobDirectory.open(blobPath);
  const counts = new Map<string, number>();
  return { ...daemon, client, proxy, blobs, blobPath, tar, pinning: new Set(), counts };
}

function count({ counts }: Scene, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

/** Returns the command that starts the orchestrator, so that strace can run it. */
function collectCommand({ blobPath }: Scene, addr: string, liveMs = ttlMs): [string, string[]] {
  const ttl = liveMs / 1000;
  const flags = { blobs: blobPath, addr, ttl, "keep-last": keepLast };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  return [process.execPath, [program, "collect", ...args]];
}

/** All file operations run in one thread, so that the n-th call of a kind is always the same. */
const oneThread = { UV_THREADPOOL_SIZE: "1" };

async function putGarbage({ blobs }: Scene, strike: string): Promise<void> {
  for (let n = 0; n < garbagePerStrike; n++) await blobs.put(Buffer.from(`${strike} ${n}`));
}

/**
 * Stores snapshots that pin any existing blobs, including those about to be collected, and deletes
 * some of the snapshots.
 */
async function storeOn(scene: Scene, random: Random, signal: AbortSignal): Promise<void> {
  const { client, blobs, tar, pinning } = scene;
  while (!signal.aborted) {
    const there = await blobs.ids();
    const imageBlobIds = [0, 1].flatMap(() => (there.length > 0 ? [random.pick(there)] : []));
    try {
      const header = { config: { imageBlobIds } };
      const snapshot = await storePinning(client, blobs, header, () => streamOf(tar));
      pinning.add(snapshot.config?.id ?? "");
      count(scene, "stored, pinning");
    } catch (error) {
      if (!(error instanceof BlobGone)) throw error;
      count(scene, "not stored: a blob had just gone");
    }
    const [some] = pinning;
    if (some !== undefined && random.chance(0.4)) {
      pinning.delete(some);
      await client.delete({ refs: [some], allowMissing: true });
    }
    await pause(random.below(200));
  }
}

/**
 * Checks that every blob that a stored snapshot pins exists. If `condemned` is true, the blob may
 * also be among the condemned blobs, which the next cycle can restore.
 */
async function judge(scene: Scene, { condemned }: { readonly condemned: boolean }): Promise<void> {
  const { client, pinning, blobPath } = scene;
  for await (const { config } of client.listAll()) {
    const { id = "", imageBlobIds = [] } = config ?? {};
    if (!pinning.has(id)) continue;
    for (const blob of imageBlobIds) {
      if (await isThere(blobPath, blob, condemned)) continue;
      // The snapshot may have been deleted after it was listed. Then its blob was rightly
      // collected.
      const still = await client.inspect(id).catch((error: unknown) => {
        if (!isStoreError(error, "SNAPSHOT_NOT_FOUND")) throw error;
        return undefined;
      });
      assert.equal(still, undefined, `${id} pins ${blob}, which is gone`);
    }
    count(scene, "snapshots judged");
  }
}

async function isThere(path: string, blob: string, orCondemned: boolean): Promise<boolean> {
  const below = orCondemned ? ["blobs", "condemned", "blobs"] : ["blobs"];
  for (const part of below) {
    const names = await readdir(join(path, part), { recursive: true });
    if (names.some((name) => name === blob || name.endsWith(`/${blob}`))) return true;
  }
  return false;
}

/** Waits until the session of a killed orchestrator has ended. */
async function untilFree({ client }: Scene): Promise<void> {
  await eventually("the end of the session", async () => {
    const session = await client.beginGc({ owner: "test" }).catch((error: unknown) => {
      if (!isStoreError(error, "GC_LOCK_BUSY")) throw error;
      return undefined;
    });
    if (session === undefined) return undefined;
    await client.endGc({ sessionId: session.sessionId, epoch: session.epoch });
    return session;
  });
}

/** Runs `strike` for step 1, 2, … until the orchestrator completes its cycle before that step. */
async function strikeEach(
  scene: Scene,
  what: string,
  strike: (step: number) => Promise<Outcome>,
): Promise<void> {
  let step = 1;
  for (let tries = 0; step <= maxSteps; tries++) {
    assert.ok(tries <= maxTries, `${what}: ${maxTries} tries and no end`);
    await untilFree(scene);
    await putGarbage(scene, `${what} ${tries}`);
    const outcome = await strike(step);
    await judge(scene, { condemned: true });
    if (outcome === "through") return;
    if (outcome === "struck") step += 1;
    count(scene, `${what}: ${outcome}`);
  }
}

/** `gave up` means that on a busy machine the session ended before that step. */
type Outcome = "struck" | "through" | "gave up";

function outcomeOf(child: Child, { code, signal }: Awaited<Child["exited"]>): Outcome {
  if (signal === "SIGKILL") return "struck";
  if (code === exitLater) return "gave up";
  assert.equal(code, 0, child.output());
  return "through";
}

async function killedAtCall(scene: Scene, syscall: string): Promise<void> {
  await strikeEach(scene, `killed before ${syscall}`, async (nth) => {
    const [command, args] = collectCommand(scene, scene.proxy.address);
    const log = join(scene.scratch, "strace.log");
    const tracing = ["-f", "-o", log, "-e", `trace=${syscall}`];
    const injecting = ["-e", injection(syscall, nth, "KILL")];
    const child = run("strace", [...tracing, ...injecting, command, ...args], oneThread);
    return outcomeOf(child, await child.exited);
  });
}

/** Says what happens to the n-th piece in one direction. Only a late piece is still forwarded. */
type Blow = "killed" | "cut" | "late";

async function struckOnTheWire(scene: Scene, blow: Blow, direction: Direction): Promise<void> {
  const what = `${blow} before a piece of ${direction === "up" ? "a request" : "an answer"}`;
  await strikeEach(scene, what, async (nth) => {
    const [command, args] = collectCommand(scene, scene.proxy.address);
    let struck = false;
    const child = run(command, args, oneThread);
    scene.proxy.meetPiece(direction, nth, async () => {
      struck = true;
      if (blow === "killed") child.signal("SIGKILL");
      if (blow === "late") await pause(ttlMs + 200);
      return blow === "late";
    });
    const exit = await child.exited;
    if (!struck || blow === "killed") return outcomeOf(child, exit);
    // A delayed or disconnected orchestrator may complete or give up, but must not fail in another
    // way.
    assert.ok(exit.code === 0 || exit.code === exitLater, `${what} ${nth}: ${child.output()}`);
    count(scene, `${what}: ${/^\w+/.exec(child.output())?.[0]}`);
    return "struck";
  });
}

/**
 * Interrupts the orchestrator while two callers store snapshots. Afterwards, one complete cycle
 * leaves exactly the pinned blobs.
 */
async function play(t: TestContext, strikes: (scene: Scene) => Promise<void>): Promise<void> {
  const scene = await openScene(t);
  const ending = new AbortController();
  const storing = [0, 1].map((index) => storeOn(scene, createRandom("pin", index), ending.signal));
  try {
    await Promise.race([strikes(scene), ...storing]);
  } finally {
    ending.abort();
  }
  await Promise.all(storing);
  await untilFree(scene);
  const [command, args] = collectCommand(scene, scene.address, 60_000);
  const child = run(command, args);
  const { code } = await child.exited;
  assert.equal(code, 0, child.output());
  await judge(scene, { condemned: false });
  const pinned = new Set<string>();
  for await (const { config } of scene.client.listAll()) {
    config?.imageBlobIds.forEach((blob) => pinned.add(blob));
  }
  assert.deepEqual(await scene.blobs.ids(), [...pinned].sort(), "what is pinned, and no more");
  assert.deepEqual(await readdir(join(scene.blobPath, "condemned")), []);
  t.diagnostic([...scene.counts].map(([what, times]) => `${times} ${what}`).join("\n"));
}

describe("the example orchestrator deletes no pinned blob", { concurrency: true }, () => {
  test(
    "if it is killed before any change of its directory, every pinned blob remains",
    { skip: cannotStrace() },
    async (t) => {
      await play(t, async (scene) => {
        for (const syscall of ["mkdir", "rename", "unlink", "rmdir"])
          await killedAtCall(scene, syscall);
      });
    },
  );

  test("if it is killed at any piece of its conversation, every pinned blob remains", async (t) => {
    await play(t, async (scene) => {
      await struckOnTheWire(scene, "killed", "up");
      await struckOnTheWire(scene, "killed", "down");
    });
  });

  test("if its connection is cut at any answer, it retries or gives up, and every pinned blob remains", async (t) => {
    await play(t, (scene) => struckOnTheWire(scene, "cut", "down"));
  });

  test("if a piece is delayed until its session has ended, it restores the condemned blobs", async (t) => {
    await play(t, (scene) => struckOnTheWire(scene, "late", "up"));
  });
});
