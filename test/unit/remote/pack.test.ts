// Tests packs and maps, with and without encryption. Reading returns what was written. If one byte
// was changed, the reader notices it.
import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { test } from "node:test";
import { blake3 } from "@napi-rs/blake-hash";
import fc from "fast-check";
import { StoreError } from "../../../src/base/errors.js";
import { decodeBlockTable } from "../../../src/files/block-table-codec.js";
import { blockEncodings } from "../../../src/remote/format/block-codec.js";
import { mapKey, packKey } from "../../../src/remote/format/keys.js";
import {
  decodeBases,
  decodePacks,
  decodePlaces,
  openSection,
  sectionRange,
  type MapSection,
  type SectionKind,
} from "../../../src/remote/format/map.js";
import { decodeHead, headBytes } from "../../../src/remote/format/object-head.js";
import {
  createPackBuilder,
  decodePackFooter,
  decodePackTail,
  openEntry,
  tailBytes,
} from "../../../src/remote/format/pack.js";
import { newRemoteId } from "../../../src/remote/format/remote-id.js";
import { noSeal, sealWith, type Seal } from "../../../src/remote/format/seal.js";
import { makeKey, now, smallMap, smallTable } from "./support.js";

const name = { push: newRemoteId(now), attempt: 0, sequence: 12 };

function buildPack(seal: Seal, blocks: readonly Uint8Array[]) {
  const builder = createPackBuilder(name, seal);
  const entries = blocks.map((bytes, index) => {
    const encoding = blockEncodings[index % blockEncodings.length] ?? "raw";
    return builder.add({ encoding, bytes }, blake3(Buffer.from(bytes)), bytes.length);
  });
  const { pieces, bytes } = builder.finish();
  const object = Buffer.concat(pieces);
  assert.equal(object.length, bytes);
  return { object, entries };
}

function readPack(object: Buffer, seal: Seal) {
  const key = packKey(name);
  const { keyId } = decodeHead(object.subarray(0, headBytes), "stasisPK", key);
  assert.equal(keyId, seal.keyId);
  const tail = decodePackTail(object.subarray(object.length - tailBytes), object.length, key);
  const end = tail.footerOffset + tail.footerBytes;
  const entries = decodePackFooter(object.subarray(tail.footerOffset, end), tail, name, seal);
  const blocks = entries.map(({ offset, bytes }) =>
    openEntry(name, seal, offset, object.subarray(offset, offset + bytes)),
  );
  return { entries, blocks };
}

const seals = [
  { how: "plain", seal: noSeal },
  { how: "encrypted", seal: sealWith(makeKey(), name.push) },
];

for (const { how, seal } of seals) {
  test(`${how}: any pack is read from its footer alone, and contains its entries`, () => {
    const block = fc.uint8Array({ minLength: 1, maxLength: 5000 });
    fc.assert(
      fc.property(fc.array(block, { minLength: 1, maxLength: 20 }), (blocks) => {
        const { object, entries } = buildPack(seal, blocks);
        const found = readPack(object, seal);
        assert.deepEqual(found.entries, entries);
        assert.deepEqual(found.blocks.map(Buffer.from), blocks.map(Buffer.from));
      }),
      { numRuns: 100 },
    );
  });

  test(`${how}: a changed byte of the head, footer or tail is REMOTE_DATA_INVALID`, () => {
    const { object } = buildPack(seal, [randomBytes(900), randomBytes(1)]);
    const tail = decodePackTail(object.subarray(-tailBytes), object.length, packKey(name));
    for (let at = 0; at < object.length; at += 1) {
      if (at === headBytes) at = tail.footerOffset;
      const wrong = Buffer.from(object);
      wrong[at] = (wrong[at] ?? 0) ^ (1 << randomInt(8));
      const isVersion = at >= 8 && at < 12;
      assert.throws(
        () => readPack(wrong, seal),
        (error) =>
          (error instanceof StoreError && error.reason === "REMOTE_DATA_INVALID") ||
          (isVersion && error instanceof StoreError && error.reason === "FORMAT_UNSUPPORTED") ||
          // The id of the encryption key is a part of the head.
          (at >= 12 && at < 32 && error instanceof assert.AssertionError),
        `byte ${at}`,
      );
    }
  });
}

test("an entry that was moved in an encrypted pack, or to another pack, cannot be opened", () => {
  const key = makeKey();
  const seal = sealWith(key, name.push);
  const { object, entries } = buildPack(seal, [randomBytes(64), randomBytes(64)]);
  const [first, second] = entries;
  assert.ok(first !== undefined && second !== undefined);
  const stored = object.subarray(first.offset, first.offset + first.bytes);
  assert.throws(() => openEntry(name, seal, second.offset, stored), /cannot be decrypted/);
  const other = { ...name, sequence: 13 };
  assert.throws(() => openEntry(other, seal, first.offset, stored), /cannot be decrypted/);
  const otherSeal = sealWith(key, newRemoteId(now));
  assert.throws(() => openEntry(name, otherSeal, first.offset, stored), /cannot be decrypted/);
});

function readSection(
  { id, written }: ReturnType<typeof smallMap>,
  object: Buffer,
  kind: SectionKind,
  seal: Seal,
): Buffer {
  const section = written.sections.find((each: MapSection) => each.kind === kind);
  assert.ok(section !== undefined);
  const { offset, length } = sectionRange(written.sections, section);
  return openSection(id, section, offset, object.subarray(offset, offset + length), seal);
}

for (const how of ["plain", "encrypted"]) {
  test(`${how}: a map has its sections, and any changed byte of them is noticed`, () => {
    const id = newRemoteId(now);
    const seal = how === "plain" ? noSeal : sealWith(makeKey(), id);
    const map = smallMap(seal, id);
    const object = Buffer.concat(map.written.pieces);
    const key = mapKey(id);
    assert.equal(object.length, map.written.bytes);
    const packs = decodePacks(readSection(map, object, "packs", seal), key);
    assert.deepEqual(packs, map.packs);
    const bases = decodeBases(readSection(map, object, "bases", seal), packs, key);
    assert.equal(bases[0]?.encoding, "zstd");
    const places = decodePlaces(readSection(map, object, "places", seal), packs, bases, key);
    assert.equal(places.count, 2);
    const patch = { pack: 0, offset: 60_040, bytes: 90, encoding: "patch", base: 0 };
    assert.deepEqual(places.at(1), patch);
    const table = decodeBlockTable(readSection(map, object, "table", seal), key);
    assert.deepEqual(table, smallTable());
    for (let at = headBytes; at < object.length; at += 1) {
      const wrong = Buffer.from(object);
      wrong[at] = (wrong[at] ?? 0) ^ 1;
      const readAll = (): void => {
        for (const { kind } of map.written.sections) readSection(map, wrong, kind, seal);
      };
      assert.throws(readAll, { reason: "REMOTE_DATA_INVALID" }, `byte ${at}`);
    }
  });
}

test("positions outside their pack, patches without a base, and unknown packs are refused", () => {
  const packs = [{ ...name, bytes: 1000, keyId: undefined }];
  const base = { pack: 0, offset: 40, bytes: 10, encoding: "raw", blockBytes: 9 } as const;
  const bases = [{ ...base, digest: blake3(Buffer.from("")) }];
  const record = (
    pack: number,
    offset: number,
    bytes: number,
    code: number,
    of: number,
  ): Buffer => {
    const place = Buffer.alloc(16);
    place.writeUInt32LE(pack, 0);
    place.writeUInt32LE(offset, 4);
    place.writeUIntLE(bytes, 8, 3);
    place.writeUInt8(code, 11);
    place.writeUInt32LE(of, 12);
    return place;
  };
  const none = 0xffff_ffff;
  assert.equal(decodePlaces(record(0, 40, 960, 0, none), packs, bases, "m").count, 1);
  assert.equal(decodePlaces(record(0, 40, 960, 2, 0), packs, bases, "m").count, 1);
  const wrong = [
    record(1, 40, 10, 0, none),
    record(0, 39, 10, 0, none),
    record(0, 41, 960, 0, none),
    record(0, 40, 0, 0, none),
    record(0, 40, 10, 3, none),
    record(0, 40, 10, 2, none),
    record(0, 40, 10, 2, 1),
    record(0, 40, 10, 1, 0),
    record(0, 40, 10, 0, none).subarray(1),
  ];
  for (const bytes of wrong) {
    const reason = "REMOTE_DATA_INVALID";
    assert.throws(() => decodePlaces(bytes, packs, bases, "m"), { reason });
  }
});
