// Tests Restore and Export of some of a snapshot's files.
import assert from "node:assert/strict";
import { readdir, unlink } from "node:fs/promises";
import { join } from "node:path";
import { compareFiles } from "../../support/scratch.js";
import { pastModes } from "../../support/tamper.js";
import {
  claimsOf,
  collect,
  compareDirectories,
  createFrom,
  entryNames,
  envelopeText,
  kib,
  makeSmallSource,
  makeSource,
  piece,
  restoreTo,
  streamOf,
  unpackReading,
} from "../contents.js";
import type { StoreTest } from "../store-test.js";

export function selectingBehaviours(storeTest: StoreTest): void {
  storeTest("a restore of some files contains only these files", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    const original = await createFrom(store, source, { name: "web" });
    const files = ["state.json", "cow.raw", "state.json"];
    await using reading = await store.restore("web", { files, verify: true });
    const { lastAccessedAt: _accessed, ...shown } = reading.snapshot;
    const { lastAccessedAt: _created, ...expected } = original;
    assert.deepEqual(shown, expected);
    assert.ok(reading.dataBytes < 20 * kib, `${reading.dataBytes} bytes`);
    const directory = await unpackReading(reading, join(scratch, "restored"));
    assert.deepEqual((await readdir(directory)).sort(), ["cow.raw", "state.json"]);
    for (const name of ["cow.raw", "state.json"]) {
      await compareFiles(join(directory, name), join(source, name));
    }
    const whole = await restoreTo(store, "web", join(scratch, "whole"));
    await compareDirectories(whole, source);
  });

  storeTest("an export of some files is an archive of these files", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    const original = await createFrom(store, source, { name: "web", image: "debian" });
    const names = ["cow.raw", "state.json"];
    await using reading = await store.export("web", { files: names, verify: true });
    const archive = await collect(reading.bytes);
    assert.deepEqual(await entryNames(streamOf(archive)), ["snapshot.json", ...names]);
    const files = original.files.filter(({ name }) => names.includes(name));
    const leftOut = ["config.json", "memory-ranges"];
    assert.deepEqual(JSON.parse(await envelopeText(archive)), {
      config: { id: original.id, name: "web", image: "debian" },
      version: 1,
      files: names,
      stasis: { ...claimsOf({ ...original, files }), left_out: leftOut },
    });
    const copy = await store.import(streamOf(archive), { name: "part" });
    assert.deepEqual(
      copy.files.map(({ name, digest }) => ({ name, digest })),
      files.map(({ name, digest }) => ({ name, digest })),
    );
    assert.notEqual(copy.digest, original.digest);
    await using again = await store.export("part");
    assert.deepEqual(JSON.parse(await envelopeText(await collect(again.bytes))), {
      config: { id: copy.id, name: "part", image: "debian" },
      version: 1,
      files: names,
      stasis: claimsOf(copy),
    });
  });

  storeTest("a file that the snapshot does not have is refused", async ({ store, scratch }) => {
    const source = await makeSmallSource(join(scratch, "source"));
    const { id } = await createFrom(store, source, { name: "web" });
    const message =
      `files: expected a file of snapshot ${id} ("config.json", "cow.raw", "memory-ranges", ` +
      `"state.json"), got "cow"`;
    const refused = { reason: "FIELD_INVALID", message: new RegExp(escaped(message)) };
    await assert.rejects(store.restore("web", { files: ["cow.raw", "cow"] }), refused);
    await assert.rejects(store.export("web", { files: ["cow"] }), refused);
    for (const name of ["", "../manifest.json", "CONFIG.JSON", "snapshot.json"]) {
      await assert.rejects(store.export("web", { files: [name] }), { reason: "FIELD_INVALID" });
    }
  });

  storeTest("an error about an unknown file lists ten files", async ({ store, scratch }) => {
    const names = [...Array(12).keys()].map((index) => `disk-${String(index).padStart(2, "0")}`);
    const source = await makeSource(
      join(scratch, "source"),
      names.map((name) => ({ name, sizeBytes: 5, pieces: [piece(0, 5)] })),
    );
    const { id } = await createFrom(store, source);
    await assert.rejects(store.restore(id, { files: ["disk"] }), {
      reason: "FIELD_INVALID",
      message: /"disk-09" and 2 more\), got "disk"/,
    });
  });

  storeTest(
    "files that are not selected are not read",
    async ({ store, scratch }) => {
      const source = await makeSmallSource(join(scratch, "source"));
      const { id } = await createFrom(store, source, { name: "web" });
      const stored = join(store.root, "data", id, "files");
      await pastModes(join(stored, "cow.raw"), () => unlink(join(stored, "cow.raw")));
      await using reading = await store.restore("web", { files: ["state.json"] });
      const directory = await unpackReading(reading, join(scratch, "restored"));
      await compareFiles(join(directory, "state.json"), join(source, "state.json"));
      assert.equal((await store.inspect("web")).corrupt, false);
      const damaged = { reason: "STORED_DATA_CORRUPT" };
      await assert.rejects(store.restore("web", { files: ["cow.raw"] }), damaged);
      assert.equal((await store.inspect("web")).corrupt, true);
    },
    { damaged: ["file_missing", "marked_corrupt"] },
  );
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
}
