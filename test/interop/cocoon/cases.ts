// Defines the snapshots of the interop tests: their generated files, and their configurations with
// cocoon's keys.
import { closeSync, ftruncateSync, openSync, writeSync } from "node:fs";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { makeSource, piece } from "../../store/contents.js";
import { patternBytes } from "../../support/scratch.js";

const kib = 1024;
const mib = 1024 * kib;
const gib = 1024 * mib;
/** The unit of cocoon's holes and of filesystem holes, in bytes. */
const blockBytes = 4 * kib;

export interface InteropCase {
  readonly name: string;
  /** Contains keys that stasis knows. */
  readonly config: Readonly<Record<string, unknown>>;
  /** Contains keys of newer cocoons, which stasis only preserves. */
  readonly more?: Readonly<Record<string, unknown>>;
  /** Makes the files in the directory. */
  make(directory: string): Promise<unknown>;
  /** True if the archive is too large to be sent in every format. */
  readonly large?: boolean;
}

const every = {
  name: "registry.example/vm:nightly-1",
  description: 'größer – 快照 🐛\n\t"quoted" <&> \u2028 end',
  image: "docker.io/library/debian:12",
  image_digest: "sha256:00ff00ff",
  image_type: "oci",
  image_blob_ids: { "blob-a": {}, "blob-ü": {}, ff00: {} },
  hypervisor: "cloud-hypervisor",
  cpu: 4,
  memory: 4 * gib,
  storage: 3 * mib,
  nics: 2,
  queue_size: 256,
  disk_queue_size: 128,
  network: "bridge-büro",
  no_direct_io: true,
  windows: true,
};

const newer = {
  no_watchdog: true,
  shared_memory: true,
  hugepages: true,
  mergeable: true,
  cpu_weight: 100,
  cpu_quota_us: Number.MAX_SAFE_INTEGER,
  cpu_period_us: 100_000,
  cpu_burst_us: -1,
  cpuset_cpus: "0-3,7",
};

const everyField: InteropCase = {
  name: "every field",
  config: every,
  more: newer,
  make: (directory) =>
    makeSource(directory, [
      { name: "cow.raw", sizeBytes: 3 * mib, pieces: [piece(64 * kib, 8 * kib)] },
      { name: "größe-快照.bin", sizeBytes: 3001, pieces: [piece(0, 3001)], mode: 0o640 },
      { name: "state.json", sizeBytes: 10, pieces: [piece(0, 10)], mode: 0o644 },
    ]),
};

const emptyFiles: InteropCase = {
  name: "empty files",
  config: { name: "empty" },
  make: (directory) =>
    makeSource(directory, [
      { name: "a", sizeBytes: 0, pieces: [] },
      { name: "b", sizeBytes: 1, pieces: [piece(0, 1)] },
      { name: "c", sizeBytes: 0, pieces: [], mode: 0o755 },
    ]),
};

const allHole = sparse("0 segments", 0, 64 * mib);

export const cases: readonly InteropCase[] = [
  everyField,
  emptyFiles,
  allHole,
  sparse("1 segment", 1, 64 * mib),
  sparse("1,000 segments", 1000, 16 * mib + 123),
  // The map of this file is longer than cocoon writes or reads.
  { ...sparse("100,000 segments", 100_000, 100_000 * 2 * blockBytes), large: true },
  big([5000, 70_000]),
];

/**
 * The folder test/fixtures/cocoon contains cocoon's own archives of these cases, so they are small.
 */
export const fixtures: readonly { readonly file: string; readonly of: InteropCase }[] = [
  { file: "every-field.tar", of: everyField },
  { file: "every-field.tar.gz", of: everyField },
  { file: "empty-files.tar", of: emptyFiles },
  { file: "all-hole.tar", of: allHole },
  { file: "segments-1000.tar.gz", of: sparse("1,000 segments", 1000, 16 * mib + 123, true) },
  { file: "above-8-gib.tar.gz", of: big([500, 700]) },
];

function big([first, second]: readonly [number, number]): InteropCase {
  return {
    name: "above 8 GiB",
    config: { name: "big" },
    large: true,
    make: (directory) =>
      makeSource(directory, [
        {
          name: "memory-ranges",
          sizeBytes: 9 * gib + 77,
          pieces: [piece(0, first), piece(8 * gib + 4096, second), piece(9 * gib, 77)],
        },
      ]),
  };
}

function sparse(name: string, segments: number, sizeBytes: number, dull = false): InteropCase {
  return {
    name,
    config: { name: `sparse-${segments}`, description: name },
    make: async (directory) => {
      await mkdir(directory);
      writeSegments(join(directory, "disk"), segments, sizeBytes, dull);
    },
  };
}

/**
 * Writes segments of one block each, all different, with a hole of the same size after each. `dull`
 * segments compress well.
 */
function writeSegments(path: string, count: number, sizeBytes: number, dull: boolean): void {
  const file = openSync(path, "wx", 0o600);
  try {
    ftruncateSync(file, sizeBytes);
    const block = dull ? Buffer.alloc(blockBytes, "x") : patternBytes(blockBytes, count);
    for (let index = 0; index < count; index += 1) {
      block.writeUInt32LE(index + 1);
      writeSync(file, block, 0, blockBytes, index * 2 * blockBytes);
    }
  } finally {
    closeSync(file);
  }
}
