// Follows the snapshots of this node that an automatic push selects.
import { setImmediate as nextTurn } from "node:timers/promises";
import { maxPageSize } from "../model/page-size.js";
import type { Snapshot } from "../model/snapshot.js";
import { vmLabel } from "./base-choice.js";
import type { AutoPushStore } from "./ports.js";

/** Which snapshots an automatic push selects. */
export interface AutoPushFilter {
  readonly namePrefix: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** A selected snapshot. Many of them are in memory, so this has little more than the ids. */
export interface Selected {
  readonly snapshotId: string;
  readonly name: string;
  /** The snapshots of one lineage replace each other: those of one VM, or with one name. */
  readonly lineage: string;
  readonly createdAtMs: number;
}

/** The selected snapshots, by id. `store.watch` keeps the map up to date. */
interface Selection {
  readonly snapshots: ReadonlyMap<string, Selected>;
  /**
   * Lists the snapshots, then follows the changes until `signal` is aborted. Calls `changed` after
   * each change of the map.
   */
  follow(changed: () => void, signal: AbortSignal): Promise<void>;
}

export function createSelection(
  store: Omit<AutoPushStore, "copies">,
  filter: AutoPushFilter,
): Selection {
  const snapshots = new Map<string, Selected>();
  const look = (id: string): void => {
    const snapshot = store.listed(id);
    if (snapshot !== undefined && isSelected(snapshot, filter)) {
      snapshots.set(id, selectedOf(snapshot));
    } else snapshots.delete(id);
  };
  const listAll = async (signal: AbortSignal): Promise<void> => {
    const found = new Set<string>();
    let pageToken = "";
    do {
      signal.throwIfAborted();
      const page = store.list({ pageSize: maxPageSize, pageToken, filter });
      for (const snapshot of page.snapshots) {
        found.add(snapshot.config.id);
        snapshots.set(snapshot.config.id, selectedOf(snapshot));
      }
      pageToken = page.nextPageToken;
      await nextTurn();
    } while (pageToken !== "");
    for (const id of snapshots.keys()) if (!found.has(id)) look(id);
  };
  return {
    snapshots,
    follow: async (changed, signal) => {
      let isListed = false;
      for await (const event of store.watch({ resumeToken: "", filter }, signal)) {
        if (event.type === "missed" || !isListed) await listAll(signal);
        isListed = true;
        if ("snapshot" in event) look(event.snapshot.config.id);
        changed();
      }
    },
  };
}

function isSelected({ config }: Snapshot, { namePrefix, labels }: AutoPushFilter): boolean {
  const hasLabels = Object.entries(labels).every(([key, value]) => config.labels[key] === value);
  return config.name.startsWith(namePrefix) && hasLabels;
}

function selectedOf({ config: { id: snapshotId, name, labels }, createdAt }: Snapshot): Selected {
  const vm = labels[vmLabel] ?? "";
  const lineage = vm === "" ? `name ${name}` : `vm ${vm}`;
  return { snapshotId, name, lineage, createdAtMs: createdAt.getTime() };
}
