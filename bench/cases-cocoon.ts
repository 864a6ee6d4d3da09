// Compares Import with that of the original program cocoon, on the same archive in the same rounds.
// Both are durable.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { createFromLocalDirectory, readLocalFile } from "../src/client/index.js";
import { Compression } from "../gen/ts/stasis/v1/snapshot_service_pb.js";
import { buildPeer, type Peer } from "../test/interop/cocoon/peer.js";
import { alternate } from "./alternate.js";
import { save } from "./cases-transfer.js";
import type { Row } from "./report.js";
import { rates, ratios } from "./rows.js";
import { drop, makeDense, mib, startDaemon, withScratch } from "./scene.js";
import { removeScratch } from "../test/support/scratch.js";

/**
 * If cocoon's module is not available, the rows give the reason (see test/interop/cocoon/peer.ts).
 */
export async function cocoonCases(bytes: number, rounds: number): Promise<Row[]> {
  const group = `Import of ${bytes / mib} MiB beside cocoon's, durable`;
  let peer: Peer;
  try {
    peer = buildPeer();
  } catch (error) {
    const note = (error as Error).message.split("\n")[0];
    return [{ group, name: "Import ÷ cocoon", unit: "skipped", value: 0, note }];
  }
  return withScratch(async (scratch) => {
    await using daemon = await startDaemon(join(scratch, "root"));
    const { client } = daemon;
    const source = await makeDense(join(scratch, "source"), bytes);
    await createFromLocalDirectory(client, source, { config: { name: "new" } });
    await removeScratch(source);
    const archive = join(scratch, "new.tar");
    await save(daemon, archive, Compression.NONE, "new");
    const dropOurs = (): Promise<void> => drop(client, "new");
    await dropOurs();
    const root = join(scratch, "cocoon");
    const outcomes = await alternate(
      [
        {
          name: "Import",
          run: async () => {
            const stream = readLocalFile(archive);
            await client.import({}, stream);
          },
          after: dropOurs,
          bytes,
          processes: [daemon.pid],
        },
        {
          name: "cocoon",
          run: async () => {
            await mkdir(root);
            return (await peer.open(root).import(archive)).ms;
          },
          after: () => removeScratch(root),
          bytes,
        },
      ],
      rounds,
    );
    return [
      ...rates(group, outcomes),
      ...ratios(`${group}: rate ÷ peer's`, outcomes, [
        { subject: "Import", peer: "cocoon", must: 1, aim: 1.5 },
      ]),
    ];
  });
}
