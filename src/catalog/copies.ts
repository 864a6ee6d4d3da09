// Records the copies of snapshots at remotes that automatic pushes have made or have found there.
import type { RemoteCopy } from "../model/remote-copy.js";
import type { CatalogContext } from "./context.js";
import { sql } from "./sql.js";

export interface Copies {
  /** Returns the copies at one remote. */
  remoteCopies(repository: string): RemoteCopy[];
  /** Adds a copy, or replaces the record of the same snapshot under the same name. */
  setRemoteCopy(copy: RemoteCopy): void;
  dropRemoteCopy(copy: Pick<RemoteCopy, "repository" | "snapshotId" | "name">): void;
}

interface Row {
  readonly snapshot_id: string;
  readonly name: string;
  readonly lineage: string;
  readonly remote_id: string;
  readonly created_at: number;
  readonly state: RemoteCopy["state"];
}

export function createCopies({ connection }: CatalogContext): Copies {
  return {
    remoteCopies: (repository) =>
      connection
        .all<Row>(sql.remoteCopies, { repository })
        .map(({ snapshot_id: snapshotId, name, lineage, remote_id: remoteId, ...row }) => ({
          ...{ repository, snapshotId, name, lineage, remoteId },
          ...{ createdAtMs: row.created_at, state: row.state },
        })),
    setRemoteCopy: ({ repository, snapshotId, name, lineage, remoteId, createdAtMs, state }) => {
      connection.write("cannot record the copy at the remote", () => {
        connection.run(sql.setRemoteCopy, {
          ...{ repository, snapshot_id: snapshotId, name, lineage, remote_id: remoteId },
          ...{ created_at: createdAtMs, state },
        });
      });
    },
    dropRemoteCopy: ({ repository, snapshotId, name }) => {
      connection.write("cannot forget the copy at the remote", () => {
        connection.run(sql.dropRemoteCopy, { repository, snapshot_id: snapshotId, name });
      });
    },
  };
}
