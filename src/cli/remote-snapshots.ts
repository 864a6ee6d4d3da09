// Fetches the list of a remote's snapshots, page by page, for the commands that need it.
import { create } from "@bufbuild/protobuf";
import {
  ListRemoteSnapshotsResponseSchema,
  type ListRemoteSnapshotsResponse,
} from "../client/index.js";
import type { Labels } from "./arguments.js";
import type { Session } from "./session.js";

const maxPageSize = 1000;

/** Options that select snapshots at a remote. */
export interface RemoteSelection {
  readonly label?: Labels;
  readonly namePrefix?: string;
  readonly node?: string;
}

/** Fetches as many pages as needed, and combines them into one answer. */
export async function listRemoteUpTo(
  { client, call }: Session,
  remote: string,
  selection: RemoteSelection,
  limit = Number.POSITIVE_INFINITY,
): Promise<ListRemoteSnapshotsResponse> {
  const { label, namePrefix = "", node = "" } = selection;
  const filter = { namePrefix, labels: { ...label }, nodeId: node };
  const whole = create(ListRemoteSnapshotsResponseSchema);
  do {
    const pageSize = Math.min(maxPageSize, limit - whole.snapshots.length);
    const pageToken = whole.nextPageToken;
    const page = await client.listRemoteSnapshots({ remote, pageSize, pageToken, filter }, call);
    whole.snapshots.push(...page.snapshots);
    whole.nextPageToken = page.nextPageToken;
    if (pageToken !== "") continue;
    const { totalSize, brokenIds, brokenSize } = page;
    Object.assign(whole, { totalSize, brokenIds, brokenSize });
  } while (whole.nextPageToken !== "" && whole.snapshots.length < limit);
  return whole;
}
