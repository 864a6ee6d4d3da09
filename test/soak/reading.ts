// Reads a snapshot completely, in one of two ways, and compares it with the expected content.
import { setTimeout as pause } from "node:timers/promises";
import { SparseFormat, type Client, type Snapshot } from "../../src/client/index.js";
import { contentProblems, type Content } from "../model/contents.js";
import type { Random } from "../support/random.js";

export interface Read {
  readonly ref: string;
  readonly exporting: boolean;
  readonly verify: boolean;
  /**
   * The pause after each chunk in milliseconds. A slow reader is more likely to overlap with a
   * removal.
   */
  readonly pauseMs: number;
}

export function randomRead(ref: string, random: Random): Read {
  return {
    ref,
    exporting: random.chance(0.4),
    verify: random.chance(0.4),
    pauseMs: random.chance(0.5) ? 1 + random.below(60) : 0,
  };
}

/**
 * Returns the differences in the bytes. Rethrows an error before the header unchanged. An error
 * after the call of `began` is thrown too, and is never allowed.
 */
export async function readWhole(
  client: Client,
  { ref, exporting, verify, pauseMs }: Read,
  contents: readonly Content[],
  began: (snapshot: Snapshot) => void,
): Promise<readonly string[]> {
  const request = { ref, verify, sparseFormat: SparseFormat.NONE };
  const limit = { timeoutMs: 120_000 };
  await using reading = await (exporting
    ? client.export(request, limit)
    : client.restore(request, limit));
  const { snapshot } = reading.header;
  if (snapshot === undefined) return ["its header has no snapshot"];
  began(snapshot);
  const pieces: Buffer[] = [];
  for await (const bytes of reading.bytes) {
    pieces.push(Buffer.from(bytes));
    if (pauseMs > 0) await pause(pauseMs);
  }
  const content = contents.find(({ digest }) => digest === snapshot.digest);
  if (content === undefined) return ["nobody stored it"];
  return await contentProblems(Buffer.concat(pieces), false, content);
}
