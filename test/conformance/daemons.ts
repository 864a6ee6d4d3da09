// Starts the daemons that a runner calls, each in its own process, under the names that the
// scenario uses.
import { mkdir, mkdtemp, writeFile } from "node:fs/promises";
import { existsSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { changeTokenFile, makeToken } from "../../src/config/token-file.js";
import { startDaemonProcess, type DaemonProcess } from "../support/daemon-process.js";
import { plantTwins } from "../support/twins.js";
import { makeSmallSource } from "../store/contents.js";
import { removeScratch } from "../support/scratch.js";

export type Transport = "tcp" | "unix";

export interface Daemons extends AsyncDisposable {
  /** The address of each daemon over this transport. */
  readonly targets: Readonly<Record<string, string>>;
  readonly vars: Readonly<Record<string, string>>;
  /** Returns the log of the daemons. */
  output(): string;
}

/** A remote at a port on which nobody listens. */
const nowhere = `[[remotes]]
name = "nowhere"
endpoint = "http://127.0.0.1:1"
bucket = "snapshots"
anonymous = true
`;

/** At least one of these is likely to be on another filesystem than temporary files. */
const places = ["/dev/shm", "/tmp", "/var/tmp", homedir()];

/**
 * Starts the daemons. `program` is an earlier build of the daemon, which does not support remotes.
 * By default, this build is used.
 */
export async function startDaemons(
  scratch: string,
  transport: Transport,
  program?: URL,
): Promise<Daemons> {
  const started = new Map<string, DaemonProcess>();
  const elsewhere = await mkdtemp(join(otherFilesystem(scratch), "stasis-conformance-"));
  const stop = async (): Promise<void> => {
    await Promise.all([...started.values()].map((daemon) => daemon.kill()));
    await removeScratch(elsewhere);
  };
  try {
    const dir = join(scratch, "files");
    await mkdir(dir);
    const root = (name: string): string => join(scratch, name);
    const twins = await plantTwins(root("limited"), await makeSmallSource(join(scratch, "source")));
    const tokens = join(scratch, "tokens.json");
    const readerToken = makeReaderToken(tokens);
    const config = join(scratch, "main.toml");
    await writeFile(config, nowhere);
    const flags: Record<string, Record<string, string>> = {
      // Callers without credentials over TCP share one identity. The scenario opens 64 streams.
      main: {
        "max-streams-per-identity": "64",
        ...(program === undefined ? { config } : {}),
      },
      peer: {},
      stopping: {},
      limited: { "max-watchers": "1", reserve: "100TiB" },
      guarded: { tokens },
    };
    await Promise.all(
      Object.entries(flags).map(async ([name, more]) =>
        started.set(name, await startDaemonProcess(root(name), more, undefined, {}, program)),
      ),
    );
    const named = [...started];
    return {
      targets: Object.fromEntries(
        named.map(([name, { address, tcpAddress }]) => [
          name,
          transport === "tcp" ? tcpAddress : address,
        ]),
      ),
      vars: {
        dir,
        elsewhere: join(elsewhere, "vm"),
        "twins.prefix": twins[0]?.slice(0, 3) ?? "",
        "twins.ids": twins.join(","),
        "reader.token": readerToken,
        ...Object.fromEntries(
          named.flatMap(([name, { tcpAddress, pid }]) => [
            [`${name}.tcp`, tcpAddress],
            [`${name}.pid`, String(pid)],
          ]),
        ),
      },
      output: () => named.map(([name, child]) => `-- ${name}\n${child.output()}`).join("\n"),
      [Symbol.asyncDispose]: stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

function otherFilesystem(scratch: string): string {
  const { dev } = statSync(scratch);
  const found = places.find((place) => existsSync(place) && statSync(place).dev !== dev);
  if (found === undefined) {
    throw new Error(`${places.join(", ")} are all on one filesystem: set TMPDIR to another one`);
  }
  return found;
}

function makeReaderToken(path: string): string {
  const identity = {
    name: "reader",
    role: "reader",
    namePrefix: "",
    expiresAt: undefined,
  } as const;
  const { token, record } = makeToken(identity, new Date());
  changeTokenFile(path, (records) => [...records, record]);
  return token;
}
