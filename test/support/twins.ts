// Makes a store with two snapshots whose ids begin with the same characters. Random ids would take
// long to collide.
import { cp, rm } from "node:fs/promises";
import { layoutOf } from "../../src/files/layout.js";
import { readManifest, writeManifest } from "../../src/files/manifest.js";
import { emptyConfig } from "../../src/model/config.js";
import { packDirectory } from "../store/contents.js";
import { owned } from "./chunks.js";
import { reopen } from "./reopen.js";

/**
 * Makes the store at `root` from the files of `source`. Returns the ids in order. The store has no
 * catalog, so that earlier builds, which do not read newer schemas, can open it too.
 */
export async function plantTwins(root: string, source: string): Promise<readonly string[]> {
  const id = await storeOne(root, source);
  const twin = id.slice(0, -1) + (id.endsWith("0") ? "1" : "0");
  const layout = layoutOf(root);
  await cp(layout.dataDirectory(id), layout.dataDirectory(twin), { recursive: true });
  const manifest = await readManifest(layout, id);
  const moved = { ...manifest, id: twin, config: { ...manifest.config, id: twin } };
  await writeManifest(layout, moved);
  for (const end of ["", "-wal", "-shm"])
    await rm(`${layout.catalogDatabase}${end}`, { force: true });
  return [id, twin].sort();
}

async function storeOne(root: string, source: string): Promise<string> {
  await using store = await reopen(root);
  const request = { requestId: "", onNameConflict: "fail", protected: false } as const;
  const header = { ...request, config: emptyConfig() };
  const { signal } = new AbortController();
  return (await store.create(header, owned(packDirectory(source)), signal)).config.id;
}
