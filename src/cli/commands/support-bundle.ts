// Implements `stasis support-bundle`, which collects the information that a support engineer asks
// for first, in one file.
import { hostname } from "node:os";
import type { Command } from "commander";
import { isStoreError } from "../../base/errors.js";
import { findAdminSocket } from "../admin-socket.js";
import { openOutput } from "../byte-output.js";
import { readCredentials } from "../credentials.js";
import { exitCodes } from "../exit-codes.js";
import { formatBytes } from "../format.js";
import { explainInterruption, interruption } from "../interrupt.js";
import { renderJson, type GlobalOptions } from "../session.js";
import { printErr, printOut } from "../stdio.js";
import { askDaemon, withoutDaemon, type DaemonParts } from "../support-bundle/daemon-parts.js";
import { configFilePart, diskPart, versionsPart } from "../support-bundle/local-parts.js";
import type { Part } from "../support-bundle/part.js";
import { readme } from "../support-bundle/readme.js";
import { tarGz } from "../support-bundle/tar-gz.js";

interface BundleOptions extends GlobalOptions {
  readonly adminSocket?: string;
  readonly root?: string;
  readonly config?: string;
  readonly names: boolean;
  readonly force: boolean;
}

/** Adds the command. It calls `setExitCode` if parts of the bundle are missing. */
export function addSupportBundleCommand(
  program: Command,
  setExitCode: (code: number) => void,
): void {
  program
    .command("support-bundle")
    .summary("collect what support needs into one tar.gz")
    .description(
      "Writes versions, configuration without credentials, the newest log, conditions, usage, " +
        "running work, a check, a planned collection and metrics into FILE, which it does not " +
        "replace. Nothing in the store changes. The bundle contains no data of snapshots and no " +
        "credentials; it does contain names of snapshots and callers, and paths, unless --no-names " +
        "is given. If the daemon does not answer, it contains what the machine knows without it, " +
        "README.txt says what is missing, and the exit code is 6. The daemon gives its part to " +
        "operators without a prefix only.",
    )
    .argument("[file]", "default: stasis-support-HOST-TIME.tar.gz; - is stdout")
    .option("--no-names", "leave out names of snapshots, labels and callers")
    .option("-f, --force", "replace FILE if it exists", false)
    .option("--admin-socket <path>", "the daemon's admin_listen; default: beside its socket")
    .option("--root <directory>", "the store's directory, if the daemon does not answer")
    .option(
      "--config <file>",
      "the daemon's configuration file, if the daemon does not answer (env: STASIS_CONFIG)",
    )
    .action(async (file: string | undefined, _options: unknown, command: Command) => {
      await supportBundle(file, command.optsWithGlobals<BundleOptions>(), setExitCode);
    });
}

/** The check alone may take 20 s. */
const defaultTimeoutMs = 25_000;

async function supportBundle(
  file: string | undefined,
  options: BundleOptions,
  setExitCode: (code: number) => void,
): Promise<void> {
  explainInterruption(() => "nothing was written");
  const at = new Date();
  const folder = bundleName(at);
  const target = file ?? `${folder}.tar.gz`;
  await using output = await openOutput(target, options.force, "--force (-f)");
  const parts = await collect(options, at);
  const missing = parts.filter(({ text }) => text === undefined);
  const files = parts.flatMap(({ file: name, text }) => (text === undefined ? [] : { name, text }));
  const top = { name: "README.txt", text: readme(parts, at, options.names) };
  const bytes = tarGz(folder, [top, ...files], at);
  await output.write(bytes);
  await output.commit();
  const answer = renderJson({
    file: output.isStdout ? "-" : target,
    bytes: bytes.length,
    missing: missing.map(({ file: name, missing: why = "" }) => ({ file: name, why })),
  });
  if (options.json && !output.isStdout) await printOut(answer);
  else if (options.json) printErr(answer);
  else tell(options, output.isStdout ? "stdout" : target, bytes.length, missing);
  if (missing.length > 0) setExitCode(exitCodes.unavailable);
}

function tell(
  { quiet, names }: BundleOptions,
  target: string,
  bytes: number,
  missing: readonly Part[],
): void {
  for (const { file, missing: why = "" } of missing) {
    printErr(`stasis: not collected: ${file}: ${why}\n`);
  }
  if (quiet) return;
  const warning = names ? " It contains names of snapshots and callers." : "";
  printErr(`wrote ${target}, ${formatBytes(bytes)}.${warning} README.txt in it says what it has\n`);
}

/** Returns the name of the bundle and of the folder in it, so that unpacking makes one folder. */
function bundleName(at: Date): string {
  const host = hostname()
    .replace(/[^A-Za-z0-9.-]/g, "_")
    .slice(0, 40);
  const time = at.toISOString().replace(/[-:]|\.\d+/g, "");
  return `stasis-support-${host}-${time}`;
}

async function collect(options: BundleOptions, at: Date): Promise<readonly Part[]> {
  const daemon = await daemonParts(options);
  const isSilent = daemon.parts.find(({ file }) => file === "config.json")?.text === undefined;
  const local = isSilent
    ? await configFilePart({ configFile: options.config, env: process.env }, options.names)
    : undefined;
  const root = daemon.root ?? options.root ?? local?.root;
  const [versions, disk] = await Promise.all([versionsPart(root, at), diskPart(root)]);
  return [versions, disk, ...(local === undefined ? [] : [local.part]), ...daemon.parts];
}

async function daemonParts(options: BundleOptions): Promise<DaemonParts> {
  const { token } = readCredentials(options, process.env);
  const { timeout: timeoutMs = defaultTimeoutMs, names } = options;
  const { signal } = interruption();
  try {
    const socket = await findAdminSocket("stasis support-bundle", options, process.env);
    const request = { token: token ?? "", timeoutMs, signal };
    return await askDaemon(socket, request, names);
  } catch (error) {
    if (!isStoreError(error, "DAEMON_UNREACHABLE")) throw error;
    return withoutDaemon(error.message);
  }
}
