// Implements `npm run lab -- soak-starts --starts N`, which starts, uses and stops the daemon N
// times, with the Node that runs this program. A daemon that ends too early, or with a status other
// than 0, counts as an abort.
import { connect, createFromLocalDirectory } from "../../src/client/index.js";
import { makeSmallSource } from "../store/contents.js";
import { startDaemonProcess, type DaemonProcess } from "../support/daemon-process.js";
import { soakMain, type SoakResult } from "./soak-main.js";

const listingsPerStart = 20;

await soakMain("starts", { starts: 50 }, playStarts);

async function playStarts(
  directory: string,
  { starts }: Readonly<Record<"starts", number>>,
  signal: AbortSignal,
): Promise<SoakResult> {
  const source = await makeSmallSource(`${directory}/source`);
  const problems: string[] = [];
  let done = 0;
  for (; done < starts && !signal.aborted; done++) {
    const problem = await startOnce(`${directory}/root`, source, `start-${done}`);
    if (problem !== undefined) problems.push(`start ${done + 1}: ${problem}`);
  }
  const counts = new Map([
    [`starts with Node ${process.version}`, done],
    ["aborts", problems.length],
  ]);
  return { problems, counts };
}

/** Returns the problem, if there is one. */
async function startOnce(root: string, source: string, name: string): Promise<string | undefined> {
  let daemon: DaemonProcess;
  try {
    daemon = await startDaemonProcess(root);
  } catch (error) {
    return String(error);
  }
  await using _daemon = daemon;
  try {
    await using client = connect(daemon.address);
    await createFromLocalDirectory(client, source, { config: { name } });
    // Each listing has different filters, so that the statements of earlier listings are freed.
    for (let labels = 0; labels < listingsPerStart; labels++) {
      const names = Array.from({ length: labels }, (_, index) => `label-${index}`);
      await client.list({ filter: { labels: Object.fromEntries(names.map((key) => [key, ""])) } });
    }
  } catch (error) {
    return `${String(error)}: ${daemon.output()}`;
  }
  daemon.signal("SIGTERM");
  const { code, signal } = await daemon.exited;
  if (code === 0) return undefined;
  return `ended with ${signal ?? `status ${code}`}: ${daemon.output()}`;
}
