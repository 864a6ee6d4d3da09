// Tests the list of a remote's snapshots. The list is read from the bucket alone, and a snapshot is
// found by its id, its name or a prefix.
import assert from "node:assert/strict";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import type { ListedSnapshot } from "../../src/remote/listed.js";
import { findRemote, listRemote } from "../../src/remote/listing.js";
import { bucketAt, noEngine, startEngine } from "../support/engine.js";
import { withScratchDir } from "../support/scratch.js";
import { createFrom, never, openTestStore } from "../unit/store/support.js";
import { openRemote, push } from "./nodes.js";

const skip = noEngine;

test(
  "snapshots are listed newest first, broken ones separately, and a ref finds one or lists the candidates",
  { skip },
  () =>
    withScratchDir(async (scratch) => {
      await using engine = await startEngine();
      using bucket = bucketAt(engine.endpoint, engine.keys);
      const remote = await openRemote(bucket);
      await using store = await openTestStore(join(scratch, "root"));
      const ids: string[] = [];
      for (const name of ["web", "db", "web-2", "other"]) {
        await createFrom(store, name, { memory: Buffer.from(`memory of ${name}`) });
        ids.push((await push(remote, store, name)).id);
      }
      // Another node may push a snapshot of the same name, or the same node may do so later.
      ids.push((await push(remote, store, "db")).id);
      const [web = "", db = "", web2 = "", other = "", again = ""] = ids;
      const directory = join(engine.directory, "prod");
      await rm(join(directory, "maps", web2));
      await writeFile(join(directory, "snapshots", `${other}.json`), "{}");
      await writeFile(join(directory, "snapshots", "notes.txt"), "not of stasis");

      const listing = await listRemote(remote, new Map(), never);
      const found = listing.snapshots.map(({ id, name }) => [id, name]);
      assert.deepEqual(found, [
        [again, "db"],
        [db, "db"],
        [web, "web"],
      ]);
      const broken = listing.broken.map(({ id, problem }) => `${id} ${problem.reason}`);
      assert.deepEqual(broken, [`${other} REMOTE_DATA_INVALID`, `${web2} REMOTE_DATA_INVALID`]);

      assert.equal(findRemote(listing, web).id, web);
      assert.equal(findRemote(listing, "web").id, web);
      assert.equal(findRemote(listing, store.inspect("web").config.id).id, web);
      assert.equal(findRemote(listing, web.slice(0, 25)).id, web);
      const several = { reason: "AMBIGUOUS_REF", message: new RegExp(`${again}.*${db}`) };
      assert.throws(() => findRemote(listing, "db"), several);
      assert.throws(() => findRemote(listing, "nothing"), { reason: "SNAPSHOT_NOT_FOUND" });
      assert.throws(() => findRemote(listing, ""), { reason: "SNAPSHOT_NOT_FOUND" });

      const known = new Map(listing.snapshots.map((each) => [each.id, each] as const));
      const first = listing.snapshots.at(-1);
      const marked = new Map<string, ListedSnapshot>(known);
      if (first !== undefined) marked.set(web, { ...first, dataBytes: 1 });
      const second = await listRemote(remote, marked, never);
      assert.equal(second.snapshots.at(-1)?.dataBytes, 1, "a known commit object was read again");
    }),
);
