// Runs writers, readers, deleters, a collector with tight limits and an orchestrator with GC
// sessions, concurrently on one daemon. gc-history.ts decides which snapshots may be removed. Each
// read completes, or fails with a documented reason before its first byte. At the end the catalog
// and the disk agree, and the limit holds.
import { createHash, randomUUID } from "node:crypto";
import { mkdir, readFile, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { durationFromMs, timestampDate } from "@bufbuild/protobuf/wkt";
import {
  GcOutcome,
  GcReason,
  OnNameConflict,
  connect,
  isStoreError,
  type Client,
  type GcCandidate,
  type Snapshot,
} from "../../src/client/index.js";
import type { GcPolicy } from "../../src/model/gc-plan.js";
import { alarmsIn, runCheck } from "../crash/oracle.js";
import { startServed } from "../crash/served.js";
import { damagedIn } from "../crash/stage.js";
import { makeContents, type Content } from "../model/contents.js";
import { createGate, entriesOf, heldBack, mib, streamOf } from "../store/contents.js";
import { createRandom, type Random } from "../support/random.js";
import { createHistory, type History, type Span } from "./gc-history.js";
import { largeContent } from "./large-content.js";
import { randomRead, readWhole } from "./reading.js";
import type { SoakResult } from "./soak-main.js";

export interface GcSoakOptions {
  /** The directory is empty. Its path must be short. */
  readonly directory: string;
  readonly seed: number;
  readonly limitMs: number;
  readonly signal?: AbortSignal;
}

const writers = 8;
const readers = 8;
const protectors = 3;
const namesPerWriter = 4;
const groups = 4;
const blobCount = 12;
/** The limit is about a third of the size when all names are in use. */
const limitBytes = 16 * mib;
/** The limit exceeds the size of any content. */
const contentLimitBytes = 6 * mib;

/**
 * Measures how long this process did not run. The daemon is on the same machine and is delayed
 * equally.
 */
interface Standstill {
  readonly timer: NodeJS.Timeout;
  worstMs: number;
  /** The time (performance.now()) at which the last standstill of more than two seconds ended. */
  lastMs: number;
}

function watchStandstill(): Standstill {
  let beforeMs = performance.now();
  const timer = setInterval(() => {
    const lateMs = performance.now() - beforeMs - standstillStepMs;
    beforeMs = performance.now();
    state.worstMs = Math.max(state.worstMs, lateMs);
    if (lateMs > 2000) state.lastMs = beforeMs;
  }, standstillStepMs);
  const state: Standstill = { timer, worstMs: 0, lastMs: -Infinity };
  return state;
}

const standstillStepMs = 100;
/**
 * A standstill may fail calls for this long afterwards, in milliseconds. The client sends a ping
 * every 30 seconds, and waits 20 seconds for its answer.
 */
const keepaliveMs = 60_000;

interface Scene {
  readonly client: Client;
  readonly contents: readonly Content[];
  readonly problems: string[];
  readonly counts: Map<string, number>;
  readonly history: History;
  readonly standstill: Standstill;
  isOver(): boolean;
  random(...parts: (string | number)[]): Random;
}

export async function playGc(options: GcSoakOptions): Promise<SoakResult> {
  const { directory, seed, limitMs, signal } = options;
  const place = { root: join(directory, "root"), socket: join(directory, "s") };
  await mkdir(directory, { recursive: true });
  await using served = await startServed(place);
  const contents = [
    ...(await makeContents(served.client, join(directory, "contents"))),
    ...(await largeContent(served.client, join(directory, "large"))),
  ];
  const counts = new Map<string, number>();
  const problems: string[] = [];
  const history = createHistory();
  const standstill = watchStandstill();
  const endsAtMs = performance.now() + limitMs;
  const clients: Client[] = [];
  const play = (actor: (scene: Scene, index: number) => Promise<void>, many: number) =>
    Array.from({ length: many }, (_, index) => {
      const client = connect(`unix:${place.socket}`);
      clients.push(client);
      const isOver = (): boolean =>
        problems.length > 0 || signal?.aborted === true || performance.now() >= endsAtMs;
      const random = (...parts: (string | number)[]): Random => createRandom(seed, ...parts);
      const scene = { client, contents, problems, counts, history, standstill, isOver, random };
      return actor(scene, index);
    });
  try {
    await Promise.all([
      ...play(writeOn, writers),
      ...play(readOn, readers),
      ...play(deleteOn, 2),
      ...play(protectOn, protectors),
      ...play(collectOn, 1),
      ...play(orchestrateOn, 1),
    ]);
    problems.push(...(await atRest(served.client, place.root, { history, counts })));
  } finally {
    clients.forEach((client) => client.close());
    clearInterval(standstill.timer);
  }
  count({ counts }, "ms that this machine stood still at worst", Math.round(standstill.worstMs));
  problems.push(...alarmsIn(served.output()));
  served.signal("SIGTERM");
  const { code } = await served.exited;
  if (code !== 0) problems.push(`the daemon stopped with ${code}`);
  problems.push(...(await runCheck(place.root)));
  return { problems, counts };
}

/**
 * Checks the store after all calls have ended. The store contains exactly the intact snapshots that
 * the history requires, within the limit.
 */
async function atRest(
  client: Client,
  root: string,
  { history, counts }: Pick<Scene, "history" | "counts">,
): Promise<string[]> {
  const problems: string[] = [];
  const policy = { maxTotalBytes: limitBytes };
  const last = await collectOnce({ client, history, problems, counts }, policy);
  for (const { id, outcome } of last) {
    // No caller reads or protects a snapshot any more, and no call is unfinished.
    if (outcome !== GcOutcome.REMOVED)
      problems.push(`last collection: ${id} ${GcOutcome[outcome]}`);
  }
  const listed = new Map<string, string>();
  let allocatedBytes = 0;
  for await (const snapshot of client.listAll()) {
    const { id = "", name = "" } = snapshot.config ?? {};
    listed.set(id, name);
    allocatedBytes += Number(snapshot.allocatedBytes);
  }
  const { totalBytes, directories } = await dataOnDisk(root);
  count({ counts }, "KiB on disk in the end", Math.round(totalBytes / 1024));
  count({ counts }, "snapshots in the end", listed.size);
  if (allocatedBytes > limitBytes) problems.push(`${allocatedBytes} bytes listed in the end`);
  if (totalBytes > limitBytes) problems.push(`${totalBytes} bytes on disk in the end`);
  const ids = [...listed.keys()].sort();
  if (directories.join() !== ids.join()) {
    problems.push(`data/ holds ${directories.join(" ")}, listed are ${ids.join(" ")}`);
  }
  problems.push(...history.judge(listed));
  problems.push(...(await damagedIn(client)));
  for await (const { event } of client.check({})) {
    if (event.case === "finding") problems.push(`check: ${event.value.kind} ${event.value.id}`);
  }
  return problems;
}

/** Returns the disk space of the files of all snapshots, as the filesystem counts it. */
async function dataOnDisk(root: string): Promise<{ totalBytes: number; directories: string[] }> {
  const directories = await entriesOf(root, "data");
  let totalBytes = 0;
  for (const id of directories) {
    const files = join(root, "data", id, "files");
    for (const name of await readdir(files)) {
      totalBytes += (await stat(join(files, name))).blocks * 512;
    }
  }
  return { totalBytes, directories };
}

function count({ counts }: Pick<Scene, "counts">, what: string, times = 1): void {
  counts.set(what, (counts.get(what) ?? 0) + times);
}

/** Counts a refusal that is documented for this kind of call. Any other refusal is a finding. */
function refused(scene: Scene, who: string, error: unknown, ...documented: string[]): void {
  if (!isStoreError(error)) throw error;
  const starved = performance.now() - scene.standstill.lastMs < keepaliveMs;
  if (isLost(error) && starved) {
    count(scene, `${who} lost the connection: the machine stood still for seconds`);
  } else if (documented.includes(error.reason)) {
    count(scene, `${who} refused: ${error.reason}`);
  } else {
    const now = new Date().toISOString();
    scene.problems.push(`${now} ${who}: ${error.reason}: ${error.message}`);
  }
}

/** Returns true if the outcome of the call is unknown. */
function isLost(error: unknown): boolean {
  return isStoreError(error, "DAEMON_UNREACHABLE");
}

async function timed<Value>(call: Promise<Value>, fromMs: number): Promise<[Value, Span]> {
  const value = await call;
  return [value, { fromMs, toMs: Date.now() }];
}

async function writeOn(scene: Scene, index: number): Promise<void> {
  const random = scene.random("write", index);
  /** Maps the names of this writer to its current snapshots. No other writer uses these names. */
  const current = new Map<string, string>();
  while (!scene.isOver()) {
    const name = `w${index}/${random.below(namesPerWriter)}`;
    if (random.chance(0.08)) await breakOff(scene, random);
    else await writeOnce(scene, random, { name, current });
    await pause(random.below(150));
  }
}

async function writeOnce(
  { client, contents, history, ...scene }: Scene,
  random: Random,
  { name, current }: { readonly name: string; readonly current: Map<string, string> },
): Promise<void> {
  const group = `vm${random.below(groups)}`;
  const replace = random.chance(0.7);
  const config = { name, labels: { vm: group }, imageBlobIds: blobsOf(random) };
  const onNameConflict = replace ? OnNameConflict.REPLACE : OnNameConflict.FAIL;
  // The last two contents are the large ones.
  const { tar } = random.pick(random.chance(0.3) ? contents.slice(-2) : contents);
  const before = current.get(name);
  const fromMs = Date.now();
  // From now on the old snapshot may be replaced. If it is not, it may be removed only with an
  // explanation.
  if (replace && before !== undefined) history.givenUp(before, fromMs);
  try {
    const creating = client.create({ config, onNameConflict }, streamOf(tar));
    const [{ snapshot }, call] = await timed(creating, fromMs);
    const id = snapshot?.config?.id ?? "";
    current.set(name, id);
    history.stored({
      id,
      group,
      call,
      createdAtMs: timeOf(snapshot),
      allocatedBytes: Number(snapshot?.allocatedBytes),
    });
    count(scene, before !== undefined && replace ? "stored, replacing" : "stored");
  } catch (error) {
    if (isLost(error)) history.mayBeStored(name);
    const documented = ["SNAPSHOT_NAME_TAKEN", "BLOCKED_BY_GC", "OPERATION_IN_PROGRESS"];
    refused({ client, contents, history, ...scene }, "writer", error, ...documented);
  }
}

/** Runs a writer that disconnects in the middle of its upload. No part of the upload may stay. */
async function breakOff(scene: Scene, random: Random): Promise<void> {
  const { tar } = random.pick(scene.contents);
  const ending = new AbortController();
  const config = { name: `broken/${randomUUID()}`, imageBlobIds: blobsOf(random) };
  const creating = scene.client.create({ config }, heldBack(tar, createGate()), {
    signal: ending.signal,
  });
  const settled = Promise.allSettled([creating]);
  await pause(random.below(50));
  ending.abort();
  const [{ status }] = await settled;
  if (status === "fulfilled") scene.problems.push("an upload without its second half was stored");
  count(scene, "interrupted uploads");
}

function blobsOf(random: Random): string[] {
  if (random.chance(0.3)) return [];
  return [0, 1].map(() => `blob-${String(random.below(blobCount)).padStart(2, "0")}`);
}

function timeOf(snapshot: Snapshot | undefined): number {
  return snapshot?.createdAt === undefined ? NaN : timestampDate(snapshot.createdAt).getTime();
}

/** Returns a name, or an id that is likely to exist. */
function anyRef({ history }: Scene, random: Random): string {
  const ids = history.alive();
  if (ids.length > 0 && random.chance(0.5)) return random.pick(ids);
  return `w${random.below(writers)}/${random.below(namesPerWriter)}`;
}

async function readOn(scene: Scene, index: number): Promise<void> {
  const random = scene.random("read", index);
  while (!scene.isOver()) {
    const ref = anyRef(scene, random);
    if (random.chance(0.2)) await holdDirectory(scene, ref, random);
    else await readOnce(scene, ref, random);
    await pause(random.below(100));
  }
}

async function readOnce(scene: Scene, ref: string, random: Random): Promise<void> {
  const read = randomRead(ref, random);
  const askedMs = Date.now();
  const seen = { id: "", fromMs: 0 };
  try {
    const wrong = await readWhole(scene.client, read, scene.contents, ({ config }) => {
      Object.assign(seen, { id: config?.id ?? "", fromMs: Date.now() });
    });
    scene.problems.push(...wrong.map((text) => `reader of ${ref} ${seen.id}: ${text}`));
    // The stream may have ended at the daemon before its last bytes arrived here.
    scene.history.held({ ...seen, askedMs, toMs: seen.fromMs });
    count(scene, read.exporting ? "exports whole" : "restores whole");
  } catch (error) {
    const early = seen.id === "" ? ["SNAPSHOT_NOT_FOUND", "TOO_MANY_STREAMS"] : [];
    refused(scene, "reader", error, ...early);
  }
}

/** Keeps a data directory open. Its files must stay unchanged, whatever happens. */
async function holdDirectory(scene: Scene, ref: string, random: Random): Promise<void> {
  const askedMs = Date.now();
  try {
    await using lease = await scene.client.openDataDirectory(ref, { timeoutMs: 120_000 });
    const fromMs = Date.now();
    await pause(random.below(1500));
    const { directory, snapshot } = lease;
    const content = scene.contents.find(({ digest }) => digest === snapshot.digest);
    for (const [name, sum] of content?.files ?? [["any file", ""]]) {
      const bytes = await readFile(join(directory, name));
      const found = createHash("sha256").update(bytes).digest("hex");
      if (found !== sum) scene.problems.push(`directory ${directory}: ${name} has other bytes`);
    }
    if (lease.signal.aborted) scene.problems.push(`the lease on ${directory} ended by itself`);
    const id = snapshot.config?.id ?? "";
    scene.history.held({ id, askedMs, fromMs, toMs: Date.now() });
    count(scene, "directories held open");
  } catch (error) {
    refused(scene, "holder", error, "SNAPSHOT_NOT_FOUND", "TOO_MANY_STREAMS");
  }
}

async function deleteOn(scene: Scene, index: number): Promise<void> {
  const random = scene.random("delete", index);
  while (!scene.isOver()) {
    const ids = scene.history.alive();
    if (ids.length > 0) {
      const id = random.pick(ids);
      scene.history.givenUp(id, Date.now());
      try {
        const { deletedIds } = await scene.client.delete({ refs: [id], allowMissing: true });
        count(scene, deletedIds.length > 0 ? "deleted" : "to delete, and gone before");
      } catch (error) {
        refused(scene, "deleter", error, "SNAPSHOT_IN_USE");
      }
    }
    await pause(500 + random.below(2000));
  }
}

async function protectOn(scene: Scene, index: number): Promise<void> {
  const random = scene.random("protect", index);
  const { client, history } = scene;
  while (!scene.isOver()) {
    await pause(random.below(400));
    // Each protector has its own snapshots, so that none revokes the protection of another.
    const ids = history.alive().filter((id) => id.charCodeAt(0) % protectors === index);
    if (ids.length === 0) continue;
    const ref = random.pick(ids);
    const updateMask = { paths: ["protected"] };
    try {
      await client.update({ ref, protected: true, updateMask });
      const fromMs = Date.now();
      await pause(random.below(4000));
      history.protected(ref, { fromMs, toMs: Date.now() });
      await client.update({ ref, protected: false, updateMask });
      count(scene, "protected for a while");
    } catch (error) {
      refused(scene, "protector", error, "SNAPSHOT_NOT_FOUND");
    }
  }
}

function randomPolicy(random: Random): GcPolicy {
  const groupByLabel = random.chance(0.5) ? "vm" : undefined;
  return random.pick<GcPolicy>([
    { maxTotalBytes: limitBytes },
    { maxTotalBytes: limitBytes / groups, groupByLabel: "vm" },
    { keepLast: 2 + random.below(4), groupByLabel: "vm" },
    { keepLast: 10 + random.below(10), maxTotalBytes: limitBytes },
    { maxAgeMs: 2000 + random.below(4000) },
    { keepLast: 10, maxAgeMs: 5000, maxTotalBytes: limitBytes, groupByLabel },
    ...(random.chance(0.1) ? [{ evictAll: true }] : []),
  ]);
}

function policyToWire({ maxAgeMs, maxTotalBytes, ...policy }: GcPolicy) {
  const set = Object.fromEntries(Object.entries(policy).filter(([, value]) => value !== undefined));
  return {
    ...set,
    ...(maxAgeMs === undefined ? {} : { maxAge: durationFromMs(maxAgeMs) }),
    ...(maxTotalBytes === undefined ? {} : { maxTotalBytes: BigInt(maxTotalBytes) }),
  };
}

async function collectOn(scene: Scene): Promise<void> {
  const random = scene.random("collect");
  while (!scene.isOver()) {
    await pause(random.below(600));
    const policy = randomPolicy(random);
    const fromMs = Date.now();
    try {
      if (random.chance(0.15)) {
        await planOnly(scene, policy);
        continue;
      }
      const rows = await collectOnce(scene, policy);
      if (policy.maxTotalBytes !== undefined) await judgeTotal(scene, rows, fromMs);
    } catch (error) {
      if (isLost(error)) scene.history.mayBeRemoved(scene.history.alive());
      refused(scene, "collector", error, "GC_LOCK_BUSY");
    }
  }
}

async function collectOnce(
  scene: Pick<Scene, "client" | "history" | "problems" | "counts">,
  policy: GcPolicy,
): Promise<GcCandidate[]> {
  const collecting = scene.client.collectGarbage({ policy: policyToWire(policy) });
  const [{ candidates }, call] = await timed(collecting, Date.now());
  note(scene, candidates, { policy, plan: call, removal: call });
  count(scene, "collections");
  return candidates;
}

function note(
  scene: Pick<Scene, "history" | "problems" | "counts">,
  rows: readonly GcCandidate[],
  { policy, plan, removal }: { policy: GcPolicy; plan: Span; removal: Span },
): void {
  for (const { id, reasons, outcome, message } of rows) {
    const names = reasons.map((reason) => GcReason[reason]);
    count(scene, `collected rows: ${GcOutcome[outcome]}`);
    if (outcome === GcOutcome.FAILED) scene.problems.push(`collection of ${id}: ${message}`);
    // No process is killed here, so the daemon leaves nothing for a collection to discard.
    const leftover = names.find((name) => leftoverReasons.has(name));
    if (leftover !== undefined) scene.problems.push(`${id} was found as ${leftover}`);
    if (outcome !== GcOutcome.REMOVED) continue;
    names.forEach((name) => count(scene, `removed as ${name}`));
    scene.history.removed({ id, reasons: names, policy, plan, removal });
  }
}

const leftoverReasons = new Set(["ORPHAN", "STALE_PENDING", "MISSING_DIRECTORY"]);

async function planOnly(scene: Scene, policy: GcPolicy): Promise<void> {
  const request = { policy: policyToWire(policy), dryRun: true };
  const { candidates } = await scene.client.collectGarbage(request);
  for (const { id, outcome } of candidates) {
    if (outcome !== GcOutcome.REMOVED) continue;
    scene.problems.push(`a dry run removed ${id}`);
  }
  count(scene, "dry runs");
}

/**
 * Checks the total after a collection. It is at most the sum of the limit, the snapshots that the
 * collection kept, and the snapshots that were stored later.
 */
async function judgeTotal(
  scene: Scene,
  rows: readonly GcCandidate[],
  fromMs: number,
): Promise<void> {
  const { usage } = await scene.client.getInfo();
  const keptBytes = rows
    .filter(({ outcome }) => outcome !== GcOutcome.REMOVED)
    .reduce((sum, { bytes }) => sum + Number(bytes), 0);
  // Each writer whose answer is still in transit may have stored one more snapshot.
  const comeBytes = scene.history.storedSinceBytes(fromMs) + writers * contentLimitBytes;
  const found = Number(usage?.allocatedBytes);
  if (found > limitBytes + keptBytes + comeBytes) {
    scene.problems.push(`${found} bytes after a collection that kept ${keptBytes}`);
  }
  if (found <= limitBytes + keptBytes)
    count(scene, "collections after which the limit held at once");
}

async function orchestrateOn(scene: Scene): Promise<void> {
  const random = scene.random("orchestrate");
  while (!scene.isOver()) {
    await pause(random.below(1500));
    const short = random.chance(0.2);
    try {
      const ttl = durationFromMs(short ? shortTtlMs : 5000);
      const { sessionId, epoch } = await scene.client.beginGc({ owner: "soak", ttl });
      await oneCycle(scene, { sessionId, epoch, short }, random);
    } catch (error) {
      refused(scene, "orchestrator", error, "GC_LOCK_BUSY", "GC_SESSION_FENCED");
    }
  }
}

interface Session {
  readonly sessionId: string;
  readonly epoch: bigint;
}

const shortTtlMs = 1000;

/** Runs one cycle. A `short` session stays idle until it has expired. */
async function oneCycle(
  scene: Scene,
  { short, ...session }: Session & { readonly short: boolean },
  random: Random,
): Promise<void> {
  const { client } = scene;
  const before = await readReferences(scene, session, random);
  const policy = randomPolicy(random);
  const fromMs = Date.now();
  const ids: string[] = [];
  for (let pageToken = ""; ;) {
    const request = { ...session, policy: policyToWire(policy), pageSize: 5, pageToken };
    const page = await client.listGcCandidates(request);
    ids.push(...page.candidates.map(({ id }) => id));
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  const plan = { fromMs, toMs: Date.now() };
  // The pause gives readers time to use the listed snapshots.
  await pause(random.below(400));
  if (short) {
    await letExpire(scene, session, ids);
    return;
  }
  if (ids.length > 0) await collectListed(scene, session, { ids, policy, plan });
  const after = await readReferences(scene, session, random);
  const added = after.filter((blob) => !before.includes(blob));
  if (added.length > 0) scene.problems.push(`pinned during a session: ${added.join()}`);
  await client.endGc(session);
  // The answer may have been lost, so a repetition is not an error.
  if (random.chance(0.3)) await client.endGc(session);
  count(scene, "cycles of the orchestrator");
}

async function collectListed(
  scene: Scene,
  session: Session,
  { ids, policy, plan }: { ids: readonly string[]; policy: GcPolicy; plan: Span },
): Promise<void> {
  const request = { ...session, ids: [...ids], requestId: randomUUID() };
  await scene.client.renewGc(session);
  try {
    const [first, removal] = await timed(scene.client.collectGc(request), Date.now());
    note(scene, first.outcomes, { policy, plan, removal });
    const again = await scene.client.collectGc(request);
    const told = (rows: readonly GcCandidate[]): string =>
      rows.map(({ id, outcome }) => `${id} ${outcome}`).join();
    if (told(again.outcomes) !== told(first.outcomes)) {
      scene.problems.push(`the same request had two outcomes: ${request.requestId}`);
    }
  } catch (error) {
    scene.history.mayBeRemoved(ids);
    throw error;
  }
}

/** Checks that a session that was not renewed changes nothing any more. */
async function letExpire(scene: Scene, session: Session, ids: readonly string[]): Promise<void> {
  await pause(shortTtlMs + 300);
  try {
    const late = { ...session, ids: ids.length > 0 ? [...ids] : ["x"], requestId: randomUUID() };
    await scene.client.collectGc(late);
    scene.problems.push("an expired session has collected");
  } catch (error) {
    refused(scene, "orchestrator, expired,", error, "GC_SESSION_FENCED");
  }
  await scene.client.endGc(session);
}

/** Reads all pages and compares them with the count and the digest in the last page. */
async function readReferences(scene: Scene, session: Session, random: Random): Promise<string[]> {
  const blobs: string[] = [];
  for (let pageToken = ""; ;) {
    const pageSize = 1 + random.below(6);
    const page = await scene.client.listGcReferences({ ...session, pageSize, pageToken });
    blobs.push(...page.imageBlobIds);
    pageToken = page.nextPageToken;
    if (pageToken !== "") continue;
    const lines = blobs.map((blob) => `${blob}\n`).join("");
    const digest = `sha256:${createHash("sha256").update(lines).digest("hex")}`;
    const whole = Number(page.totalCount) === blobs.length && page.digest === digest;
    // Deletions continue, so the pages may be from different moments. In that case the orchestrator
    // reads all pages again.
    if (whole) return blobs;
    count(scene, "references read again: they changed meanwhile");
    blobs.length = 0;
  }
}
