// Reads and writes scrub.json, a text file in the root. It records when all data was last read
// again, and how far the current scrub has got. The file is never made durable: a missing or
// unreadable file means that nothing is known.
import { z } from "zod";
import type { ScrubState } from "../model/scrub.js";
import { readLoosely, replaceLoosely } from "./durable.js";
import type { Layout } from "./layout.js";

const time = z.coerce.date();
const count = z.number().int().nonnegative();
const counts = { snapshots: count, bytes: count, damaged: count, unreadable: count };

const schema = z.object({
  last: z.object({ startedAt: time, endedAt: time, ...counts }).optional(),
  running: z.object({ startedAt: time, after: z.string(), ...counts }).optional(),
});

export async function readScrubState(layout: Layout): Promise<ScrubState> {
  const { success, data } = schema.safeParse(await readLoosely(layout.scrubState));
  return success ? data : {};
}

export async function writeScrubState(layout: Layout, state: ScrubState): Promise<void> {
  await replaceLoosely(layout.scrubState, state);
}
