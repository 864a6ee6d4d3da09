// Makes the initial inputs of each fuzzer besides its corpus: valid inputs, and the hostile
// archives.
import type { DigestAlgorithm } from "../../src/files/block-digest.js";
import { encodeBlockTable } from "../../src/files/block-table-codec.js";
import { blockBytes } from "../../src/files/block-table.js";
import { encodeManifest, manifestVersion, snapshotDigest } from "../../src/files/manifest.js";
import { encodeEnvelope } from "../../src/archive/envelope.js";
import { emptyConfig } from "../../src/model/config.js";
import { envelopeCases } from "../hostile/envelope-cases.js";
import { headerCases } from "../hostile/header-cases.js";
import { archiveOf, goodFile } from "../hostile/hostile-case.js";
import { nameCases } from "../hostile/name-cases.js";
import { sparseCases } from "../hostile/sparse-cases.js";
import { paxRecord } from "../unit/archive/support.js";
import type { FuzzTarget } from "./fuzz-targets.js";
import { remoteSeeds } from "./remote-seeds.js";

const maxSeedBytes = 16 * 1024;
const id = "0123456789abcdef";
const config = {
  ...emptyConfig(),
  id,
  name: "web",
  description: "a machine",
  imageBlobIds: ["a1"],
  memoryBytes: 4096,
  labels: { tier: "gold" },
  unknown: { envelope: { x: "1" }, config: { y: '{"z":[1.0,null]}' } },
};
const digest = `sha256:${"0a".repeat(32)}`;
const deltaClaims = new Map(
  ["disk", "memory"].map((name) => [name, { sizeBytes: 65_536, digest, blocks: "blake3" }]),
);
const delta = {
  parent: { digest, id, name: "web" },
  deltaFiles: new Map([["memory", [4096, 16_384].map((offset) => ({ offset, length: 512 }))]]),
  inherited: ["disk"],
};
const files = [
  {
    name: "disk",
    sizeBytes: 9,
    allocatedBytes: 4096,
    mode: 0o600,
    digest: `sha256:${"0a".repeat(32)}`,
  },
];

export function seedsOf(target: FuzzTarget): readonly Uint8Array[] {
  return seeds[target]();
}

const seeds: Readonly<Record<FuzzTarget, () => readonly Uint8Array[]>> = {
  tar: () => [archiveOf(goodFile), ...hostileArchives()].map(withChoice),
  pax: () => [
    Buffer.from(paxRecord("path", "memory") + paxRecord("size", "12")),
    Buffer.from(paxRecord("GNU.sparse.offset", "0") + paxRecord("GNU.sparse.numbytes", "4")),
    Buffer.from(paxRecord("SCHILY.xattr.user.x", "\u00e9")),
  ],
  sparse: () => [
    sparse(0, '[{"o":0,"l":4},{"o":8,"l":0}]', "100"),
    sparse(1, oldGnuHeader(), Buffer.alloc(512)),
    sparse(2, gnuRecords({ major: "1", minor: "0", realsize: "100" }), blockOf("1\n96\n4\n"), 516),
    sparse(2, gnuRecords({ size: "100", numblocks: "2", map: "0,2,50,2" }), ""),
    sparse(2, gnuRecords({ size: "100", numblocks: "1", offset: "7", numbytes: "4" }), ""),
  ],
  envelope: () => [
    encodeEnvelope(config, ["disk", "memory"]),
    encodeEnvelope(
      config,
      ["disk"],
      new Map([["disk", { sizeBytes: 9, digest: `sha256:${"0a".repeat(32)}`, blocks: "blake3" }]]),
    ),
    encodeEnvelope(config, ["disk", "memory"], deltaClaims, { delta }),
    Buffer.from('{"config":null}'),
  ],
  manifest: () => [withChoice(manifestText())],
  "block-table": () => [
    table(
      [
        { kind: "hole", count: 3 },
        { kind: "data", count: 1 },
      ],
      3 * blockBytes + 5,
      1,
    ),
    table(
      [
        { kind: "data", count: 2 },
        { kind: "zero", count: 1 },
      ],
      3 * blockBytes,
      2,
    ),
    table([], 0, 0),
    table([{ kind: "data", count: 1 }], 9, 1, "sha256"),
  ],
  "zstd-frames": () => [
    // The inputs are a frame with a checksum and an RLE block, a skippable frame, and a frame with
    // a content size.
    Buffer.from("28b52ffd0438230000aa11223344502a4d1803000000010203", "hex"),
    Buffer.from("28b52ffd6005001d0000616263", "hex"),
  ],
  ...remoteSeeds,
};

/** Puts the byte with which a target chooses its action in front of the input. */
function withChoice(input: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from([3]), input]);
}

function hostileArchives(): Uint8Array[] {
  return [...nameCases, ...headerCases, ...sparseCases, ...envelopeCases]
    .map((hostile) => hostile.bytes())
    .filter((bytes) => bytes instanceof Uint8Array)
    .filter(({ byteLength }) => byteLength <= maxSeedBytes);
}

function sparse(
  notation: number,
  first: string | Uint8Array,
  rest: string | Uint8Array,
  bodyBytes = 4,
): Buffer {
  const before = Buffer.from(first as Uint8Array);
  const head = Buffer.alloc(6);
  head.writeUInt8(notation, 0);
  head.writeUInt16LE(bodyBytes, 1);
  head.writeUInt16LE(before.length, 3);
  return Buffer.concat([head, before, Buffer.from(rest as Uint8Array)]);
}

function gnuRecords(values: Readonly<Record<string, string>>): string {
  return Object.entries(values)
    .map(([key, value]) => paxRecord(`GNU.sparse.${key}`, value))
    .join("");
}

function blockOf(text: string): Buffer {
  return Buffer.concat([Buffer.from(text), Buffer.alloc(512 - text.length)]);
}

function oldGnuHeader(): Buffer {
  const header = Buffer.alloc(512);
  header.write("00000000000\0" + "00000000004\0", 386, "latin1");
  header.write("00000000144\0", 483, "latin1");
  return header;
}

function manifestText(): Buffer {
  const whole = Buffer.from(
    encodeManifest({
      version: manifestVersion,
      id,
      revision: 1,
      config,
      createdAt: new Date(0),
      protected: false,
      parentDigest: "",
      files,
      digest: snapshotDigest(files),
    }),
  );
  const key = '"manifest": ';
  return whole.subarray(whole.indexOf(key) + key.length, -"\n}\n".length);
}

function table(
  runs: readonly { kind: "hole" | "zero" | "data"; count: number }[],
  sizeBytes: number,
  digests: number,
  algorithm: DigestAlgorithm = "blake3",
): Buffer {
  const bytes = encodeBlockTable({
    sizeBytes,
    blockSizeBytes: blockBytes,
    runs,
    algorithm,
    digests: Buffer.alloc(digests * 32, 7),
  });
  // The fuzzer adds the checksum.
  return Buffer.from(bytes.subarray(0, -32));
}
