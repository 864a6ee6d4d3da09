// Provides objects of a remote for tests of their formats.
import { randomBytes } from "node:crypto";
import { blake3 } from "@napi-rs/blake-hash";
import { encodeBlockTable } from "../../../src/files/block-table-codec.js";
import { blockBytes, rootDigest, type BlockTable } from "../../../src/files/block-table.js";
import { snapshotDigest } from "../../../src/files/manifest.js";
import { emptyConfig } from "../../../src/model/config.js";
import type { RemoteCommit } from "../../../src/remote/format/commit.js";
import {
  createMapWriter,
  createPlaceWriter,
  encodeBases,
  encodePacks,
  type PackRecord,
  type WrittenMap,
} from "../../../src/remote/format/map.js";
import { newRemoteId } from "../../../src/remote/format/remote-id.js";
import { sealWith, type RepositoryKey, type Seal } from "../../../src/remote/format/seal.js";

export const now = new Date("2026-11-29T12:00:00.000Z");

export function makeKey(): RepositoryKey {
  return { id: newRemoteId(now), secret: randomBytes(32) };
}

export function sealFor(object: string, key: RepositoryKey | undefined, plain: Seal): Seal {
  return key === undefined ? plain : sealWith(key, object);
}

/** Returns the table of a file with a hole, two blocks of data and a block of zeros. */
export function smallTable(): BlockTable {
  return {
    sizeBytes: 3 * blockBytes + 100,
    blockSizeBytes: blockBytes,
    runs: [
      { kind: "hole", count: 1 },
      { kind: "data", count: 2 },
      { kind: "zero", count: 1 },
    ],
    algorithm: "blake3",
    digests: Buffer.concat([blake3(Buffer.from("one")), blake3(Buffer.from("two"))]),
  };
}

export interface SmallMap {
  readonly id: string;
  readonly packs: readonly PackRecord[];
  readonly written: WrittenMap;
}

/** Returns the map of one file with `smallTable`. One block is raw, and one is a patch. */
export function smallMap(seal: Seal, id = newRemoteId(now)): SmallMap {
  const packs = [
    { push: id, attempt: 0, sequence: 0, bytes: 70_000, keyId: seal.keyId },
    { push: newRemoteId(now), attempt: 3, sequence: 7, bytes: 500_000, keyId: undefined },
  ];
  const places = createPlaceWriter(2);
  places.add({ pack: 0, offset: 40, bytes: 60_000, encoding: "raw", base: undefined });
  places.add({ pack: 0, offset: 60_040, bytes: 90, encoding: "patch", base: 0 });
  const base = { pack: 1, offset: 40, bytes: 1000, encoding: "zstd", blockBytes } as const;
  const writer = createMapWriter(id, seal);
  writer.add("table", "memory", encodeBlockTable(smallTable()));
  writer.add("places", "memory", places.finish());
  writer.add("bases", "", encodeBases([{ ...base, digest: blake3(Buffer.from("old")) }]));
  writer.add("packs", "", encodePacks(packs));
  return { id, packs, written: writer.finish() };
}

export function smallCommit(seal: Seal, id = newRemoteId(now)): RemoteCommit {
  const { written } = smallMap(seal, id);
  const table = smallTable();
  const files = [
    {
      name: "memory",
      sizeBytes: table.sizeBytes,
      allocatedBytes: 2 * blockBytes,
      mode: 0o600,
      digest: rootDigest(table),
    },
  ];
  const config = { ...emptyConfig(), id: "0123456789abcdef", name: "web", labels: { a: "b" } };
  const digest = snapshotDigest(files);
  const manifest = { version: 1, id: config.id, revision: 3, config, createdAt: now } as const;
  return {
    id,
    pushedAt: now,
    nodeId: "fedcba9876543210",
    parentDigest: digest,
    manifest: { ...manifest, protected: true, files, digest, parentDigest: digest },
    map: { bytes: written.bytes, sections: written.sections },
    dataBytes: 2 * blockBytes,
    packedBytes: 60_090,
  };
}
