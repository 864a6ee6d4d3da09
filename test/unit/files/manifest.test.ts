// Tests manifests: their files, their checksums, and the snapshot digest.
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { isStoreError } from "../../../src/base/errors.js";
import { openLayout } from "../../../src/files/layout.js";
import {
  decodeManifest,
  encodeManifest,
  manifestVersion,
  readManifest,
  snapshotDigest,
  writeManifest,
  type Manifest,
} from "../../../src/files/manifest.js";
import { emptyConfig } from "../../../src/model/config.js";
import { newSnapshotId } from "../../../src/model/name.js";
import type { SnapshotFile } from "../../../src/model/snapshot.js";
import { withScratchDir } from "../../support/scratch.js";

function fileOf(name: string, sizeBytes = 5): SnapshotFile {
  const digest = `sha256:${createHash("sha256").update(name).digest("hex")}`;
  return { name, sizeBytes, allocatedBytes: 4096, mode: 0o644, digest };
}

function manifestOf(files: readonly SnapshotFile[], changes: Partial<Manifest> = {}): Manifest {
  const id = changes.id ?? newSnapshotId();
  return {
    version: manifestVersion,
    id,
    revision: 1,
    config: { ...emptyConfig(), id, memoryBytes: 2 ** 53 - 1, labels: { a: "b", "10": "ten" } },
    createdAt: new Date("2026-01-02T03:04:05.678Z"),
    protected: false,
    files,
    digest: snapshotDigest(files),
    parentDigest: "",
    ...changes,
  };
}

test("a manifest is read back unchanged, with its files in the byte order of their names", () => {
  // In UTF-16, U+FF5E sorts after U+1F600. In bytes, it sorts before U+1F600.
  const names = ["memory", "B", "a", "\u{1f600}", "\uff5e", "é"];
  const manifest = manifestOf(names.map((name) => fileOf(name)));
  const decoded = decodeManifest(encodeManifest(manifest), "m");
  assert.deepEqual(
    decoded.files.map(({ name }) => name),
    ["B", "a", "memory", "é", "\uff5e", "\u{1f600}"],
  );
  assert.deepEqual({ ...decoded, files: [] }, { ...manifest, files: [] });
  assert.doesNotThrow(() => JSON.parse(Buffer.from(encodeManifest(manifest)).toString()));
});

test("the digest of a parent is read back, and a manifest without a parent has no such key", () => {
  const parentDigest = `sha256:${"ab".repeat(32)}`;
  const child = manifestOf([fileOf("memory")], { parentDigest });
  assert.equal(decodeManifest(encodeManifest(child), "m").parentDigest, parentDigest);
  const whole = manifestOf([fileOf("memory")]);
  assert.equal(decodeManifest(encodeManifest(whole), "m").parentDigest, "");
  assert.ok(!Buffer.from(encodeManifest(whole)).includes("parentDigest"));
});

test("unknown keys are kept, whatever their names are", () => {
  const keys = JSON.parse('{"__proto__": "1e400", "constructor": "{}", "7": "[1]"}') as Record<
    string,
    string
  >;
  const manifest = manifestOf([fileOf("a")]);
  const unknown = { envelope: keys, config: { big: "123456789012345678901234567890" } };
  const config = { ...manifest.config, unknown };
  const decoded = decodeManifest(encodeManifest({ ...manifest, config }), "m");
  assert.deepEqual(Object.entries(decoded.config.unknown.envelope), Object.entries(keys));
  assert.deepEqual(decoded.config.unknown.config, unknown.config);
  assert.equal(({} as Record<string, unknown>)["1e400"], undefined);
});

test("any changed, missing or added byte is found, and the error names the file", () => {
  const bytes = Buffer.from(encodeManifest(manifestOf([fileOf("a"), fileOf("b")])));
  fc.assert(
    fc.property(fc.nat({ max: bytes.length - 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ flip;
      for (const damaged of [
        flipped,
        bytes.subarray(0, at),
        Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1)]),
        Buffer.concat([bytes, Buffer.from(" ")]),
      ]) {
        assert.throws(() => decodeManifest(damaged, "/the/file"), {
          reason: "STORED_DATA_CORRUPT",
          message: /^manifest \/the\/file: /,
        });
      }
    }),
    { numRuns: 500 },
  );
});

/** Returns a manifest file whose checksum is right, whatever the body says. */
function forge(body: unknown): Buffer {
  return forgeText(JSON.stringify(body));
}

function forgeText(text: string): Buffer {
  const checksum = createHash("sha256").update(text).digest("hex");
  return Buffer.from(`{\n"checksum": "sha256:${checksum}",\n"manifest": ${text}\n}\n`);
}

test("a wrong manifest is refused even if its checksum is right", () => {
  const good = manifestOf([fileOf("a"), fileOf("b")]);
  const plain = JSON.parse(
    JSON.stringify({ ...good, createdAt: good.createdAt.toISOString() }),
  ) as Record<string, unknown>;
  assert.deepEqual(decodeManifest(forge(plain), "m"), good);
  const lies: readonly [string, Record<string, unknown>][] = [
    ["older version", { version: 0 }],
    ["version that is not a whole number", { version: 1.5 }],
    ["no version", { version: undefined }],
    ["other id in the config", { id: newSnapshotId() }],
    ["malformed id", { id: "../../etc" }],
    ["files out of order", { files: [...good.files].reverse() }],
    ["a file twice", { files: [good.files[0], good.files[0]] }],
    ["wrong digest", { digest: `sha256:${"0".repeat(64)}` }],
    ["no digest", { digest: "" }],
    ["unknown key", { surprise: 1 }],
    ["negative size", { files: [{ ...good.files[0], sizeBytes: -1 }] }],
    ["mode beyond 0777", { files: [{ ...good.files[0], mode: 0o4755 }] }],
    ["path as a name", { files: [{ ...good.files[0], name: "a/b" }] }],
    ["date in words", { createdAt: "yesterday" }],
  ];
  for (const [what, lie] of lies) {
    assert.throws(
      () => decodeManifest(forge({ ...plain, ...lie }), "m"),
      { reason: "STORED_DATA_CORRUPT" },
      what,
    );
  }
  assert.throws(() => decodeManifest(forge([]), "m"), { reason: "STORED_DATA_CORRUPT" });
});

test("a version of any form and length is refused with a short error", () => {
  const deep = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
  for (const version of [deep, JSON.stringify("x\n".repeat(10_000)), "{}", "null", "1e309"]) {
    assert.throws(
      () => decodeManifest(forgeText(`{ "version": ${version} }`), "m"),
      (error) => {
        assert.ok(isStoreError(error, "STORED_DATA_CORRUPT"));
        assert.ok(error.message.length < 200 && !error.message.includes("\n"), error.message);
        return true;
      },
    );
  }
});

test("the snapshot digest covers names, sizes and roots, and the order of files does not matter", () => {
  const files = [fileOf("b", 2), fileOf("a", 1)];
  const hash = createHash("sha256").update("stasis-snapshot-v1");
  for (const [name, size] of [
    ["a", 1],
    ["b", 2],
  ] as const) {
    hash.update(Buffer.from([1, 0, 0, 0])).update(name);
    hash.update(Buffer.from([size, 0, 0, 0, 0, 0, 0, 0]));
    hash.update(createHash("sha256").update(name).digest());
  }
  const digest = `sha256:${hash.digest("hex")}`;
  assert.equal(snapshotDigest(files), digest);
  assert.equal(snapshotDigest([...files].reverse()), digest);
  assert.notEqual(snapshotDigest([fileOf("b", 3), fileOf("a", 1)]), digest);
  assert.notEqual(snapshotDigest([fileOf("ab", 2), fileOf("a", 1)]), digest);
  assert.equal(snapshotDigest([fileOf("b"), { ...fileOf("a"), digest: "" }]), "");
});

test("a stored manifest is read and replaced, and a missing or foreign manifest is damage", async () => {
  await withScratchDir(async (directory) => {
    const layout = await openLayout(join(directory, "root"));
    const manifest = manifestOf([fileOf("a")]);
    const { id } = manifest;
    await assert.rejects(readManifest(layout, id), { reason: "STORED_DATA_CORRUPT" });
    await mkdir(layout.dataDirectory(id));
    await assert.rejects(readManifest(layout, id), { reason: "STORED_DATA_CORRUPT" });
    await writeManifest(layout, manifest);
    assert.deepEqual(await readManifest(layout, id), manifest);
    await writeManifest(layout, { ...manifest, revision: 2, protected: true });
    assert.equal((await readManifest(layout, id)).revision, 2);
    assert.deepEqual(await readdir(layout.dataDirectory(id)), ["manifest.json"]);
    const foreign = encodeManifest(manifestOf([fileOf("a")]));
    await writeFile(join(layout.dataDirectory(id), "manifest.json"), foreign);
    await assert.rejects(readManifest(layout, id), { reason: "STORED_DATA_CORRUPT" });
  });
});

test("a manifest of a newer version is not damage, whatever else it contains", () => {
  for (const more of [{}, { digest: 1, files: "elsewhere" }]) {
    const body = { ...manifestOf([fileOf("a")]), createdAt: "then", ...more, version: 2 };
    assert.throws(() => decodeManifest(forge(body), "/the/file"), {
      reason: "FORMAT_UNSUPPORTED",
      message:
        "manifest /the/file has version 2, this stasis knows versions up to 1: it was written by a newer stasis",
      metadata: { found_version: "2", known_version: "1", file: "/the/file" },
    });
  }
});
