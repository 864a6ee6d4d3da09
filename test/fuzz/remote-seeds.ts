// Makes the initial inputs for the fuzzers of a remote's objects.
import { blake3 } from "@napi-rs/blake-hash";
import { loadZstdBlockCodec } from "../../src/archive/zstd-block.js";
import { encodeBlock } from "../../src/remote/format/block-codec.js";
import { encodeCommit } from "../../src/remote/format/commit.js";
import { openSection, sectionRange } from "../../src/remote/format/map.js";
import { createPackBuilder, tailBytes } from "../../src/remote/format/pack.js";
import { noSeal } from "../../src/remote/format/seal.js";
import { smallCommit, smallMap } from "../unit/remote/support.js";

const id = "01kb7x0000abcdefghjkmnpqrs";
const codec = await loadZstdBlockCodec();
const base = Buffer.alloc(9000, "a page of a guest, ");
const block = Buffer.from(base).fill(7, 5000);
const encodedBlocks = [await encodeBlock(codec, block), await encodeBlock(codec, block, base)];

export const remoteSeeds = {
  "zstd-block": () =>
    encodedBlocks.map(({ encoding, bytes }) => {
      const head = Buffer.from([encoding === "zstd" ? 0 : 1, 0, 0]);
      head.writeUInt16LE(block.length, 1);
      return Buffer.concat([head, bytes]);
    }),
  "remote-pack": () => [packSeed()],
  "remote-map": () => [mapSeed()],
  "remote-commit": () => [commitSeed()],
} as const;

function packSeed(): Buffer {
  const builder = createPackBuilder({ push: id, sequence: 0 }, noSeal);
  for (const bytes of [Buffer.from("one"), Buffer.from("two and more")]) {
    builder.add({ encoding: "raw", bytes }, blake3(bytes), bytes.length);
  }
  const { pieces, bytes } = builder.finish();
  const [footer = Buffer.alloc(0), tail = Buffer.alloc(tailBytes)] = pieces.slice(-2);
  const size = Buffer.alloc(4);
  size.writeUInt32LE(bytes);
  return Buffer.concat([size, tail, footer]);
}

function mapSeed(): Buffer {
  const { written } = smallMap(noSeal, id);
  const object = Buffer.concat(written.pieces);
  const sectionOf = (kind: string): Buffer => {
    const section = written.sections.find((each) => each.kind === kind);
    if (section === undefined) throw new Error(`no section ${kind}`);
    const { offset, length } = sectionRange(written.sections, section);
    return openSection(id, section, offset, object.subarray(offset, offset + length), noSeal);
  };
  const [packs, bases, places] = [sectionOf("packs"), sectionOf("bases"), sectionOf("places")];
  const head = Buffer.alloc(4);
  head.writeUInt16LE(packs.length, 0);
  head.writeUInt16LE(bases.length, 2);
  return Buffer.concat([head, packs, bases, places]);
}

function commitSeed(): Buffer {
  const whole = Buffer.from(encodeCommit(smallCommit(noSeal, id), noSeal));
  const key = '"content": ';
  const text = whole.subarray(whole.indexOf(key) + key.length, -"\n}\n".length);
  return Buffer.concat([Buffer.from([3]), text]);
}
