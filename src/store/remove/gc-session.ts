// Implements the daemon's part in a collection that an external orchestrator drives: lock,
// references, candidates, collect, unlock. The state of a GC session lives in memory and ends with
// the session.
import { createHash, randomUUID, type Hash } from "node:crypto";
import { setImmediate as nextTurn } from "node:timers/promises";
import { StoreError, fieldInvalid } from "../../base/errors.js";
import { checkRequestId } from "../../model/config-rules.js";
import type { GcPolicy, GcRow } from "../../model/gc-plan.js";
import type { Background } from "../parts/background.js";
import { carryOut, planNow, type GcResult } from "./collect.js";
import type { Remover } from "./remover.js";
import type { GcSession } from "../parts/publication-gate.js";

/** Fields that every call of a GC session has. */
interface GcSessionRef {
  readonly sessionId: string;
  readonly epoch: number;
}

interface GcPageRequest {
  readonly pageSize: number;
  readonly pageToken: string;
}

interface GcReferencesPage {
  readonly blobIds: readonly string[];
  /** Empty on the last page. The two fields below are set only on the last page. */
  readonly nextPageToken: string;
  readonly totalCount: number;
  readonly digest: string;
}

interface GcCandidatesPage {
  readonly candidates: readonly GcResult[];
  readonly nextPageToken: string;
}

interface GcCollectRequest extends GcSessionRef {
  readonly ids: readonly string[];
  readonly requestId: string;
}

/**
 * The result for one id of the request. It is undefined if the session has not listed the id as a
 * candidate.
 */
interface GcCollected {
  readonly id: string;
  readonly result: GcResult | undefined;
}

/**
 * The calls of a GC session. All methods except `begin` throw GC_SESSION_NOT_FOUND if the catalog
 * does not know the session. All except `begin` and `end` throw GC_SESSION_FENCED if it is no
 * longer open.
 */
export interface GcCycle {
  /**
   * Opens a GC session. Throws GC_LOCK_BUSY at once if a collection, a repair or another GC session
   * is running.
   */
  begin(request: { readonly owner: string; readonly ttlMs: number }): OpenedSession;
  listReferences(ref: GcSessionRef, page: GcPageRequest): Promise<GcReferencesPage>;
  listCandidates(
    ref: GcSessionRef,
    policy: GcPolicy,
    page: GcPageRequest,
    signal: AbortSignal,
  ): Promise<GcCandidatesPage>;
  collect(request: GcCollectRequest): Promise<readonly GcCollected[]>;
  renew(ref: GcSessionRef): OpenedSession;
  end(ref: GcSessionRef): void;
}

interface OpenedSession extends GcSessionRef {
  readonly expiresAt: Date;
}

/** State of the open GC session. */
interface SessionState {
  readonly session: GcSession;
  /** Page tokens that the session has returned. */
  readonly tokens: Map<string, ReferencesRead>;
  /** Whether the client has received the last page of references. */
  referencesComplete: boolean;
  /** The last plan, from which pages of candidates are cut. Undefined until the first page. */
  plan: { readonly id: string; readonly rows: readonly GcRow[] } | undefined;
  /** Every row that the session has listed. Only these rows can be collected. */
  readonly listed: Map<string, GcRow>;
  readonly requests: Map<string, Collection>;
}

/**
 * The references in the pages up to a token. If a snapshot is deleted between two pages, the list
 * still contains its blobs. That does no harm: the caller keeps a blob that is no longer pinned.
 */
interface ReferencesRead {
  readonly after: string;
  readonly count: number;
  readonly hash: Hash;
}

interface Collection {
  readonly ids: string;
  readonly outcome: Promise<readonly GcCollected[]>;
}

const maxOwnerLength = 128;
const maxIds = 1000;
const minTtlMs = 1000;
const maxTtlMs = 600_000;

/** Creates the calls of GC sessions. `during` keeps the store open while a collection runs. */
export function createGcCycle(remover: Remover, during: Background["operation"]): GcCycle {
  return new Cycle(remover, during);
}

class Cycle implements GcCycle {
  readonly #remover: Remover;
  readonly #during: Background["operation"];
  /** State of the open GC session. Undefined if no session is open. */
  #progress: SessionState | undefined;

  constructor(remover: Remover, during: Background["operation"]) {
    this.#remover = remover;
    this.#during = during;
  }

  begin({ owner, ttlMs }: { readonly owner: string; readonly ttlMs: number }): OpenedSession {
    if (owner.length < 1 || owner.length > maxOwnerLength) {
      throw fieldInvalid("owner", `1 to ${maxOwnerLength} characters`, owner.length);
    }
    if (!(ttlMs >= minTtlMs && ttlMs <= maxTtlMs)) {
      throw fieldInvalid("ttl", "1 s to 10 min", `${ttlMs} ms`);
    }
    const { catalog, collecting } = this.#remover;
    const session = collecting.openSession(() => ({
      ...catalog.insertGcSession(randomUUID(), owner),
      ttlMs,
    }));
    this.#progress = {
      session,
      tokens: new Map(),
      referencesComplete: false,
      plan: undefined,
      listed: new Map(),
      requests: new Map(),
    };
    return this.#opened(session);
  }

  async listReferences(ref: GcSessionRef, page: GcPageRequest): Promise<GcReferencesPage> {
    const { pageSize, pageToken } = page;
    const progress = this.#requireOpen(ref);
    const before = pageToken === "" ? nothingRead() : progress.tokens.get(pageToken);
    if (before === undefined) throw noSuchToken();
    const { catalog } = this.#remover;
    const blobIds = await readBlobs(catalog, before.after, pageSize);
    this.#requireOpen(ref);
    const after = blobIds.at(-1) ?? before.after;
    const count = before.count + blobIds.length;
    // The hash is copied, because the client may request the same page again.
    const hash = before.hash.copy();
    for (const blob of blobIds) hash.update(`${blob}\n`);
    if (catalog.listPinnedBlobs(after, 1).length > 0) {
      const nextPageToken = randomUUID();
      progress.tokens.set(nextPageToken, { after, count, hash });
      return { blobIds, nextPageToken, totalCount: 0, digest: "" };
    }
    progress.referencesComplete = true;
    const digest = `sha256:${hash.digest("hex")}`;
    return { blobIds, nextPageToken: "", totalCount: count, digest };
  }

  async listCandidates(
    ref: GcSessionRef,
    policy: GcPolicy,
    { pageSize, pageToken }: GcPageRequest,
    signal: AbortSignal,
  ): Promise<GcCandidatesPage> {
    const progress = this.#requireOpen(ref);
    if (pageToken === "") {
      const rows = [...(await planNow(this.#remover, policy, signal))];
      this.#requireOpen(ref);
      const candidates = rows.filter(({ verdict }) => verdict === "remove");
      progress.plan = { id: randomUUID(), rows: candidates };
    }
    const { plan } = progress;
    const start = pageToken === "" ? 0 : startOfPage(plan, pageToken);
    if (plan === undefined) throw noSuchToken();
    const page = plan.rows.slice(start, start + pageSize);
    for (const row of page) progress.listed.set(row.id, row);
    const next = start + pageSize;
    return {
      candidates: page.map(plannedResult),
      nextPageToken: next < plan.rows.length ? `${plan.id}.${next}` : "",
    };
  }

  async collect({ ids, requestId, ...ref }: GcCollectRequest): Promise<readonly GcCollected[]> {
    const progress = this.#requireOpen(ref);
    if (ids.length < 1 || ids.length > maxIds) {
      throw fieldInvalid("ids", `1 to ${maxIds} ids`, ids.length);
    }
    const key = checkRequestId(requestId, "requestId");
    if (key === undefined) throw fieldInvalid("requestId", "a UUID", requestId);
    const joined = ids.join("\n");
    const earlier = progress.requests.get(key);
    if (earlier !== undefined) {
      if (earlier.ids === joined) return await earlier.outcome;
      throw requestReused(key);
    }
    if (!progress.referencesComplete) throw referencesIncomplete();
    const requireOpen = (): SessionState => this.#requireOpen(ref);
    const outcome = this.#during(() => collectAll(this.#remover, progress, ids, requireOpen));
    progress.requests.set(key, { ids: joined, outcome });
    return await outcome;
  }

  renew(ref: GcSessionRef): OpenedSession {
    const { session } = this.#requireOpen(ref);
    this.#remover.collecting.renew();
    return this.#opened(session);
  }

  end(ref: GcSessionRef): void {
    this.#requireKnown(ref);
    const { collecting } = this.#remover;
    const open = collecting.session();
    if (open?.sessionId !== ref.sessionId || open.epoch !== ref.epoch) return;
    collecting.closeSession();
    this.#progress = undefined;
  }

  #opened({ sessionId, epoch, ttlMs }: GcSession): OpenedSession {
    const expiresAt = new Date(this.#remover.clock.now().getTime() + ttlMs);
    return { sessionId, epoch, expiresAt };
  }

  #requireOpen(ref: GcSessionRef): SessionState {
    this.#requireKnown(ref);
    const progress = this.#progress;
    const open = this.#remover.collecting.session();
    if (progress === undefined || open !== progress.session) throw fenced(ref, open);
    if (open.sessionId !== ref.sessionId || open.epoch !== ref.epoch) throw fenced(ref, open);
    return progress;
  }

  #requireKnown({ sessionId }: GcSessionRef): void {
    if (this.#remover.catalog.findGcSession(sessionId) !== undefined) return;
    throw new StoreError("GC_SESSION_NOT_FOUND", `no session ${JSON.stringify(sessionId)}`, {
      hint: "Begin a new one with BeginGc",
      resource: { type: "gc_session", name: sessionId },
    });
  }
}

/**
 * Returns the position of the page among the candidates. Throws PAGE_TOKEN_INVALID unless the plan
 * made the token.
 */
function startOfPage(plan: SessionState["plan"], pageToken: string): number {
  const [id, at = ""] = pageToken.split(".");
  if (plan === undefined || id !== plan.id || !/^\d{1,9}$/.test(at)) throw noSuchToken();
  return Number(at);
}

function plannedResult({ verdict: _, ...row }: GcRow): GcResult {
  return { ...row, outcome: "planned", message: "" };
}

function requestReused(key: string): StoreError {
  return new StoreError("REQUEST_ID_REUSED", `the request id ${key} came with other ids before`, {
    hint: "Use a new UUID for each new request",
    metadata: { request_id: key },
  });
}

/**
 * Collects the listed rows one by one. Calls `requireOpen` before each removal, because an expired
 * GC session must not change anything.
 */
async function collectAll(
  remover: Remover,
  { listed }: SessionState,
  ids: readonly string[],
  requireOpen: () => unknown,
): Promise<readonly GcCollected[]> {
  const collected: GcCollected[] = [];
  for (const id of ids) {
    requireOpen();
    const row = listed.get(id);
    const result = row === undefined ? undefined : await carryOut(remover, row);
    collected.push({ id, result });
  }
  return collected;
}

/**
 * The number of blobs to read between two turns of the event loop. Reading them takes a few
 * milliseconds.
 */
const blobsPerTurn = 500;
/** A page ends early beyond this size, because gRPC clients accept messages of 4 MiB by default. */
const maxPageBytes = 2 * 1024 * 1024;

function nothingRead(): ReferencesRead {
  return { after: "", count: 0, hash: createHash("sha256") };
}

/**
 * Returns up to `limit` pinned blobs above `after`, or fewer if they are long. The result is empty
 * only at the end.
 */
async function readBlobs(
  catalog: Pick<Remover["catalog"], "listPinnedBlobs">,
  after: string,
  limit: number,
): Promise<readonly string[]> {
  const blobs: string[] = [];
  let bytes = 0;
  while (blobs.length < limit && bytes < maxPageBytes) {
    const step = Math.min(blobsPerTurn, limit - blobs.length);
    const found = catalog.listPinnedBlobs(blobs.at(-1) ?? after, step);
    blobs.push(...found);
    bytes = found.reduce((sum, blob) => sum + Buffer.byteLength(blob), bytes);
    if (found.length < step) break;
    await nextTurn();
  }
  return blobs;
}

function fenced(ref: GcSessionRef, open: GcSession | undefined): StoreError {
  const why = open === undefined ? "it has ended or expired" : `epoch ${open.epoch} is open now`;
  return new StoreError(
    "GC_SESSION_FENCED",
    `session ${ref.sessionId} of epoch ${ref.epoch} cannot change anything any more: ${why}`,
    {
      hint: "Discard its results and begin a new session",
      resource: { type: "gc_session", name: ref.sessionId },
    },
  );
}

function noSuchToken(): StoreError {
  return new StoreError(
    "PAGE_TOKEN_INVALID",
    "pageToken: this session has not returned such a token",
    {
      hint: "Start again without a page token",
      fields: [{ field: "pageToken", description: "expected the token of an earlier page" }],
    },
  );
}

function referencesIncomplete(): StoreError {
  return new StoreError(
    "GC_REFERENCES_INCOMPLETE",
    "the session has not read the last page of ListGcReferences",
    { hint: "Read all pages first: a collector must know every reference" },
  );
}
