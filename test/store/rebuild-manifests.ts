// Damages manifests while the catalog is missing. Each damaged snapshot goes to quarantine with a
// reason, and all others are served unchanged. The damage is undone after each start.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { copyFile, open, readFile, rename, rm, stat, truncate, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { layoutOf, manifestFileName } from "../../src/files/layout.js";
import { entriesOf } from "./contents.js";
import { catalogDamages, startAndCompare, type History } from "./rebuild-cases.js";

/** Damages the manifest at `path`. `other` is the path of another snapshot's manifest. */
type Damage = (path: string, other: string) => Promise<void>;

const manifestDamages: Readonly<Record<string, Damage>> = {
  removed: (path) => rm(path),
  empty: (path) => truncate(path, 0),
  "truncated to half its size": async (path) =>
    truncate(path, Math.floor((await stat(path)).size / 2)),
  "overwritten with noise": async (path) => writeFile(path, randomBytes((await stat(path)).size)),
  "changed in one bit": flipOneBit,
  "protected, or no longer": protectOrNot,
  "that of another snapshot": (path, other) => copyFile(other, path),
};

/** Changes one bit, so that the checksum no longer matches. */
async function flipOneBit(path: string): Promise<void> {
  await using file = await open(path, "r+");
  const { size } = await file.stat();
  const at = Math.floor(Math.random() * size);
  const byte = Buffer.alloc(1);
  await file.read(byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ (1 << Math.floor(Math.random() * 8));
  await file.write(byte, 0, 1, at);
}

/** Writes readable but wrong content, which only the checksum reveals. */
async function protectOrNot(path: string): Promise<void> {
  const text = await readFile(path, "utf8");
  const changed = text.replace(
    /"protected": (true|false)/,
    (_, now: string) => `"protected": ${now === "true" ? "false" : "true"}`,
  );
  assert.notEqual(changed, text);
  await writeFile(path, changed);
}

export interface ManifestRun {
  readonly starts: number;
  /** The number of damaged manifests, by kind of damage. */
  readonly damaged: ReadonlyMap<string, number>;
  readonly slowestStartMs: number;
}

/** Damages every manifest of the store once, a fraction of 1/`starts` before each start. */
export async function damageEveryManifest(history: History, starts: number): Promise<ManifestRun> {
  const { root, expected } = history;
  const layout = layoutOf(root);
  const ids = [...expected.keys()].sort();
  const kinds = Object.entries(manifestDamages);
  const manifestOf = (id: string): string => join(layout.dataDirectory(id), manifestFileName);
  const damaged = new Map<string, number>();
  let slowestStartMs = 0;
  for (let start = 0; start < starts; start += 1) {
    const chosen = ids.filter((_, index) => index % starts === start);
    const originals = new Map<string, Buffer>();
    for (const [index, id] of chosen.entries()) {
      const [kind, inflict] = kinds[index % kinds.length] as (typeof kinds)[number];
      originals.set(id, await readFile(manifestOf(id)));
      const other = ids.find((one) => one !== id && !originals.has(one)) ?? "";
      await inflict(manifestOf(id), manifestOf(other));
      damaged.set(kind, (damaged.get(kind) ?? 0) + 1);
    }
    await catalogDamages["deleted"]?.(history);
    const others = new Map([...expected].filter(([id]) => !originals.has(id)));
    const tookMs = await startAndCompare({ ...history, expected: others }, chosen.length);
    slowestStartMs = Math.max(slowestStartMs, tookMs);
    await putBack(root, originals);
  }
  return { starts, damaged, slowestStartMs };
}

/** Restores the snapshots in quarantine. Checks that each was damaged and has a reason. */
async function putBack(root: string, originals: ReadonlyMap<string, Buffer>): Promise<void> {
  const layout = layoutOf(root);
  const catalogs = basename(layout.catalogDatabase);
  const entries = (await entriesOf(root, "quarantine")).filter(
    (name) => !name.startsWith(catalogs),
  );
  assert.deepEqual(entries, [...originals.keys()].flatMap((id) => [id, `${id}.reason.txt`]).sort());
  for (const [id, bytes] of originals) {
    const place = join(layout.quarantineRoot, id);
    assert.match(await readFile(`${place}.reason.txt`, "utf8"), /^reason: .*manifest/m);
    await rm(`${place}.reason.txt`);
    await rename(place, layout.dataDirectory(id));
    await writeFile(join(layout.dataDirectory(id), manifestFileName), bytes);
  }
}
