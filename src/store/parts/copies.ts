// Records the copies at remotes, between the commits of other writers.
import type { Copies } from "../../catalog/open.js";
import type { RemoteCopy } from "../../model/remote-copy.js";
import type { Commits } from "./ports.js";

/** The record of the copies that automatic pushes have made at remotes. */
export interface CopyRecord {
  /** Returns the copies at the remote with this repository. */
  at(repository: string): RemoteCopy[];
  /** Adds a copy, or replaces the record of the same snapshot under the same name. */
  set(copy: RemoteCopy): Promise<void>;
  drop(copy: Parameters<Copies["dropRemoteCopy"]>[0]): Promise<void>;
}

export function recordCopies({
  catalog,
  commits,
}: Commits & { readonly catalog: Copies }): CopyRecord {
  return {
    at: (repository) => catalog.remoteCopies(repository),
    set: async (copy) => {
      await commits.take();
      catalog.setRemoteCopy(copy);
    },
    drop: async (copy) => {
      await commits.take();
      catalog.dropRemoteCopy(copy);
    },
  };
}
