// Turns uploads into snapshots. Create, Import and their directory forms share one order of
// effects: reserve the name, stage the files, make them durable, publish, record, acknowledge.
import { join, resolve } from "node:path";
import { createCleanup } from "../../base/cleanup.js";
import { fieldInvalid } from "../../base/errors.js";
import { exists } from "../../files/durable.js";
import { linkedDirectoryName } from "../../files/layout.js";
import { spaceBelow } from "../../files/leftovers.js";
import { manifestVersion, snapshotDigest, type Manifest } from "../../files/manifest.js";
import { openStaging, type Staging } from "../../files/staging.js";
import { catalogBytes, chargeOf, estimateCharge } from "../../model/charge.js";
import {
  checkConfig,
  checkExpireTime,
  checkRequestId,
  normalizeBlobIds,
} from "../../model/config-rules.js";
import type { SnapshotConfig } from "../../model/config.js";
import type { DeltaRequest } from "../../model/delta.js";
import { newSnapshotId } from "../../model/name.js";
import type { Snapshot, SnapshotFile } from "../../model/snapshot.js";
import { inSpan } from "../../observe/spans.js";
import { earlierOutcome } from "./earlier-outcome.js";
import type { Publisher } from "./publisher.js";
import { followWithManifest } from "./update.js";
import { openAllowance, type Allowance } from "../parts/allowance.js";
import { commitUnknown } from "../parts/commit-turns.js";
import { areDefaults, fingerprintOf, type Fingerprint } from "../parts/fingerprint.js";

type StoringCall = "create" | "create-delta" | "import";
type IntakeKind = StoringCall | `${StoringCall}-from-directory` | "pull";

export interface IntakeRequest {
  readonly kind: IntakeKind;
  /** Configuration from the caller. Its `id` is empty. */
  readonly config: SnapshotConfig;
  /** Either empty or a UUID, which makes a retry safe. */
  readonly requestId: string;
  /** With `take-name`, the new snapshot gets the name, and the old one stays without a name. */
  readonly onNameConflict: "fail" | "replace" | "take-name";
  readonly protected: boolean;
  /** If it is undefined, the snapshot does not expire. */
  readonly expireTime?: Date | undefined;
  /**
   * If true, the snapshot of an Import or a Pull expires at the time that the envelope or the peer
   * gives. Default: false.
   */
  readonly keepExpireTime?: boolean;
  /** Further properties that must match when a request is repeated, for example the directory. */
  readonly source?: string;
  /** Describes how the snapshot is made from a parent. If it is undefined, there is no parent. */
  readonly delta?: DeltaRequest;
  /**
   * The id, name or id prefix of the parent of a delta archive. Empty and undefined mean that the
   * digest in the archive identifies the parent.
   */
  readonly parent?: string;
}

/** The files that the caller has put into the staging area. */
export interface Filled {
  /** The configuration to store, which an envelope may have changed. */
  readonly config: SnapshotConfig;
  readonly files: readonly SnapshotFile[];
  /**
   * The time of expiry from the envelope or the peer. It is used only if the request has
   * `keepExpireTime`.
   */
  readonly expireTime?: Date | undefined;
  /** The digest of the parent, if the snapshot is made as a delta and its parent has a digest. */
  readonly parentDigest?: string;
}

/** The snapshot that an earlier call with the same request id created. There is nothing to do. */
interface EarlierOutcome extends AsyncDisposable {
  readonly earlier: Snapshot;
}

/**
 * One snapshot that is being made. Between `begin` and `commit` the caller fills `staging`.
 * Disposing of an intake that was not committed discards everything and frees the name.
 */
export interface Intake extends AsyncDisposable {
  readonly earlier: undefined;
  readonly id: string;
  readonly staging: Staging;
  /** The allowance for the data that is written to `staging`. */
  readonly allowance: Allowance;
  /** Replaces the configuration by one that arrived after `begin`, and reserves its name. */
  reconfigure(config: SnapshotConfig): Promise<SnapshotConfig>;
  /**
   * Makes the files durable, publishes them and records the snapshot. Publication continues even if
   * the caller disconnects, because the caller has committed. Call it once.
   */
  commit(filled: Filled): Promise<Snapshot>;
}

/** Reserves the name and makes the staging area. `signal` interrupts everything until `commit`. */
export function begin(
  publisher: Publisher,
  request: IntakeRequest,
  signal: AbortSignal,
): Promise<Intake | EarlierOutcome> {
  return inSpan("reserve", { "stasis.kind": request.kind }, () =>
    beginNow(publisher, request, signal),
  );
}

async function beginNow(
  publisher: Publisher,
  request: IntakeRequest,
  signal: AbortSignal,
): Promise<Intake | EarlierOutcome> {
  const requestId = checkRequestId(request.requestId, "requestId");
  const fingerprint = requestFingerprint(request);
  const earlier = earlierOutcome(publisher, requestId, fingerprint);
  if (earlier !== undefined) return nothingToDo(earlier);
  signal.throwIfAborted();
  await using cleanup = createCleanup();
  const allowance = openAllowance(publisher, signal);
  cleanup.defer(() => {
    allowance[Symbol.dispose]();
  });
  const leastBytes = estimateCharge(request.config, []);
  await allowance.wait(leastBytes);
  allowance.take(leastBytes);
  await publisher.commits.take();
  const meanwhile = earlierOutcome(publisher, requestId, fingerprint);
  if (meanwhile !== undefined) return nothingToDo(meanwhile);
  if (request.config.imageBlobIds.length > 0) await publisher.collecting.waitUntilOpen(signal);
  const id = newSnapshotId();
  publisher.intakes.add(id);
  try {
    reserve(publisher, request, { id, requestId, fingerprint: fingerprint.text });
  } catch (error) {
    publisher.intakes.delete(id);
    throw error;
  }
  const staging = await openStaging(publisher.layout, id, publisher.writeWorkers).catch(
    async (error: unknown) => {
      await abandon(publisher, id);
      publisher.intakes.delete(id);
      throw error;
    },
  );
  cleanup.release();
  return new OpenIntake(publisher, request, { id, staging, allowance, signal });
}

function nothingToDo(earlier: Snapshot): EarlierOutcome {
  return { earlier, [Symbol.asyncDispose]: () => Promise.resolve() };
}

/** An intake whose name is reserved and whose staging area is open. */
class OpenIntake implements Intake {
  readonly earlier = undefined;
  readonly id: string;
  readonly staging: Staging;
  readonly allowance: Allowance;
  readonly #publisher: Publisher;
  readonly #request: IntakeRequest;
  readonly #signal: AbortSignal;
  #committed = false;
  /** True if the disk failed during a commit. Only a restart shows whether the record exists. */
  #leftToRecovery = false;

  constructor(
    publisher: Publisher,
    request: IntakeRequest,
    place: { id: string; staging: Staging; allowance: Allowance; signal: AbortSignal },
  ) {
    this.#publisher = publisher;
    this.#request = request;
    this.id = place.id;
    this.staging = place.staging;
    this.allowance = place.allowance;
    this.#signal = place.signal;
  }

  async reconfigure(config: SnapshotConfig): Promise<SnapshotConfig> {
    const { collecting, commits } = this.#publisher;
    this.allowance.take(catalogBytes(config, []));
    await commits.take();
    if (config.imageBlobIds.length > 0) await collecting.waitUntilOpen(this.#signal);
    try {
      return reconfigure(this.#publisher, this.#request, this.id, config);
    } catch (error) {
      this.#leftToRecovery = commitUnknown(error);
      throw error;
    }
  }

  commit(filled: Filled): Promise<Snapshot> {
    return inSpan("publish", { "stasis.snapshot_id": this.id }, () => this.#publish(filled));
  }

  async #publish(filled: Filled): Promise<Snapshot> {
    const { catalog, collecting, root } = this.#publisher;
    const wholeBytes = estimateCharge(filled.config, filled.files);
    await this.allowance.waitWhole(wholeBytes);
    this.allowance.resize(wholeBytes);
    await collecting.waitUntilOpen(this.#signal);
    const createdAt = catalog.nextCreation();
    root.check();
    const manifest = manifestOf(this.#request, filled, createdAt);
    await inSpan("sync", { "stasis.files": filled.files.length }, () =>
      this.staging.publish(manifest),
    );
    try {
      return await inSpan("record", {}, () => this.#record(filled, createdAt));
    } catch (error) {
      this.#leftToRecovery = commitUnknown(error);
      if (this.#leftToRecovery) this.staging.leaveToRecovery();
      throw error;
    }
  }

  /**
   * Records the snapshot. The transaction makes the snapshot visible. Everything before it can
   * still be undone.
   */
  async #record(filled: Filled, createdAt: Date): Promise<Snapshot> {
    const { collecting, commits } = this.#publisher;
    const chargedBytes = await measureCharge(this.#publisher, filled);
    await commits.take();
    // A GC session may have begun during publication.
    await collecting.waitUntilOpen(this.#signal);
    this.allowance.resize(chargedBytes);
    const whole = { ...filled, createdAt, chargedBytes };
    const { snapshot, nameless } = record(this.#publisher, this.#request, whole);
    // From here on the catalog counts the space of the snapshot.
    this.allowance[Symbol.dispose]();
    this.staging.recorded();
    this.#committed = true;
    if (nameless !== undefined) await followWithManifest(this.#publisher, nameless);
    return snapshot;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.staging[Symbol.asyncDispose]();
    if (!this.#committed && !this.#leftToRecovery) await abandon(this.#publisher, this.id);
    // While the id is in this set, a collection cannot discard the staging area.
    if (!this.#leftToRecovery) this.#publisher.intakes.delete(this.id);
    this.allowance[Symbol.dispose]();
  }
}

function reserve(
  publisher: Publisher,
  request: IntakeRequest,
  identity: { id: string; requestId: string | undefined; fingerprint: string },
): void {
  const config = normalize({ ...request.config, id: identity.id });
  checkConfig(config, "config");
  if (request.onNameConflict === "take-name" && publisher.namePrefix !== "") {
    const found = "TAKE_NAME of a caller that is confined to names";
    throw fieldInvalid("onNameConflict", "FAIL or REPLACE", found);
  }
  if (request.expireTime !== undefined) checkExpireTime(request.expireTime, "expireTime");
  publisher.catalog.insertPending({
    id: identity.id,
    config,
    createdAt: publisher.clock.now(),
    kind: request.kind,
    replace: request.onNameConflict !== "fail",
    protected: request.protected,
    ...(identity.requestId === undefined
      ? {}
      : { requestId: identity.requestId, fingerprint: identity.fingerprint }),
  });
}

function reconfigure(
  publisher: Publisher,
  request: IntakeRequest,
  id: string,
  config: SnapshotConfig,
): SnapshotConfig {
  const normalized = normalize({ ...config, id });
  checkConfig(normalized, "config");
  publisher.catalog.updatePending(id, {
    config: normalized,
    replace: request.onNameConflict !== "fail",
  });
  return normalized;
}

function normalize(config: SnapshotConfig): SnapshotConfig {
  return { ...config, imageBlobIds: normalizeBlobIds(config.imageBlobIds) };
}

function expireTimeOf(request: IntakeRequest, filled: Filled): Date | undefined {
  return request.keepExpireTime === true ? filled.expireTime : request.expireTime;
}

function manifestOf(request: IntakeRequest, filled: Filled, createdAt: Date): Manifest {
  return {
    version: manifestVersion,
    id: filled.config.id,
    revision: 1,
    config: filled.config,
    createdAt,
    protected: request.protected,
    expireTime: expireTimeOf(request, filled),
    files: filled.files,
    digest: snapshotDigest(filled.files),
    parentDigest: filled.parentDigest ?? "",
  };
}

/**
 * Returns the space of the published snapshot, including the block tables that are still to be
 * computed.
 */
async function measureCharge({ layout }: Publisher, { config, files }: Filled): Promise<number> {
  const directory = layout.dataDirectory(config.id);
  // Linked files that wait there for the record are not a part of the snapshot.
  const space = await spaceBelow(directory, join(directory, linkedDirectoryName));
  const measured = chargeOf(space, config, files);
  const hashed = files.every(({ digest }) => digest !== "");
  return hashed ? measured : Math.max(measured, estimateCharge(config, files));
}

function record(
  publisher: Publisher,
  request: IntakeRequest,
  whole: Filled & { readonly createdAt: Date; readonly chargedBytes: number },
): { readonly snapshot: Snapshot; readonly nameless: string | undefined } {
  const { snapshot, replaced, nameless } = publisher.catalog.markReady(whole.config.id, {
    ...whole,
    digest: snapshotDigest(whole.files),
    parentDigest: whole.parentDigest,
    expireTime: expireTimeOf(request, whole),
    replace: request.onNameConflict !== "fail",
    takeName: request.onNameConflict === "take-name",
    keepReplaced: (id) => publisher.leases.isKeptInPlace(id),
  });
  if (replaced !== undefined) publisher.retire(replaced);
  return { snapshot, nameless };
}

/**
 * Undoes a failed upload. If a published snapshot cannot be withdrawn, its row must stay pending.
 * Otherwise a start would adopt the snapshot.
 */
async function abandon(publisher: Publisher, id: string): Promise<void> {
  try {
    if (await exists(publisher.layout.dataDirectory(id))) return;
    await publisher.commits.take();
    publisher.catalog.abandonPending(id);
  } catch (error) {
    // The row stays pending and invisible. Recovery drops it at the next start.
    publisher.logger.error({ err: error, id }, "could not drop the record of a failed upload");
  }
}

/**
 * Returns the fingerprint of the request. Directories and blob ids have several spellings that mean
 * the same, so both are normalized.
 */
function requestFingerprint(request: IntakeRequest): Fingerprint {
  const { requestId: _own, config, onNameConflict, source, delta, ...rest } = request;
  const ofDirectory = request.kind.endsWith("-from-directory");
  const fields = {
    ...rest,
    config: normalize(config),
    source: source !== undefined && ofDirectory ? resolve(source) : source,
    onNameConflict: onNameConflict === "fail" ? undefined : onNameConflict,
    ...(delta && { delta: { ...delta, deltaFiles: [...delta.deltaFiles].sort() } }),
  };
  return fingerprintOf(fields, () => firstFingerprint(request));
}

/** Returns the fields that version 1 covered; this list never changes. */
function firstFingerprint(request: IntakeRequest): unknown {
  const { kind, onNameConflict, protected: isProtected, source } = request;
  const { requestId: _own, config: whole, ...others } = request;
  const { id, name, description, image, imageDigest, imageType, imageBlobIds, ...rest } = whole;
  const { hypervisor, cpu, memoryBytes, storageBytes, nics, queueSize, diskQueueSize } = whole;
  const { network, noDirectIo, windows, labels, unknown } = whole;
  const config = {
    ...{ id, name, description, image, imageDigest, imageType, imageBlobIds },
    ...{ hypervisor, cpu, memoryBytes, storageBytes, nics, queueSize, diskQueueSize },
    ...{ network, noDirectIo, windows, labels, unknown },
  };
  const known = { kind, onNameConflict, protected: isProtected, source };
  if (!areDefaults(leftOf(others, known)) || !areDefaults(leftOf(rest, config))) return undefined;
  return { kind, config, onNameConflict, isProtected, source };
}

function leftOf(fields: object, known: object): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(fields).filter(([key]) => !(key in known)));
}
