// Lists the seeded mistakes: text patches of the compiled program, each with the test that must
// notice the mistake.

export interface Mutant {
  readonly name: string;
  /** Names the patched file below `dist/src`. */
  readonly file: string;
  /** The text must occur exactly once in the file. */
  readonly find: string;
  readonly replace: string;
  /**
   * The check that must notice the mistake: crash states, or the tests whose path contains a text.
   */
  readonly by: CrashStates | { readonly tests: string };
}

export interface CrashStates {
  readonly kind: "syscall" | "start";
  readonly scenarios: string;
  readonly states: number;
  /** Selects the scenarios whose names begin with this text. */
  readonly only?: string;
}

/** One recorded run is enough to check the order of system calls. */
const byOrder = (scenarios: string): { readonly by: CrashStates } => ({
  by: { kind: "syscall", states: 2, scenarios },
});

export const mutants: readonly Mutant[] = [
  {
    name: "no fsync of data files",
    file: "files/publish.js",
    find: "    await syncFiles(directory, sorted);\n",
    replace: "",
    ...byOrder("create-from-directory"),
  },
  {
    name: "no fsync of the manifest and the block tables",
    file: "files/durable.js",
    find: "            await handle.writeFile(bytes);\n            await handle.sync();",
    replace: "            await handle.writeFile(bytes);",
    ...byOrder("create"),
  },
  {
    name: "no fsync of any directory",
    file: "files/durable.js",
    find: "O_RDONLY | O_DIRECTORY), true);\n            await handle.sync();",
    replace: "O_RDONLY | O_DIRECTORY), true);",
    ...byOrder("create"),
  },
  {
    name: "no fsync of the staged names",
    file: "files/publish.js",
    find: "    await syncStagedNames(directory);\n",
    replace: "",
    ...byOrder("create"),
  },
  {
    name: "no fsync of data/ after the rename",
    file: "files/publish.js",
    find: "    await syncPlace(directory, layout.dataDirectory(manifest.id));\n",
    replace: "",
    ...byOrder("create"),
  },
  {
    name: "NORMAL instead of FULL",
    file: "catalog/connection.js",
    find: '["synchronous", 2]',
    replace: '["synchronous", 1]',
    ...byOrder("create,delete"),
  },
  {
    name: "recorded in the catalog before the rename",
    file: "store/write/intake.js",
    find:
      '        await inSpan("sync", { "stasis.files": filled.files.length }, () => this.staging.publish(manifest));\n' +
      "        try {\n" +
      '            return await inSpan("record", {}, () => this.#record(filled, createdAt));\n',
    replace:
      "        try {\n" +
      "            const chargedBytes = estimateCharge(filled.config, filled.files);\n" +
      "            const whole = { ...filled, createdAt, chargedBytes };\n" +
      "            const { snapshot } = record(this.#publisher, this.#request, whole);\n" +
      "            await this.staging.publish(manifest);\n" +
      "            this.allowance[Symbol.dispose]();\n" +
      "            this.staging.recorded();\n" +
      "            this.#committed = true;\n" +
      "            return snapshot;\n",
    ...byOrder("create"),
  },
  {
    name: "Delete answers before its commit",
    file: "store/remove/removal.js",
    find: "            remover.catalog.markDeleting(ids);\n",
    replace:
      "            setTimeout(() => {\n" +
      "                try { remover.catalog.markDeleting(ids); } catch { }\n" +
      "            }, 400);\n",
    ...byOrder("delete"),
  },
  {
    name: "Delete answers before the move",
    file: "store/remove/removal.js",
    find: "    for (const id of ids)\n        await detach(remover, id);\n    return ids;",
    replace:
      "    setTimeout(() => ids.forEach((id) => void detach(remover, id).catch(() => {})), 400);\n" +
      "    return ids;",
    ...byOrder("delete"),
  },
  {
    name: "no tombstone before the move",
    file: "store/remove/removal.js",
    find:
      "            remover.catalog.markDeleting(ids);\n" +
      "            return ids;\n        });\n    });\n" +
      "    for (const id of ids)\n        await detach(remover, id);\n",
    replace:
      "            return ids;\n        });\n    });\n" +
      "    for (const id of ids)\n        await detach(remover, id);\n" +
      "    remover.catalog.markDeleting(ids);\n",
    ...byOrder("delete"),
  },
  {
    name: "a failed fsync is retried",
    file: "files/durable.js",
    find: "            await handle.writeFile(bytes);\n            await handle.sync();",
    replace:
      "            await handle.writeFile(bytes);\n" +
      "            await handle.sync().catch(() => handle.sync());",
    by: { kind: "syscall", scenarios: "create", states: 150 },
  },
  {
    name: "a listing error means empty",
    file: "files/removal.js",
    find: '        throw ioError(error, { what: "list", path: directory });',
    replace: "        return [];",
    by: { kind: "start", scenarios: "deleting", states: 50, only: "start:deleting:getdents64." },
  },
  {
    name: "a directory that was taken over is deleted",
    file: "files/removal.js",
    find: "        source = await giveBack(path);",
    replace: "        source = undefined;",
    by: { kind: "start", scenarios: "taken-over", states: 2 },
  },
  {
    name: "recovery keeps uploads that were never acknowledged",
    file: "store/heal/recovery.js",
    find: "    await dropPending(healer, older, report);\n",
    replace: "",
    by: { kind: "start", scenarios: "taken-over-published", states: 2 },
  },
  {
    name: "the manifest is written after the rename",
    file: "files/publish.js",
    find:
      "    await writeStagedManifest(directory, manifest);\n" +
      "    await syncStagedNames(directory);\n" +
      "    await moveIntoPlace(directory, layout.dataDirectory(manifest.id));\n",
    replace:
      "    await syncStagedNames(directory);\n" +
      "    await moveIntoPlace(directory, layout.dataDirectory(manifest.id));\n" +
      "    await writeStagedManifest(layout.dataDirectory(manifest.id), manifest);\n",
    ...byOrder("create"),
  },
  {
    name: "the remains of a failed commit in the log are not overwritten",
    file: "catalog/connection.js",
    find: "        database.pragma(`user_version = ${version}`);\n        return true;",
    replace: "        return version >= 0;",
    by: {
      kind: "syscall",
      scenarios: "update",
      states: 40,
      only: "syscall:update:main.fsync.",
    },
  },
  {
    name: "a deleted snapshot returns from the trash, and its record is forgotten",
    file: "store/heal/recovery.js",
    find:
      "    await purgeTrash(layout);\n" +
      "    for (const id of removed)\n" +
      "        await purgeRemoved(layout, id);\n",
    replace:
      '    const { rename } = await import("node:fs/promises");\n' +
      "    for (const id of trashed)\n" +
      "        await rename(layout.trashDirectory(id), layout.dataDirectory(id));\n",
    by: { tests: "store/killed" },
  },
  {
    name: "a snapshot that only an older copy of the catalog records is reported as lost",
    file: "store/heal/recovery.js",
    find: "        if (older) {\n",
    replace: "        if (false) {\n",
    by: { tests: "store/rebuild" },
  },
  {
    name: "a manifest is adopted whose checksum does not match",
    file: "files/manifest.js",
    find: "    if (prefix.slice(head.length, head.length + 64) !== sha256Hex(text)) {",
    replace: "    if (false) {",
    by: { tests: "store/rebuild" },
  },
  {
    name: "a directory that moves out is recorded before its parents are synced",
    file: "files/take.js",
    find:
      "    await fsyncDirectory(place.parent.self);\n" +
      "    await fsyncDirectory(layout.dataDirectory(id));\n}\n/**",
    replace: "}\n/**",
    ...byOrder("take"),
  },
  {
    name: "the files of a snapshot move out without an intent",
    file: "store/remove/take.js",
    find: "            catalog.beginTake(intent);\n",
    replace: "            void intent;\n",
    by: { kind: "syscall", scenarios: "take", states: 120 },
  },
  {
    name: "the snapshot is removed before its files move out",
    file: "store/remove/take.js",
    find: "    await moveOut(layout, id, target);\n",
    replace: "    catalog.finishTake(id);\n    await moveOut(layout, id, target);\n    return;\n",
    by: { tests: "faults/order" },
  },
  {
    name: "recovery completes a move that had not begun",
    file: "store/heal/recover-takes.js",
    find: " && !(await hasFiles(layout, id));",
    replace: ";",
    by: { kind: "start", scenarios: "taking", states: 2 },
  },
  {
    name: "recovery never completes a move",
    file: "store/heal/recover-takes.js",
    find: "        const left = await hasLeft(healer, id);\n",
    replace: "        const left = false;\n",
    by: { kind: "start", scenarios: "taken", states: 2 },
  },
  {
    name: "the modes of files that move out are not synced",
    file: "files/take.js",
    find: "        await fsyncFile(join(directory, name));\n    await fsyncDirectory(directory);\n}\nfunction own",
    replace: "        ;\n    await fsyncDirectory(directory);\n}\nfunction own",
    ...byOrder("take"),
  },
  {
    name: "a snapshot that somebody reads can be taken",
    file: "store/remove/take.js",
    find: "    if (users.size > 0)\n",
    replace: "    if (users.size > 99)\n",
    by: { tests: "store/domain" },
  },
  {
    name: "a file with other links does not return to the directory that it came from",
    file: "files/origin.js",
    find: "    await returnLinked(directory);\n",
    replace: "",
    by: { tests: "unit/files/staging" },
  },
  {
    name: "a file that clones link to leaves the store",
    file: "files/part-links.js",
    find: "> 1)\n            linked.push(file);",
    replace: "> 99)\n            linked.push(file);",
    by: { tests: "store/take" },
  },
  {
    name: "a collection does not check again before it evicts",
    file: "store/remove/removal.js",
    find: "        const refusal = refuse();\n",
    replace: "        const refusal = undefined;\n",
    by: { tests: "store/gc-" },
  },
];
