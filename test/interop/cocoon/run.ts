// Implements `npm run lab -- interop [--case TEXT]`, which compares our archives and stores with
// those of the original program, built from its own module. Ends with 0 if all is identical, with 1
// if not, and with 2 if the module is unavailable.
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { connect } from "../../../src/client/index.js";
import { startDaemonProcess } from "../../support/daemon-process.js";
import { cases } from "./cases.js";
import { playCase, type Row } from "./matrix.js";
import { buildPeer, ModuleUnavailable, type Peer } from "./peer.js";
import { adoptStore } from "./store.js";
import { removeScratch } from "../../support/scratch.js";

const notRun = 2;
const storeSize = { ready: 50, pending: 2, missing: 1 };

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { case: { type: "string", default: "" } } });
  const chosen = cases.filter(({ name }) => name.includes(values.case));
  const adopts = "adopt".includes(values.case);
  // An empty run must not count as a success.
  if (chosen.length === 0 && !adopts) throw new Error(`no case is named "${values.case}"`);
  let peer: Peer;
  try {
    peer = buildPeer();
  } catch (error) {
    if (!(error instanceof ModuleUnavailable)) throw error;
    console.log(`not run: ${error.message}`);
    return notRun;
  }
  console.log(`cocoon: ${peer.version}`);
  const scratch = await mkdtemp(join(tmpdir(), "stasis-interop-"));
  try {
    await using daemon = await startDaemonProcess(join(scratch, "root"));
    const client = connect(daemon.address);
    try {
      let problems = 0;
      const onRow = (row: Row): void => {
        console.log(lineOf(row));
        if (row.differences.length > 0) problems += 1;
      };
      for (const each of chosen) {
        await playCase(each, peer, client, scratch, onRow);
      }
      if (adopts) {
        const adoption = await adoptStore(peer, client, daemon.address, scratch, storeSize);
        for (const line of adoption.lines) console.log(`a store of cocoon  ${line}`);
        for (const problem of adoption.problems) console.log(`DIFFERS  ${problem}`);
        problems += adoption.problems.length;
      }
      console.log(problems === 0 ? "all identical" : `${problems} differ`);
      return problems === 0 ? 0 : 1;
    } finally {
      client.close();
    }
  } finally {
    await removeScratch(scratch);
  }
}

function lineOf(row: Row): string {
  const mib = (bytes: number): string => `${(bytes / (1 << 20)).toFixed(1)} MiB`;
  return [
    row.case.padEnd(16),
    row.direction.padEnd(20),
    row.archive.padEnd(16),
    `archive ${mib(row.archiveBytes)}`.padStart(19),
    `${row.segments} segments`.padStart(15),
    `${mib(row.dataBytes)} compared`.padStart(20),
    `${(row.ms / 1000).toFixed(1)} s`.padStart(7),
    row.differences.length === 0 ? "identical" : `DIFFERS: ${row.differences.join("; ")}`,
  ].join("  ");
}

process.exitCode = await main();
