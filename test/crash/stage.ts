// Makes the calls of the scenarios through the client. The ledger records each call with its
// outcome.
import { randomUUID } from "node:crypto";
import { link, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import {
  CloneMode,
  Compression,
  GcOutcome,
  OnNameConflict,
  createDeltaFromLocalDirectory,
  createFromLocalDirectory,
  isStoreError,
  StoreError,
  type Client,
} from "../../src/client/index.js";
import { collect, compareDirectories } from "../store/contents.js";
import { unpackInto } from "../../src/client/unpack.js";
import { countProgress } from "../../src/client/progress.js";
import type { Content, Given, Ledger, Outcome, Possibility } from "./ledger.js";

/** The limit is longer than any call takes here, so a call without an answer is a finding. */
const answerLimitMs = 20_000;

export interface CallResult {
  readonly outcome: Outcome;
  readonly error?: StoreError;
  /** The time of the answer in wall-clock seconds, as strace prints it. */
  readonly answeredAt: number;
}

export function mustSucceed({ outcome, error }: CallResult): void {
  if (outcome.kind !== "acknowledged") throw error ?? new Error(`outcome ${outcome.kind}`);
}

export interface Stage {
  readonly client: Client;
  readonly ledger: Ledger;
  /**
   * Names a directory on the root's filesystem, outside the root. The scenarios hand over
   * directories from here and export directories to here.
   */
  readonly outside: string;
  /** Collects the problems of the run, such as data that callers must not see. */
  readonly problems: string[];
}

export interface StoreOptions {
  readonly replace?: boolean;
}

export async function create(
  stage: Stage,
  name: string,
  content: Content,
  { replace = false }: StoreOptions = {},
): Promise<CallResult> {
  const { directory, description } = content;
  return noted(stage, name, { content }, async () => {
    const header = { config: { name, description }, onNameConflict: policy(replace) };
    const limit = { timeoutMs: answerLimitMs };
    return (await createFromLocalDirectory(stage.client, directory, header, limit)).snapshot;
  });
}

/** Imports `archive`, an export whose files equal those of `content`. */
export async function importArchive(
  stage: Stage,
  name: string,
  content: Content,
  archive: Uint8Array,
  { replace = false }: StoreOptions = {},
): Promise<CallResult> {
  return noted(stage, name, { content }, async () => {
    const header = {
      name,
      description: content.description,
      onNameConflict: policy(replace),
    };
    const bytes = inPieces(archive);
    return (await stage.client.import(header, bytes, { timeoutMs: answerLimitMs })).snapshot;
  });
}

export async function createFromDirectory(
  stage: Stage,
  name: string,
  content: Content,
  given: Given,
): Promise<CallResult> {
  const { description } = content;
  return noted(
    stage,
    name,
    { content },
    async () => {
      const request = { directory: given.path, config: { name, description } };
      const limit = { timeoutMs: answerLimitMs };
      return (await stage.client.createFromDirectory(request, limit)).snapshot;
    },
    given,
  );
}

/**
 * Stores what has changed since `parent`. With `direct`, the daemon reads the directory of `delta`
 * itself.
 */
export async function createDelta(
  stage: Stage,
  name: string,
  delta: { readonly directory: string; readonly file: string; readonly content: Content },
  { parent, direct }: { readonly parent: string; readonly direct: boolean },
): Promise<CallResult> {
  const { directory, file, content } = delta;
  return noted(stage, name, { content }, async () => {
    const config = { name, description: content.description };
    const header = { config, parent, deltaFiles: [file], inheritFiles: true };
    const limit = { timeoutMs: answerLimitMs };
    const { client } = stage;
    const response = direct
      ? await client.createDeltaFromDirectory({ ...header, directory }, limit)
      : await createDeltaFromLocalDirectory(client, directory, header, limit);
    return response.snapshot;
  });
}

/** Imports the export in `directory`. The directory stays in its place. */
export async function importFromDirectory(
  stage: Stage,
  name: string,
  content: Content,
  directory: string,
): Promise<CallResult> {
  return noted(stage, name, { content }, async () => {
    const request = { directory, name, description: content.description };
    const limit = { timeoutMs: answerLimitMs };
    return (await stage.client.importFromDirectory(request, limit)).snapshot;
  });
}

export async function update(stage: Stage, name: string, description: string): Promise<CallResult> {
  const now = onlyPossibility(stage.ledger, name);
  if (now.content === undefined) throw new Error(`nothing is stored under ${name}`);
  const content = { ...now.content, description };
  return noted(stage, name, { content, id: now.id }, async () => {
    const request = { ref: name, description, updateMask: { paths: ["description"] } };
    return (await stage.client.update(request, { timeoutMs: answerLimitMs })).snapshot;
  });
}

export async function remove(stage: Stage, name: string): Promise<CallResult> {
  // If the call fails after the tombstone was written, the snapshot stays deleted. Only a
  // successful answer makes the outcome certain.
  return noted(stage, name, { content: undefined }, async () => {
    await stage.client.delete(name, { timeoutMs: answerLimitMs });
    return undefined;
  });
}

/** Moves the snapshot's files out of the store to a new directory. */
export async function take(stage: Stage, name: string): Promise<CallResult> {
  const { content, id } = onlyPossibility(stage.ledger, name);
  if (content === undefined) throw new Error(`nothing is stored under ${name}`);
  taken += 1;
  const path = join(stage.outside, `taken-${process.pid}-${taken}`);
  const requestId = randomUUID();
  const given: Given = { path, twin: content.directory, takes: id, requestId };
  const call = async (): Promise<undefined> => {
    const request = { ref: id ?? name, directory: path, requestId };
    await stage.client.takeToDirectory(request, { timeoutMs: answerLimitMs });
  };
  return noted(stage, name, { content: undefined }, call, given);
}

/** Each call uses a new directory, because the directories of earlier calls must stay unchanged. */
let taken = 0;

/**
 * Makes a clone that links to one file of the snapshot, so that this file cannot leave the store.
 */
export async function linkInClone(stage: Stage, name: string): Promise<void> {
  taken += 1;
  await stage.client.cloneToDirectory({
    ...{ ref: name, directory: join(stage.outside, `clone-${process.pid}-${taken}`) },
    files: [{ name: "memory-ranges", mode: CloneMode.LINK }],
    defaultMode: CloneMode.SKIP,
    durable: true,
  });
}

/**
 * Makes a second hard link to a file of a directory that is handed over, so that the file cannot
 * move.
 */
export async function linkElsewhere(stage: Stage, given: Given, name: string): Promise<void> {
  taken += 1;
  await link(join(given.path, name), join(stage.outside, `other-${process.pid}-${taken}`));
}

/** Collects everything that is not protected, which must be `name` alone. */
export async function collectAll(stage: Stage, name: string): Promise<CallResult> {
  return noted(stage, name, { content: undefined }, async () => {
    const request = { policy: { evictAll: true } };
    const limit = { timeoutMs: answerLimitMs };
    const { candidates } = await stage.client.collectGarbage(request, limit);
    const candidate = candidates.find((one) => one.name === name);
    if (candidate?.outcome === GcOutcome.REMOVED) return undefined;
    throw new StoreError("IO_FAILED", `${name} was not collected: ${candidate?.message ?? "?"}`);
  });
}

/** Reads a snapshot with every block verified, and compares its content. */
export async function restore(stage: Stage, name: string): Promise<CallResult> {
  const expected = onlyPossibility(stage.ledger, name).content;
  const target = join(stage.outside, "restored");
  await rm(target, { recursive: true, force: true });
  await mkdir(target);
  return reading(stage, `restore of ${name}`, async () => {
    const limit = { timeoutMs: answerLimitMs };
    await using download = await stage.client.restore({ ref: name, verify: true }, limit);
    const files = join(target, "files");
    const progress = countProgress(0, undefined);
    await unpackInto(files, download.chunks, { sync: false, progress });
    if (expected !== undefined) await compareDirectories(files, expected.directory);
  });
}

export async function exportToDirectory(stage: Stage, name: string): Promise<CallResult> {
  const expected = onlyPossibility(stage.ledger, name).content;
  const directory = join(stage.outside, "exported");
  await rm(directory, { recursive: true, force: true });
  return reading(stage, `export of ${name}`, async () => {
    const limit = { timeoutMs: answerLimitMs };
    await stage.client.exportToDirectory({ ref: name, directory }, limit);
    await rm(join(directory, "snapshot.json"));
    if (expected !== undefined) await compareDirectories(directory, expected.directory);
  });
}

export async function verifyAll(stage: Stage): Promise<CallResult> {
  return reading(stage, "verify of all", async () => {
    const damaged = await damagedIn(stage.client);
    stage.problems.push(...damaged.map((text) => `verify calls whole data damaged: ${text}`));
  });
}

/** Returns the damage that Verify finds in all snapshots, one text per damaged file. */
export async function damagedIn(client: Client): Promise<string[]> {
  const damaged: string[] = [];
  const limit = { timeoutMs: answerLimitMs };
  for await (const { event } of client.verify({}, limit)) {
    if (event.case !== "verdict" || event.value.intact) continue;
    const { snapshotId, file, problem } = event.value;
    damaged.push(`${file} of ${snapshotId}: ${problem}`);
  }
  return damaged;
}

export async function exportArchive(client: Client, name: string): Promise<Uint8Array> {
  await using download = await client.export({ ref: name, compression: Compression.GZIP });
  return await collect(download.bytes);
}

export function onlyPossibility(ledger: Ledger, name: string): Possibility {
  const possible = ledger.expect().names.get(name) ?? [{ content: undefined }];
  if (possible.length !== 1) throw new Error(`${name} has ${possible.length} possible contents`);
  return possible[0] as Possibility;
}

async function noted(
  stage: Stage,
  name: string,
  to: Possibility,
  call: () => Promise<{ config?: { id: string } | undefined } | undefined>,
  given?: Given,
): Promise<CallResult> {
  const end = stage.ledger.begin(name, to, given);
  try {
    const snapshot = await call();
    const answeredAt = Date.now() / 1000;
    const outcome = { kind: "acknowledged", id: snapshot?.config?.id } as const;
    end(outcome);
    return { outcome, answeredAt };
  } catch (error) {
    const failed = failure(stage, `${name}`, error);
    const removes = to.content === undefined && given === undefined;
    const definite = isDefinite(failed) && !removes;
    const outcome: Outcome = { kind: definite ? "refused" : "unknown" };
    end(outcome);
    return { outcome, error: failed, answeredAt: Date.now() / 1000 };
  }
}

async function reading(stage: Stage, what: string, call: () => Promise<void>): Promise<CallResult> {
  try {
    await call();
    const outcome = { kind: "acknowledged", id: undefined } as const;
    return { outcome, answeredAt: Date.now() / 1000 };
  } catch (error) {
    const failed = failure(stage, what, error);
    return { outcome: { kind: "refused" }, error: failed, answeredAt: Date.now() / 1000 };
  }
}

/** Every caller must get a StoreError with a meaningful reason. */
function failure(stage: Stage, what: string, error: unknown): StoreError {
  if (!isStoreError(error)) throw error;
  const { reason, message } = error;
  if (reason === "INTERNAL" || reason === "UNRECOGNIZED" || reason === "DEADLINE_PASSED") {
    stage.problems.push(`${what}: the caller got ${reason}: ${message}`);
  }
  return error;
}

function isDefinite(error: StoreError): boolean {
  if (error.metadata["commit"] === "unknown") return false;
  return !["DAEMON_UNREACHABLE", "CALL_CANCELLED", "DEADLINE_PASSED", "DRAINING"].includes(
    error.reason,
  );
}

function policy(replace: boolean): OnNameConflict {
  return replace ? OnNameConflict.REPLACE : OnNameConflict.FAIL;
}

async function* inPieces(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  await Promise.resolve();
  for (let at = 0; at < bytes.length; at += 65_536) yield bytes.subarray(at, at + 65_536);
}
