// Starts the daemon in this process, as `stasis serve` does, for programs that judge many stores.
// Starting Node for each store would take longer than all other steps together.
import { pino } from "pino";
import { connect, type Client } from "../../src/client/index.js";
import { logFormat } from "../../src/base/logger.js";
import { loadDaemonConfig } from "../../src/config/load.js";
import { startDaemon } from "../../src/daemon/daemon.js";
import { checkOffline } from "../../src/daemon/offline.js";
import { serveFlags, startServed, type Place } from "./served.js";

export interface Started {
  readonly client: Client;
  output(): string;
  /** Stops the daemon cleanly. */
  stop(): Promise<void>;
}

export type Start = (place: Place) => Promise<Started>;

export async function startHere(place: Place): Promise<Started> {
  let output = "";
  const logger = pino(logFormat("info"), { write: (line: string) => (output += line) });
  const { config } = loadDaemonConfig({ flags: serveFlags(place) });
  const started = await startDaemon({ config, logger });
  const client = connect(`unix:${place.socket}`);
  const stop = async (): Promise<void> => {
    client.close();
    await started.stop();
  };
  return { client, output: () => output, stop };
}

/** Starts the program itself in its own process. */
export async function startProgram(place: Place): Promise<Started> {
  const { client, output, signal, exited } = await startServed(place);
  const stop = async (): Promise<void> => {
    client.close();
    signal("SIGTERM");
    await exited;
  };
  return { client, output, stop };
}

export interface CheckProblem {
  readonly id: string;
  readonly text: string;
}

/** Returns the problems that `stasis check` reports in a store without a daemon. */
export async function checkHere(root: string, deep: boolean): Promise<CheckProblem[]> {
  const problems: CheckProblem[] = [];
  const options = { deep, limitBytesPerSecond: 0 };
  for await (const { event } of checkOffline(root, options, new AbortController().signal)) {
    if (event.case !== "finding" || !event.value.problem) continue;
    const { id, path, found } = event.value;
    problems.push({ id, text: `check: ${id} ${path} ${found}` });
  }
  return problems;
}
