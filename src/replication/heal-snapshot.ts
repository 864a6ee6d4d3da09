// Heals a local snapshot: fetches its damaged parts from a peer that has a snapshot with the same
// digest.
import type { FileHandle } from "node:fs/promises";
import { openPartFile } from "../files/part-file.js";
import type { TableSource } from "../files/table-source.js";
import type { Snapshot, SnapshotFile } from "../model/snapshot.js";
import { inSpan } from "../observe/spans.js";
import type { Damage, WholeFile } from "../store/heal/heal-from-peer.js";
import { fetchFile, type BaseFile, type FetchContext } from "./fetch.js";
import { fetchDescription, fetchManifest } from "./peer.js";
import { peerInvalid } from "./peer-invalid.js";
import {
  countTotal,
  holdTransfer,
  placeOf,
  transferOf,
  type PullParts,
  type PullRequest,
} from "./pull.js";

/**
 * Makes a complete copy of each damaged file, from its intact blocks and the peer's blocks, and
 * replaces the file with it. If this fails, the fetched blocks stay for the next call.
 */
export async function healSnapshot(
  parts: PullParts,
  { source, ref }: Pick<PullRequest, "source" | "ref">,
  signal: AbortSignal,
): Promise<Snapshot> {
  const { store, client, counters, idleMs, throttle } = parts;
  await using held = holdTransfer(parts);
  const fetch = async ({ snapshot, files, openRest }: Damage): Promise<Map<string, WholeFile>> => {
    const { digest } = snapshot;
    await held.claim(digest);
    const wanted = await inSpan("describe", {}, () =>
      fetchDescription(client, { digest }, { idleMs, signal }),
    );
    if (wanted.digest !== digest) throw peerInvalid("a snapshot that was not requested");
    const openTransfer = transferOf(parts, { source, ref }, digest);
    // The tables do not count against quotas, for the reason that `fetchWhole` gives.
    const place = placeOf(parts, openTransfer, () => undefined);
    await using manifest = await fetchManifest(client, wanted, [], place, { idleMs, signal });
    counters.sentBytes += manifest.receivedBytes;
    countTotal(counters, files, manifest.tables);
    const transfer = await openTransfer();
    const { reflink } = store;
    const snapshotId = manifest.snapshot.id;
    const context = { client, snapshotId, counters, reflink, idleMs, throttle, signal };
    const whole = new Map<string, WholeFile>();
    for (const file of files) {
      const index = snapshot.files.indexOf(file);
      const table = manifest.tables.get(file.name);
      if (table === undefined) throw peerInvalid(`no table for ${file.name}`);
      const path = transfer.partPath(index);
      await using rest = await openRest(file);
      await fetchWhole(context, { path, table, file, rest });
      whole.set(file.name, { path, table: await table.whole() });
    }
    return whole;
  };
  const healed = await inSpan("heal", {}, () => store.healFromPeer(ref, fetch, signal));
  await held.drop();
  return healed;
}

async function fetchWhole(
  context: FetchContext,
  from: {
    readonly path: string;
    readonly table: TableSource;
    readonly file: SnapshotFile;
    readonly rest: FileHandle | undefined;
  },
): Promise<void> {
  const { path, table, file, rest } = from;
  // The copy does not count against quotas. It replaces the damaged file, which must be possible in
  // a full store too.
  await using part = await openPartFile(path, table.shape, context);
  // The remaining blocks of the damaged file are compared with the expected digests before they are
  // copied.
  const base: BaseFile | undefined = rest && {
    handle: rest,
    table,
    name: file.name,
    digest: "",
    // The snapshot is already known to be damaged.
    onDamage: () => undefined,
  };
  await fetchFile(context, part, table, file.name, base);
  await part.complete();
}
