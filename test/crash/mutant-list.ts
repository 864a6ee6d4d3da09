// Seeded mistakes: text patches on the compiled program, each with the states that must notice it.

export interface Mutant {
  readonly name: string;
  /** Below `dist/src`. */
  readonly file: string;
  /** Must be found exactly once. */
  readonly find: string;
  readonly replace: string;
  readonly kind: "syscall" | "start";
  readonly scenarios: string;
  readonly states: number;
}

/** For the order of system calls one recorded run is enough. */
const byOrder = { kind: "syscall", states: 2 } as const;

export const mutants: readonly Mutant[] = [
  {
    name: "no fsync of data files",
    file: "data/publish.js",
    find: "    await syncFiles(directory, sorted);\n",
    replace: "",
    scenarios: "create-from-directory",
    ...byOrder,
  },
  {
    name: "no fsync of the manifest and the block tables",
    file: "data/durable.js",
    find: "            await handle.writeFile(bytes);\n            await handle.sync();",
    replace: "            await handle.writeFile(bytes);",
    scenarios: "create",
    ...byOrder,
  },
  {
    name: "no fsync of any directory",
    file: "data/durable.js",
    find: "O_RDONLY | O_DIRECTORY), true);\n            await handle.sync();",
    replace: "O_RDONLY | O_DIRECTORY), true);",
    scenarios: "create",
    ...byOrder,
  },
  {
    name: "no fsync of the staged names",
    file: "data/publish.js",
    find: "    await syncStagedNames(directory);\n",
    replace: "",
    scenarios: "create",
    ...byOrder,
  },
  {
    name: "no fsync of data/ after the rename",
    file: "data/publish.js",
    find: "    await syncPlace(directory, layout.dataDirectory(manifest.id));\n",
    replace: "",
    scenarios: "create",
    ...byOrder,
  },
  {
    name: "NORMAL instead of FULL",
    file: "catalog/connection.js",
    find: '["synchronous", 2]',
    replace: '["synchronous", 1]',
    scenarios: "create,delete",
    ...byOrder,
  },
  {
    name: "recorded in the catalog before the rename",
    file: "snapshot/intake.js",
    find:
      "            await staging.publish(manifestOf(request, filled, createdAt));\n" +
      "            try {\n" +
      "                const snapshot = record(context, request, filled, createdAt);\n",
    replace:
      "            try {\n" +
      "                const snapshot = record(context, request, filled, createdAt);\n" +
      "                await staging.publish(manifestOf(request, filled, createdAt));\n",
    scenarios: "create",
    ...byOrder,
  },
  {
    name: "Delete answers before its commit",
    file: "snapshot/removal.js",
    find: "    await markDeleting(context, ids);\n    for (const id of ids)",
    replace:
      "    setTimeout(() => void markDeleting(context, ids).catch(() => {}), 400);\n" +
      "    for (const id of ids)",
    scenarios: "delete",
    ...byOrder,
  },
  {
    name: "Delete answers before the move",
    file: "snapshot/removal.js",
    find: "    for (const id of ids)\n        await detach(context, id);\n    return ids;",
    replace:
      "    setTimeout(() => ids.forEach((id) => void detach(context, id).catch(() => {})), 400);\n" +
      "    return ids;",
    scenarios: "delete",
    ...byOrder,
  },
  {
    name: "no tombstone before the move",
    file: "snapshot/removal.js",
    find:
      "    await markDeleting(context, ids);\n" +
      "    for (const id of ids)\n        await detach(context, id);\n",
    replace:
      "    for (const id of ids)\n        await detach(context, id);\n" +
      "    await markDeleting(context, ids);\n",
    scenarios: "delete",
    ...byOrder,
  },
  {
    name: "a failed fsync is tried again",
    file: "data/durable.js",
    find: "            await handle.writeFile(bytes);\n            await handle.sync();",
    replace:
      "            await handle.writeFile(bytes);\n" +
      "            await handle.sync().catch(() => handle.sync());",
    kind: "syscall",
    scenarios: "create",
    states: 150,
  },
  {
    name: "a listing error means empty",
    file: "data/removal.js",
    find: '        throw ioError(error, { what: "list", path: directory });',
    replace: "        return [];",
    kind: "start",
    scenarios: "deleting",
    states: 200,
  },
  {
    name: "a directory that was taken over is removed",
    file: "data/removal.js",
    find: "        source = await giveBack(path);",
    replace: "        source = undefined;",
    kind: "start",
    scenarios: "taken-over",
    states: 2,
  },
  {
    name: "recovery keeps uploads that were never acknowledged",
    file: "snapshot/recovery.js",
    find: "    await dropPending(context, report);\n",
    replace: "",
    kind: "start",
    scenarios: "taken-over-published",
    states: 2,
  },
];
