// Provokes errors of directories on the daemon's node that cannot be taken over or filled.
// The directories stay unchanged.
import assert from "node:assert/strict";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { SnapshotService } from "../../../gen/ts/stasis/v1/snapshot_service_pb.js";
import { withFilesystem } from "../../support/scratch.js";
import { makeSmallSource } from "../contents.js";
import { openScene, runCases, type ErrorCase, type Scene } from "./scene.js";

const rpc = SnapshotService.method;

interface Directories {
  readonly absent: string;
  /** Names a directory with a subdirectory, which no snapshot can have. */
  readonly nested: string;
  /** Names a directory that contains a file. */
  readonly full: string;
  /** Names the file in that directory. */
  readonly file: string;
}

async function makeDirectories(scratch: string): Promise<Directories> {
  const absent = join(scratch, "absent");
  const nested = join(scratch, "nested");
  const full = join(scratch, "full");
  await mkdir(join(nested, "inner"), { recursive: true });
  await mkdir(full);
  const file = join(full, "disk");
  await writeFile(file, "bytes");
  return { absent, nested, full, file };
}

function directoryCases({ call }: Scene, directories: Directories): readonly ErrorCase[] {
  const { absent, nested, full, file } = directories;
  const resource = `directory ${absent}`;
  const noDirectory = (how: string, provoke: ErrorCase["provoke"]): ErrorCase => ({
    reason: "FIELD_INVALID",
    how: `${how} of a file`,
    provoke,
    expected: { fields: ["directory"] },
  });
  return [
    noDirectory("CreateFromDirectory", () => call(rpc.createFromDirectory, { directory: file })),
    noDirectory("ImportFromDirectory", () => call(rpc.importFromDirectory, { directory: file })),
    noDirectory("ExportToDirectory", () =>
      call(rpc.exportToDirectory, { ref: "web", directory: file }),
    ),
    {
      reason: "DIRECTORY_NOT_FOUND",
      how: "CreateFromDirectory",
      provoke: () => call(rpc.createFromDirectory, { directory: absent }),
      expected: { resource },
    },
    {
      reason: "DIRECTORY_NOT_FOUND",
      how: "ImportFromDirectory",
      provoke: () => call(rpc.importFromDirectory, { directory: absent }),
      expected: { resource },
    },
    {
      reason: "DIRECTORY_NOT_FOUND",
      how: "ExportToDirectory, below a directory that does not exist",
      provoke: () => call(rpc.exportToDirectory, { ref: "web", directory: join(absent, "vm") }),
      expected: { resource: `directory ${join(absent, "vm")}` },
    },
    {
      reason: "DIRECTORY_NOT_EMPTY",
      how: "ExportToDirectory",
      provoke: () => call(rpc.exportToDirectory, { ref: "web", directory: full }),
      expected: { resource: `directory ${full}`, metadata: { path: full } },
    },
    {
      reason: "ENVELOPE_MISSING",
      how: "ImportFromDirectory",
      provoke: () => call(rpc.importFromDirectory, { directory: full }),
    },
    {
      reason: "ARCHIVE_INVALID",
      how: "CreateFromDirectory of a directory in a directory",
      provoke: () => call(rpc.createFromDirectory, { directory: nested }),
    },
  ];
}

export function directoryErrors(noTmpfs: string | false): void {
  test("directories of the daemon's node", async (t) => {
    const scene = await openScene(t);
    await scene.store("web");
    const directories = await makeDirectories(scene.scratch);
    await runCases(t, scene, directoryCases(scene, directories));
    await assert.rejects(readdir(directories.absent), { code: "ENOENT" });
    assert.deepEqual(await readdir(directories.nested), ["inner"]);
    assert.deepEqual(await readdir(directories.full), ["disk"]);
  });

  test("a directory on another filesystem stays in its place", { skip: noTmpfs }, async (t) => {
    const scene = await openScene(t);
    await withFilesystem("tmpfs", 8, async (mountPoint) => {
      const directory = await makeSmallSource(join(mountPoint, "vm"));
      const before = await readdir(directory);
      await runCases(t, scene, [
        {
          reason: "CROSS_FILESYSTEM",
          how: "CreateFromDirectory",
          provoke: () => scene.call(rpc.createFromDirectory, { directory }),
          expected: { resource: `directory ${directory}` },
        },
      ]);
      assert.deepEqual(await readdir(directory), before);
    });
  });
}
