// Makes a closed store with a short history, for tests that change a store and inspect the result.
import { rename, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Database } from "../../src/catalog/sqlite.js";
import { layoutOf, type Layout } from "../../src/files/layout.js";
import { emptyConfig } from "../../src/model/config.js";
import type { Snapshot } from "../../src/model/snapshot.js";
import type { SnapshotStore } from "../../src/store/snapshot-store.js";
import { reopen } from "../support/reopen.js";
import { withScratchDir } from "../support/scratch.js";
import { owned } from "../support/chunks.js";
import { makeSmallSource, packDirectory } from "./contents.js";

const never = new AbortController().signal;

export interface StoredScene {
  readonly root: string;
  readonly layout: Layout;
  /** Names a directory beside the root. */
  readonly scratch: string;
  /** Names the source directory of the snapshots. */
  readonly source: string;
  /**
   * `a` has labels and an image blob, and its description was changed once. A third snapshot, `c`,
   * was deleted.
   */
  readonly a: Snapshot;
  readonly b: Snapshot;
}

export async function addSnapshot(
  store: SnapshotStore,
  source: string,
  name: string,
  { replace = false }: { readonly replace?: boolean } = {},
): Promise<Snapshot> {
  const config = {
    ...emptyConfig(),
    name,
    labels: { name },
    image: `image of ${name}`,
    imageBlobIds: [`blob of ${name}`],
  };
  const request = {
    ...{ config, requestId: "" },
    onNameConflict: replace ? "replace" : "fail",
    protected: name === "b",
  } as const;
  return await store.create(request, owned(packDirectory(source)), never);
}

export async function withStoredScene(body: (scene: StoredScene) => Promise<void>): Promise<void> {
  await withScratchDir(async (scratch) => {
    const root = join(scratch, "root");
    const source = await makeSmallSource(join(scratch, "source"));
    let a: Snapshot;
    let b: Snapshot;
    {
      await using store = await reopen(root);
      for (const name of ["a", "b", "c"]) await addSnapshot(store, source, name);
      await store.update({ ref: "a", description: "changed" });
      await store.delete({ refs: ["c"], allowMissing: false });
      a = store.inspect("a");
      b = store.inspect("b");
    }
    await body({ root, layout: layoutOf(root), scratch, source, a, b });
  });
}

/** Changes rows of the catalog without the store. */
export function tamper({ layout }: StoredScene, sql: string): void {
  const database = new Database(layout.catalogDatabase);
  try {
    database.exec(sql);
  } finally {
    database.close();
  }
}

export async function overwrite(path: string, bytes: string | Uint8Array): Promise<void> {
  await rename(path, `${path}.old`);
  await writeFile(path, bytes);
}
