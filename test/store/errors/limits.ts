// Provokes errors of exhausted limits and of damaged data.
import assert from "node:assert/strict";
import { access, mkdir, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { SnapshotService } from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { eventually } from "../../support/eventually.js";
import { withFilesystem } from "../../support/scratch.js";
import { collect, createGate, entriesOf, heldBack, mib, packDirectory } from "../contents.js";
import { createHeader, whole } from "./frames.js";
import { openScene, runCases, type ErrorCase } from "./scene.js";
import { pastModes } from "../../support/tamper.js";

const rpc = SnapshotService.method;
const named = createHeader({ config: { name: "web" } });

function fullDisk(noTmpfs: string | false): void {
  test("a full disk", { skip: noTmpfs }, (t) =>
    withFilesystem("tmpfs", 24, async (mountPoint) => {
      // The case is a separate test, so that its daemon has stopped before the filesystem is
      // unmounted.
      await t.test("refuses an upload and keeps no part of it", async (inner) => {
        const scene = await openScene(inner, { root: join(mountPoint, "root") });
        const source = join(scene.scratch, "large");
        await mkdir(source);
        await writeFile(join(source, "memory"), Buffer.alloc(40 * mib, 1));
        const large = whole(await collect(packDirectory(source)));
        await runCases(inner, scene, [
          {
            reason: "STORAGE_FULL",
            how: "an upload larger than the disk",
            provoke: () => scene.call(rpc.create, named, ...large),
          },
        ]);
        const { code } = await scene.call(rpc.create, named, ...whole(scene.tar));
        assert.equal(code, "OK", "name and space are free");
      });
    }),
  );
}

export function limitErrors(noTmpfs: string | false): void {
  fullDisk(noTmpfs);

  test("an upload that would use the reserve of the disk", async (t) => {
    const scene = await openScene(t, { reserve: "100TiB" });
    await runCases(t, scene, [
      {
        reason: "STORAGE_FULL",
        how: "an upload, at its header",
        provoke: () => scene.call(rpc.create, named),
      },
    ]);
  });

  test("more streams than the limit", async (t) => {
    const scene = await openScene(t, { "max-streams": 1, "max-watchers": 1 });
    const { client, call, root, tar } = scene;
    const gate = createGate();
    const slow = client.create({}, heldBack(tar, gate));
    await eventually("an upload", async () => (await entriesOf(root, "staging")).length > 0);
    const watching = client.watch()[Symbol.asyncIterator]();
    await watching.next();
    const tooMany = (limit: string, provoke: ErrorCase["provoke"]): ErrorCase => ({
      reason: "TOO_MANY_STREAMS",
      how: limit,
      provoke,
      expected: { retry: true, metadata: { limit, max: "1" } },
    });
    await runCases(t, scene, [
      tooMany("byte_streams", () => call(rpc.create, named)),
      tooMany("watchers", () => call(rpc.watch, {})),
    ]);
    await watching.return?.();
    gate.open();
    await slow;
  });

  test("stored data that was damaged without the daemon", async (t) => {
    const scene = await openScene(t);
    const id = await scene.store("web");
    const metadata = { snapshot_id: id };
    const damaged = (how: string, provoke: ErrorCase["provoke"]): ErrorCase => ({
      reason: "STORED_DATA_CORRUPT",
      how,
      provoke,
      expected: { resource: `snapshot ${id}`, metadata },
    });
    const path = join(scene.root, "data", id, "files", "state.json");
    await pastModes(path, () => truncate(path, 1));
    const directory = join(scene.scratch, "exported");
    await runCases(t, scene, [
      damaged("Restore", () => scene.call(rpc.restore, { ref: "web" })),
      damaged("Export", () => scene.call(rpc.export, { ref: "web" })),
      damaged("ExportToDirectory", () =>
        scene.call(rpc.exportToDirectory, { ref: "web", directory }),
      ),
      damaged("OpenDataDirectory", () => scene.call(rpc.openDataDirectory, { ref: "web" })),
    ]);
    await assert.rejects(access(directory), { code: "ENOENT" });
    assert.ok((await scene.client.inspect("web")).snapshot?.corrupt, "it is listed, and marked");
  });
}
