// Tests the ids, the keys and the JSON objects of a remote.
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { decodeJson, encodeJson } from "../../../src/remote/format/checked-json.js";
import { decodeCommit, encodeCommit } from "../../../src/remote/format/commit.js";
import {
  packKey,
  packOfKey,
  packsOfPush,
  snapshotKey,
  snapshotOfKey,
} from "../../../src/remote/format/keys.js";
import {
  decodeRemoteId,
  encodeRemoteId,
  isRemoteId,
  newRemoteId,
  timeOfRemoteId,
} from "../../../src/remote/format/remote-id.js";
import {
  decodeFormat,
  decodeRepositoryKey,
  encodeFormat,
  encodeRepositoryKey,
  newRepositoryKey,
} from "../../../src/remote/format/repository.js";
import { noSeal, sealWith, type Seal } from "../../../src/remote/format/seal.js";
import { makeKey, now, smallCommit } from "./support.js";

const reason = "REMOTE_DATA_INVALID";

test("an id contains its time and its bits, and later ids sort after earlier ones", () => {
  const time = fc.integer({ min: 0, max: 2 ** 48 - 1 });
  fc.assert(
    fc.property(time, time, (one, two) => {
      const [a, b] = [newRemoteId(new Date(one)), newRemoteId(new Date(two))];
      assert.ok(isRemoteId(a));
      assert.equal(timeOfRemoteId(a).getTime(), one);
      assert.equal(decodeRemoteId(encodeRemoteId(a)), a);
      if (one < two) assert.ok(a < b && Buffer.compare(encodeRemoteId(a), encodeRemoteId(b)) < 0);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 16, maxLength: 16 }), (bytes) => {
      assert.deepEqual(encodeRemoteId(decodeRemoteId(bytes)), Buffer.from(bytes));
    }),
  );
});

test("keys of packs and snapshots are parsed, and other keys are not recognized", () => {
  const push = newRemoteId(now);
  const key = packKey({ push, attempt: 3, sequence: 42 });
  assert.ok(key.startsWith(packsOfPush(push)));
  assert.deepEqual(packOfKey(key), { push, attempt: 3, sequence: 42 });
  assert.equal(snapshotOfKey(snapshotKey(push)), push);
  const spread = push.slice(-2);
  const others = [
    `packs/zz/${push}-0-000001`.replace("zz", spread === "00" ? "01" : "00"),
    `packs/${spread}/${push}-000001`,
    `packs/${spread}/${push.slice(1)}-0-000001`,
    `packs/${spread}/${push}-0-000001.tmp`,
    `packs/${spread}/${push}-01-000001`,
  ];
  for (const other of others) assert.equal(packOfKey(other), undefined, other);
  assert.equal(snapshotOfKey(`snapshots/${push.toUpperCase()}.json`), undefined);
  assert.equal(snapshotOfKey(`snapshots/x/${push}.json`), undefined);
});

const key = makeKey();
const sealed = sealWith(key, "a.json");
const openers: Readonly<Record<string, Seal>> = { plain: noSeal, encrypted: sealed };

for (const [how, seal] of Object.entries(openers)) {
  const sealOf = (keyId: string | undefined): Seal => {
    assert.equal(keyId, seal.keyId);
    return seal;
  };
  test(`${how}: JSON is decoded unchanged, and any changed byte is noticed`, () => {
    fc.assert(
      fc.property(fc.json(), (json) => {
        const content = JSON.parse(json) as unknown;
        const bytes = encodeJson("a.json", content, seal);
        assert.deepEqual(decodeJson("a.json", bytes, sealOf), content);
      }),
    );
    const bytes = encodeJson("a.json", { name: "web", size: 12 }, seal);
    for (let at = 0; at < bytes.length; at += 1) {
      const wrong = Uint8Array.from(bytes);
      wrong[at] = (wrong[at] ?? 0) ^ 1;
      // If the id of the encryption key was changed, `sealOf` refuses it.
      assert.throws(() => decodeJson("a.json", wrong, sealOf), Error, `byte ${at}`);
    }
    for (let length = 0; length < bytes.length; length += 1) {
      const cut = bytes.subarray(0, length);
      assert.throws(() => decodeJson("a.json", cut, sealOf), { reason }, `${length} bytes`);
    }
  });
}

test("an encrypted object does not pass as another object", () => {
  const bytes = encodeJson("a.json", 1, sealed);
  assert.throws(() => decodeJson("b.json", bytes, () => sealed), { reason });
});

test("a commit object is decoded unchanged, with the manifest", () => {
  const commit = smallCommit(noSeal);
  const bytes = encodeCommit(commit, noSeal);
  assert.deepEqual(
    decodeCommit(commit.id, bytes, () => noSeal),
    { ...commit, keyId: undefined },
  );
  const other = newRemoteId(now);
  assert.throws(() => decodeCommit(other, bytes, () => noSeal), /it is the object of snapshot/);
});

test("a commit object of a newer version, without a section, or with another length is refused", () => {
  const commit = smallCommit(noSeal);
  const read = (change: (content: Record<string, unknown>) => unknown): unknown => {
    const content = decodeJson(
      snapshotKey(commit.id),
      encodeCommit(commit, noSeal),
      () => noSeal,
    ) as Record<string, unknown>;
    const bytes = encodeJson(snapshotKey(commit.id), change(content), noSeal);
    return decodeCommit(commit.id, bytes, () => noSeal);
  };
  const { map } = commit;
  assert.doesNotThrow(() => read((content) => content));
  assert.throws(() => read((content) => ({ ...content, version: 2 })), {
    reason: "FORMAT_UNSUPPORTED",
  });
  const sections = map.sections.slice(1);
  assert.throws(() => read((content) => ({ ...content, map: { ...map, sections } })), { reason });
  const bytes = map.bytes + 1;
  assert.throws(() => read((content) => ({ ...content, map: { ...map, bytes } })), { reason });
  assert.throws(() => read((content) => ({ ...content, surprise: 1 })), { reason });
  assert.throws(() => read((content) => ({ ...content, manifest: "{}" })), { reason });
});

test("the format of a remote and its repository key are decoded, and another outer key fails", () => {
  const format = { id: newRemoteId(now), encrypted: true };
  assert.deepEqual(decodeFormat(encodeFormat(format)), format);
  const outer = randomBytes(32);
  const made = newRepositoryKey(newRemoteId(now));
  const bytes = encodeRepositoryKey(made, outer);
  assert.deepEqual(decodeRepositoryKey(made.id, bytes, outer), made);
  assert.throws(() => decodeRepositoryKey(made.id, bytes, randomBytes(32)), { reason });
  assert.throws(() => decodeRepositoryKey(newRemoteId(now), bytes, outer), { reason });
});
