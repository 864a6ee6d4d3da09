// Implements `node dist/test/interop/cocoon/make-fixtures.js ROOT`, which makes
// test/fixtures/cocoon again with the original program. ROOT must not exist. The stores are in ROOT
// while the program runs, and the kept index mentions the path of ROOT.
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rename } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { cases, fixtures } from "./cases.js";
import { fixtureFolder, fixtureStore } from "./fixture-files.js";
import { buildPeer } from "./peer.js";
import { makeCocoonStore } from "./store.js";
import { removeScratch } from "../../support/scratch.js";

async function main(root: string | undefined): Promise<void> {
  if (root === undefined || existsSync(root)) throw new Error("name a ROOT that is not there");
  const peer = buildPeer();
  console.log(`${peer.version}, ${cases.length} cases`);
  const scratch = await mkdtemp(join(tmpdir(), "stasis-fixtures-"));
  try {
    await mkdir(fixtureFolder, { recursive: true });
    for (const { file, of } of fixtures) {
      const source = join(scratch, "source");
      await of.make(source);
      await mkdir(root);
      const store = peer.open(root);
      const id = await store.create({ ...of.config, ...of.more }, source);
      await store.export(id, join(fixtureFolder, file), { gzip: file.endsWith(".gz") });
      await Promise.all([root, source].map((each) => removeScratch(each)));
    }
    await makeCocoonStore(peer, root, join(scratch, "sources"), fixtureStore.size);
    const moved = join(scratch, "cocoon");
    await rename(root, moved);
    const tar = ["-C", scratch, "--owner=0", "--group=0", "-Sczf", fixtureStore.file, "cocoon"];
    const { status, stderr } = spawnSync("tar", tar, { encoding: "utf8" });
    if (status !== 0) throw new Error(`tar: ${stderr}`);
  } finally {
    await Promise.all([root, scratch].map((each) => removeScratch(each)));
  }
}

await main(process.argv[2]);
