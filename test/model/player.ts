// Makes the calls of one client one after another, and records the answers.
import { createHash } from "node:crypto";
import type { ByteStream } from "../../src/base/async.js";
import {
  Compression,
  GcOutcome,
  GcReason,
  OnNameConflict,
  SparseFormat,
  isStoreError,
  type Client,
  type Download,
  type GcCandidate,
  type Snapshot,
} from "../../src/client/index.js";
import { collect } from "../store/contents.js";
import { contentProblems, type Content } from "./contents.js";
import type { Call, Collected, Done, Outcome, Seen } from "./history.js";
import type { Operation, PlannedCall } from "./plan.js";

/** No call takes this long, so a call without an answer within it is an error of the daemon. */
const timeoutMs = 60_000;

type Intake = Extract<Operation, { kind: "create" | "import" }>;

/** The state of a client that outlasts a round. */
export interface Memory {
  /** The latest uploads of the client, the newest first. */
  readonly uploads: { readonly tag: string; readonly operation: Intake }[];
  /** The last id that the client has seen under each name. */
  readonly ids: Map<string, string>;
}

export interface Stage {
  readonly client: Client;
  readonly memory: Memory;
  readonly contents: readonly Content[];
  readonly seed: number;
  /** Returns the next moment. */
  tick(): number;
}

const rememberedUploads = 6;

/**
 * Makes a planned call. Some calls need an earlier upload. If there is no such upload, the function
 * makes no call and returns undefined.
 */
export async function play(stage: Stage, planned: PlannedCall): Promise<Call | undefined> {
  const { memory } = stage;
  const { tag, operation } = planned;
  if (operation.kind === "repeat") {
    const earlier = memory.uploads[operation.back];
    if (earlier === undefined) return undefined;
    // The repeated upload is not interrupted.
    const done = { ...earlier.operation, cut: false };
    return noted(stage, { tag, done, repeats: earlier.tag });
  }
  if (operation.kind === "create" || operation.kind === "import") {
    memory.uploads.unshift({ tag, operation });
    memory.uploads.splice(rememberedUploads);
  }
  const askedId =
    operation.kind === "inspect" && operation.byId ? memory.ids.get(operation.name) : undefined;
  return noted(stage, { tag, done: operation, ...(askedId === undefined ? {} : { askedId }) });
}

type Asked = Pick<Call, "tag" | "done" | "repeats" | "askedId">;

interface Notes {
  seenAt?: number;
  readonly problems: string[];
}

async function noted(stage: Stage, asked: Asked): Promise<Call> {
  const beginsAt = stage.tick();
  const notes: Notes = { problems: [] };
  const outcome = await carryOut(stage, asked, notes).catch(outcomeOfError);
  const endsAt = stage.tick();
  const seenAt = notes.seenAt ?? endsAt;
  if (outcome.kind === "ok")
    for (const { name, id } of outcome.seen) stage.memory.ids.set(name, id);
  const { problems } = notes;
  if (notes.seenAt !== undefined && outcome.kind === "refused") {
    problems.push(`failed after its first byte: ${outcome.reason}`);
  }
  return { ...asked, beginsAt, seenAt, endsAt, outcome, problems };
}

async function carryOut(stage: Stage, asked: Asked, notes: Notes): Promise<Outcome> {
  const { client } = stage;
  const { done, tag } = asked;
  const limit = { timeoutMs };
  switch (done.kind) {
    case "create":
    case "import":
      return ok([await store(stage, done, asked.repeats ?? tag)]);
    case "rename": {
      const request = { ref: done.name, name: done.to, updateMask: { paths: ["name"] } };
      return ok([(await client.update(request, limit)).snapshot]);
    }
    case "describe": {
      const updateMask = { paths: ["description"] };
      const request = { ref: done.name, description: tag, updateMask };
      return ok([(await client.update(request, limit)).snapshot]);
    }
    case "protect": {
      const updateMask = { paths: ["protected"] };
      const request = { ref: done.name, protected: done.value, updateMask };
      return ok([(await client.update(request, limit)).snapshot]);
    }
    case "delete": {
      const request = { refs: [...done.names], allowMissing: done.allowMissing };
      const { deletedIds } = await client.delete(request, limit);
      return { kind: "ok", seen: [], removed: deletedIds };
    }
    case "restore":
    case "export":
      return await download(stage, done, notes);
    case "list":
      return ok(await listed(client, done));
    case "inspect":
      return ok([(await client.inspect(asked.askedId ?? done.name, limit)).snapshot]);
    case "gc": {
      const { evictAll, keepLast, dryRun } = done;
      const policy = { evictAll, ...(keepLast === undefined ? {} : { keepLast }) };
      const { candidates } = await client.collectGarbage({ policy, dryRun }, limit);
      return { kind: "ok", seen: [], collected: candidates.map(collectedOf) };
    }
  }
}

async function store(stage: Stage, done: Intake, tag: string): Promise<Snapshot | undefined> {
  const { client, contents, seed } = stage;
  const { tar, archives } = contents[done.content] as Content;
  const { name, protect } = done;
  const common = {
    requestId: uuidOf(`${seed}/${tag}`),
    onNameConflict: done.replace ? OnNameConflict.REPLACE : OnNameConflict.FAIL,
    protected: protect,
  };
  const marks = { name, description: tag, labels: { tag } };
  const limit = { timeoutMs };
  if (done.kind === "create") {
    const header = { ...common, config: marks };
    return (await client.create(header, piecesOf(tar, done.cut), limit)).snapshot;
  }
  const archive = archives[tag.length % 2] as Buffer;
  return (await client.import({ ...common, ...marks }, piecesOf(archive, done.cut), limit))
    .snapshot;
}

/** Returns a UUID of version 4. Equal texts give equal UUIDs. */
function uuidOf(text: string): string {
  const hex = createHash("sha256").update(text).digest("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

class BrokenOff extends Error {}

async function* piecesOf(bytes: Buffer, cut: boolean): ByteStream {
  const half = bytes.length >> 1;
  yield bytes.subarray(0, half);
  // This gives the daemon time to read the first half.
  await new Promise((resolve) => setImmediate(resolve));
  if (cut) throw new BrokenOff();
  yield bytes.subarray(half);
}

type Reading = Extract<Done, { kind: "restore" | "export" }>;

async function download(stage: Stage, done: Reading, notes: Notes): Promise<Outcome> {
  await using reading = await openReading(stage.client, done);
  notes.seenAt = stage.tick();
  const outcome = ok([reading.header.snapshot]);
  const received = await collect(reading.bytes);
  const { digest = "" } = reading.header.snapshot ?? {};
  const content = stage.contents.find((each) => each.digest === digest);
  const zipped = done.kind === "export" && done.gzip;
  if (content === undefined) notes.problems.push(`nobody has stored ${digest}`);
  else notes.problems.push(...(await contentProblems(received, zipped, content)));
  return outcome;
}

function openReading(client: Client, done: Reading): Promise<Download> {
  const { name } = done;
  const sparseFormat = SparseFormat.NONE;
  const limit = { timeoutMs };
  if (done.kind === "restore") {
    return client.restore({ ref: name, verify: done.verify, sparseFormat }, limit);
  }
  const compression = done.gzip ? Compression.GZIP : Compression.NONE;
  return client.export({ ref: name, compression, sparseFormat }, limit);
}

async function listed(
  client: Client,
  { prefix, pageSize }: Extract<Done, { kind: "list" }>,
): Promise<Snapshot[]> {
  const found: Snapshot[] = [];
  let pageToken = "";
  do {
    const request = { pageSize, pageToken, filter: { namePrefix: prefix } };
    const page = await client.list(request, { timeoutMs });
    found.push(...page.snapshots);
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return found;
}

function ok(snapshots: readonly (Snapshot | undefined)[]): Extract<Outcome, { kind: "ok" }> {
  return { kind: "ok", seen: snapshots.map(seenOf) };
}

function seenOf(snapshot: Snapshot | undefined): Seen {
  const { id = "", name = "", description = "", labels = {} } = snapshot?.config ?? {};
  return {
    id,
    name,
    description,
    protected: snapshot?.protected ?? false,
    digest: snapshot?.digest ?? "",
    tag: labels["tag"] ?? "",
  };
}

const gcOutcomes: Partial<Record<GcOutcome, Collected["outcome"]>> = {
  [GcOutcome.REMOVED]: "removed",
  [GcOutcome.PLANNED]: "planned",
  [GcOutcome.KEPT_IN_USE]: "in use",
  [GcOutcome.KEPT_PROTECTED]: "protected",
  [GcOutcome.KEPT_CHANGED]: "changed",
  [GcOutcome.FAILED]: "failed",
};
const leftovers = new Set([GcReason.ORPHAN, GcReason.STALE_PENDING, GcReason.MISSING_DIRECTORY]);

function collectedOf({ id, name, outcome, reasons }: GcCandidate): Collected {
  return {
    id,
    name,
    outcome: gcOutcomes[outcome] ?? "other",
    leftover: reasons.some((reason) => leftovers.has(reason)),
  };
}

const untold = new Set(["DAEMON_UNREACHABLE", "CALL_CANCELLED", "DRAINING"]);

function outcomeOfError(error: unknown): Outcome {
  if (error instanceof BrokenOff) return { kind: "refused", reason: "BROKEN_OFF" };
  if (!isStoreError(error)) throw error;
  const { reason, metadata } = error;
  if (untold.has(reason)) return { kind: "unknown", reason };
  const id = metadata["snapshot_id"];
  if (id === undefined) return { kind: "refused", reason };
  const holder = { id, pending: metadata["state"] === "pending" };
  return { kind: "refused", reason, holder };
}
