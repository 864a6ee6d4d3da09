// Makes the contents of the snapshots in a model run. There are few of them, they are small, and
// the test knows each byte.
import { createHash } from "node:crypto";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { extract } from "tar-stream";
import { Compression, type Client } from "../../src/client/index.js";
import {
  collect,
  makeSource,
  packDirectory,
  streamOf,
  type SourceFile,
} from "../store/contents.js";
import { patternBytes } from "../support/scratch.js";

export interface Content {
  /** The tar archive that Create receives. */
  readonly tar: Buffer;
  /** The archives that Import receives: one is uncompressed, one is compressed with gzip. */
  readonly archives: readonly [Buffer, Buffer];
  /** The digest of the snapshot, as the daemon's first answer reports it. */
  readonly digest: string;
  /** The SHA-256 of each file's bytes, by file name. */
  readonly files: ReadonlyMap<string, string>;
}

interface Piece {
  readonly at: number;
  readonly length: number;
}

interface Shape {
  readonly sizeBytes: number;
  readonly pieces: readonly Piece[];
}

/**
 * The shapes contain empty files, small files and holes. Some files end just before or just after a
 * boundary of the blocks of 256 KiB.
 */
const shapes: readonly Readonly<Record<string, Shape>>[] = [
  { empty: { sizeBytes: 0, pieces: [] } },
  { "state.json": { sizeBytes: 100, pieces: [{ at: 0, length: 100 }] } },
  {
    "config.json": { sizeBytes: 4096, pieces: [{ at: 0, length: 4096 }] },
    "state.json": { sizeBytes: 777, pieces: [{ at: 0, length: 777 }] },
  },
  { "cow.raw": { sizeBytes: 70_000, pieces: [{ at: 65_536, length: 4000 }] } },
  { memory: { sizeBytes: 262_145, pieces: [{ at: 262_144, length: 1 }] } },
  {
    "cow.raw": {
      sizeBytes: 400_000,
      pieces: [
        { at: 0, length: 5000 },
        { at: 300_000, length: 9000 },
      ],
    },
  },
];

export const contentCount = shapes.length;

/** Makes the contents in `directory` and gets their archives and digests from the daemon. */
export async function makeContents(client: Client, directory: string): Promise<Content[]> {
  await mkdir(directory);
  const contents: Content[] = [];
  for (const [index, shape] of shapes.entries()) {
    const files = Object.entries(shape).map(([name, file], at) =>
      sourceFile(name, file, at + index),
    );
    const source = await makeSource(join(directory, String(index)), files);
    const tar = await collect(packDirectory(source));
    const { snapshot } = await client.create({}, streamOf(tar));
    const id = snapshot?.config?.id ?? "";
    const archives = [
      await download(client, id, Compression.NONE),
      await download(client, id, Compression.GZIP),
    ] as const;
    await client.delete(id);
    const sums = new Map(files.map((file) => [file.name, sha256(plainBytes(file))]));
    contents.push({ tar, archives, digest: snapshot?.digest ?? "", files: sums });
  }
  return contents;
}

function sourceFile(name: string, { sizeBytes, pieces }: Shape, seed: number): SourceFile {
  return {
    name,
    sizeBytes,
    pieces: pieces.map(({ at, length }) => ({
      offset: at,
      bytes: patternBytes(length, seed + at),
    })),
  };
}

function plainBytes({ sizeBytes, pieces }: SourceFile): Buffer {
  const bytes = Buffer.alloc(sizeBytes);
  for (const { offset, bytes: data } of pieces) bytes.set(data, offset);
  return bytes;
}

async function download(client: Client, id: string, compression: Compression): Promise<Buffer> {
  await using reading = await client.export({ ref: id, compression });
  return await collect(reading.bytes);
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Returns the differences between a tar archive without sparse entries and this content. */
export async function contentProblems(
  received: Buffer,
  zipped: boolean,
  content: Content,
): Promise<string[]> {
  let found: Map<string, string>;
  try {
    found = await sumsOfTar(zipped ? gunzipSync(received) : received);
  } catch (error) {
    return [`no archive: ${String(error)}`];
  }
  const wrong = [...content.files].filter(([name, sum]) => found.get(name) !== sum);
  const more = [...found.keys()].filter((name) => !content.files.has(name));
  return [
    ...wrong.map(([name]) => `${name} ${found.has(name) ? "has other bytes" : "is missing"}`),
    ...more.map((name) => `${name} does not belong there`),
  ];
}

async function sumsOfTar(tar: Buffer): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for await (const entry of extract().end(tar)) {
    const pieces: Buffer[] = [];
    for await (const piece of entry) pieces.push(piece as Buffer);
    if (entry.header.name === "snapshot.json") continue;
    found.set(entry.header.name, sha256(Buffer.concat(pieces)));
  }
  return found;
}
