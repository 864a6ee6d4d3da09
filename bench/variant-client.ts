// Runs the client of one variant as a process of its own: `node variant-client.js DIR ADDRESS`. It
// loads the client library of the build in DIR, and runs the case that each message names.
import { pathToFileURL } from "node:url";
import { join } from "node:path";
import type * as ownLibrary from "../src/client/index.js";

type Library = typeof ownLibrary;

/** A message to this process. It answers with the milliseconds that the case took, or an error. */
export interface VariantRun {
  readonly name: keyof typeof cases;
  readonly source: string;
  readonly archive: string;
  readonly ref: string;
  readonly count: number;
}

const [directory = "", address = ""] = process.argv.slice(2);
const library = (await import(
  pathToFileURL(join(directory, "dist/src/client/index.js")).href
)) as Library;
library.prepareForBulk();
const client = library.connect(address);
const unkept = { reuseBuffers: true };

const cases = {
  Create: ({ source, count }: VariantRun) =>
    each(count, async (index) => {
      const request = { config: { name: `new-${index}` } };
      await library.createFromLocalDirectory(client, source, request);
    }),
  Import: ({ archive, count }: VariantRun) =>
    each(count, async (index) => {
      await client.import({ name: `new-${index}` }, library.readLocalFile(archive));
    }),
  Restore: ({ ref, count }: VariantRun) =>
    each(count, async () => discard(await client.restore(ref, unkept))),
  Export: ({ ref, count }: VariantRun) =>
    each(count, async () => discard(await client.export(ref, unkept))),
  Inspect: async ({ ref, count }: VariantRun) => {
    for (let index = 0; index < count; index += 1) await client.inspect(ref);
  },
};

async function each(count: number, run: (index: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_none, index) => run(index)));
}

async function discard(download: { readonly bytes: AsyncIterable<Uint8Array> }): Promise<void> {
  for await (const chunk of download.bytes) void chunk;
}

process.on("message", (run: VariantRun) => {
  const started = performance.now();
  cases[run.name](run).then(
    () => process.send?.(performance.now() - started),
    (error: unknown) => process.send?.(String(error)),
  );
});
process.send?.(0);
