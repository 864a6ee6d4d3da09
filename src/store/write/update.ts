// Implements Update, which changes the name, the description, the labels, the protection and the
// time of expiry. It changes the catalog first, then the manifest.
import { fieldInvalid } from "../../base/errors.js";
import type { ManifestState } from "../../catalog/open.js";
import { manifestVersion, writeManifest } from "../../files/manifest.js";
import { chargeGrowth } from "../../model/charge.js";
import { checkExpireTime } from "../../model/config-rules.js";
import { checkDescription, checkLabels, checkName } from "../../model/name.js";
import type { Snapshot } from "../../model/snapshot.js";
import type { Publisher } from "./publisher.js";
import { checkQuotas } from "../parts/allowance.js";

export interface UpdateRequest {
  readonly ref: string;
  readonly name?: string;
  readonly description?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly protected?: boolean;
  /** Null means that the snapshot does not expire. */
  readonly expireTime?: Date | null;
}

export async function updateSnapshot(
  publisher: Publisher,
  request: UpdateRequest,
): Promise<Snapshot> {
  const { ref, ...changes } = request;
  if (Object.keys(changes).length === 0) {
    throw fieldInvalid(
      "changes",
      "a name, description, labels, protection or time of expiry",
      "nothing",
    );
  }
  if (changes.name !== undefined) checkName(changes.name, "name");
  if (changes.description !== undefined) checkDescription(changes.description, "description");
  if (changes.labels !== undefined) checkLabels(changes.labels, "labels");
  if (changes.expireTime) checkExpireTime(changes.expireTime, "expireTime");
  await publisher.commits.take();
  const old = publisher.catalog.resolveRef(ref).config;
  const { id } = old;
  publisher.leases.refuseIfExclusive(id);
  const grownBytes = chargeGrowth(old, { ...old, ...changes });
  if (grownBytes > 0) checkQuotas(publisher, grownBytes);
  const snapshot = publisher.catalog.update(id, changes);
  await followWithManifest(publisher, id);
  return snapshot;
}

/**
 * Writes the manifest after the commit. The change is committed and visible, so an error of the
 * manifest must not look like a refusal. The row stays marked, and the next update or start writes
 * the manifest again.
 */
export async function followWithManifest(publisher: Publisher, id: string): Promise<void> {
  try {
    await syncManifest(publisher, id);
  } catch (error) {
    // If the snapshot was removed in the meantime, its directory may be gone. The manifest is no
    // longer needed, so the error is ignored.
    const state = publisher.catalog.get(id)?.state;
    if (state === undefined || state === "deleting") return;
    publisher.logger.error({ err: error, id }, "an update is stored, but not yet in its manifest");
  }
}

/**
 * Makes the manifest match the catalog. The row stays marked until the manifest is durable, so that
 * recovery repeats this after a crash in between.
 */
export async function syncManifest(publisher: Publisher, id: string): Promise<void> {
  await publisher.manifests.run(id, () => rewriteManifest(publisher, id));
}

async function rewriteManifest(publisher: Publisher, id: string): Promise<void> {
  const current = publisher.catalog.manifestState(id);
  if (current?.dirty === true) await writeCurrent(publisher, current);
}

/** Writes the manifest even if the catalog believes that it is up to date. Repair needs this. */
export async function writeManifestAgain(publisher: Publisher, id: string): Promise<void> {
  await publisher.manifests.run(id, async () => {
    const current = publisher.catalog.manifestState(id);
    if (current?.snapshot.state === "ready") await writeCurrent(publisher, current);
  });
}

/**
 * Writes the manifest from the catalog, which has all of its content. The old manifest, which may
 * be damaged, is not needed.
 */
async function writeCurrent(
  { catalog, commits, layout }: Publisher,
  { snapshot, revision }: ManifestState,
): Promise<void> {
  const { config, createdAt, files, digest, parentDigest } = snapshot;
  await writeManifest(layout, {
    version: manifestVersion,
    id: config.id,
    revision,
    config,
    createdAt,
    protected: snapshot.protected,
    expireTime: snapshot.expireTime,
    files,
    digest,
    parentDigest,
  });
  await commits.take();
  catalog.clearManifestDirty(config.id, revision);
}
