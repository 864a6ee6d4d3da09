// Measures loads that must not make the daemon grow: the size of a snapshot, the number of its
// pieces, and peers that stop reading. Each load runs in its own daemon. The peak is the kernel's
// VmHWM.
import { randomFillSync } from "node:crypto";
import { mkdir, open } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createFromLocalDirectory } from "../src/client/index.js";
import type { Row } from "./report.js";
import { memoryRow } from "./rows.js";
import { discard, makeDense, memoryOf, mib, startDaemon, unkept, withScratch } from "./scene.js";

const pieces = 100_000;
const slowReaders = 32;
const stallMs = 5000;

export async function memoryCases(bytes: number): Promise<Row[]> {
  const sizes = [bytes / 16, bytes];
  const rows: Row[] = [];
  for (const size of sizes) {
    rows.push(
      await peakOf(`Create and Restore of ${size / mib} MiB`, (scratch) =>
        makeDense(join(scratch, "source"), size),
      ),
    );
  }
  rows.push(await peakOf(`Create and Restore of a file in ${pieces} pieces`, makePieces));
  rows.push(await slowPeers(bytes / 16));
  return rows;
}

async function peakOf(
  what: string,
  makeSource: (scratch: string) => Promise<string>,
): Promise<Row> {
  return withScratch(async (scratch) => {
    const source = await makeSource(scratch);
    await using daemon = await startDaemon(join(scratch, "root"));
    await createFromLocalDirectory(daemon.client, source, { config: { name: "kept" } });
    await discard(await daemon.client.restore("kept", unkept));
    return memoryRow(`Peak RSS: ${what}`, (await memoryOf(daemon.pid)).peakBytes);
  });
}

/** Makes a file in which every other 4 KiB is a hole. */
async function makePieces(scratch: string): Promise<string> {
  const source = join(scratch, "source");
  await mkdir(source);
  await using file = await open(join(source, "cow.raw"), "wx");
  const data = randomFillSync(Buffer.alloc(4096));
  await file.truncate(pieces * 8192);
  for (let piece = 0; piece < pieces; piece += 1) await file.write(data, 0, 4096, piece * 8192);
  await file.sync();
  return source;
}

/** Measures peers that all read one chunk, pause for a while, and then read the rest. */
async function slowPeers(bytes: number): Promise<Row> {
  return withScratch(async (scratch) => {
    const source = await makeDense(join(scratch, "source"), bytes);
    await using daemon = await startDaemon(join(scratch, "root"));
    await createFromLocalDirectory(daemon.client, source, { config: { name: "kept" } });
    const readSlowly = async (): Promise<void> => {
      const { bytes: chunks } = await daemon.client.restore("kept");
      let first = true;
      for await (const chunk of chunks) {
        void chunk;
        if (first) await sleep(stallMs);
        first = false;
      }
    };
    await Promise.all(Array.from({ length: slowReaders }, readSlowly));
    const name = `Peak RSS: ${slowReaders} readers that stop for ${stallMs / 1000} s`;
    return memoryRow(name, (await memoryOf(daemon.pid)).peakBytes);
  });
}
