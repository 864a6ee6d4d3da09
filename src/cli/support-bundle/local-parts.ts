// Collects the parts of a support bundle that do not need a daemon: versions, the disk, the
// configuration file.
import { statfs, readdir, readFile, realpath, stat } from "node:fs/promises";
import { cpus, hostname, release, totalmem, uptime, version } from "node:os";
import { join } from "node:path";
import { buildInfo } from "../../base/build-info.js";
import { hideSecrets, jsonWithoutSecrets } from "../../base/hide-secrets.js";
import { formatBytesExactly } from "../../base/sizes.js";
import { jsonText, type Part, type PartPlan } from "./part.js";

/**
 * Time limit for each part that reads the disk. A disk that hangs must not prevent the collection
 * of the other parts.
 */
const diskMs = 5000;

export async function versionsPart(root: string | undefined, at: Date): Promise<Part> {
  const plan = {
    file: "versions.json",
    what: "versions of this program, Node, kernel, filesystem",
  };
  return collected(plan, async () => ({
    collectedAt: at.toISOString(),
    program: buildInfo(),
    node: process.version,
    architecture: process.arch,
    host: hostname(),
    kernel: `${release()} ${version()}`,
    distribution: await distribution(),
    processors: cpus().length,
    memoryBytes: totalmem(),
    uptimeSeconds: Math.round(uptime()),
    filesystem: root === undefined ? undefined : await filesystemOf(root),
  }));
}

async function distribution(): Promise<string | undefined> {
  const text = await readFile("/etc/os-release", "utf8").catch(() => "");
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(text)?.[1];
}

interface Filesystem {
  readonly type: string;
  readonly mountPoint: string;
  /**
   * The options that are switches, such as `ro`. The others are left out, because their values may
   * contain credentials.
   */
  readonly options: string;
}

/**
 * Finds the filesystem in /proc/self/mountinfo, which proc(5) describes. Returns undefined if it
 * has no mount for the path.
 */
async function filesystemOf(root: string): Promise<Filesystem | undefined> {
  const path = await realpath(root);
  const lines = (await readFile("/proc/self/mountinfo", "utf8")).trim().split("\n");
  const mounts = lines.flatMap((line) => {
    const [mount = "", rest = ""] = line.split(" - ");
    const [, , , , mountPoint = "", own = ""] = mount.split(" ");
    const [type = "", , shared = ""] = rest.split(" ");
    const options = `${own},${shared}`.split(",").filter((option) => !option.includes("="));
    const isAbove = path === mountPoint || path.startsWith(mountPoint.replace(/\/?$/, "/"));
    return isAbove ? [{ type, mountPoint, options: [...new Set(options)].join(",") }] : [];
  });
  // Of two mounts on the same directory, the later one is visible.
  return mounts.reduce<Filesystem | undefined>(
    (best, each) =>
      best === undefined || each.mountPoint.length >= best.mountPoint.length ? each : best,
    undefined,
  );
}

export async function diskPart(root: string | undefined): Promise<Part> {
  const plan = {
    file: "disk.json",
    what: "space and inodes, and what the root contains, in numbers",
  };
  if (root === undefined) {
    return { ...plan, missing: "the root is not known: name it with --root DIR" };
  }
  return collected(plan, async () => {
    const { bsize, blocks, bavail, files, ffree } = await statfs(root);
    return {
      root,
      sizeBytes: bsize * blocks,
      freeBytes: bsize * bavail,
      inodes: files,
      freeInodes: ffree,
      entries: await entriesOf(root).catch((error: unknown) => String(error)),
      store: await readFile(join(root, "store.json"), "utf8").catch((error: unknown) =>
        String(error),
      ),
    };
  });
}

/** Returns the size of each file in bytes, and the number of entries of each directory. */
async function entriesOf(root: string): Promise<Readonly<Record<string, string>>> {
  const entries = await readdir(root, { withFileTypes: true });
  const described = entries.map(async (entry) => {
    const path = join(root, entry.name);
    const text = entry.isDirectory()
      ? `${(await readdir(path)).length} entries`
      : formatBytesExactly((await stat(path)).size);
    return [entry.name, text] as const;
  });
  return Object.fromEntries(await Promise.all(described));
}

interface ConfigSource {
  readonly configFile: string | undefined;
  readonly env: NodeJS.ProcessEnv;
}

/** The file of the system service, as in deploy/stasis.service. */
const serviceConfig = "/etc/stasis/stasis.toml";

/**
 * Returns the configuration that a daemon would have, and its root. The flags of a daemon are
 * unknown here.
 */
export async function configFilePart(
  { configFile, env }: ConfigSource,
  names: boolean,
): Promise<{ readonly part: Part; readonly root: string | undefined }> {
  const plan = {
    file: "config-file.json",
    what: "configuration from file, environment and defaults, without flags and credentials",
  };
  const found = await stat(serviceConfig).catch(() => undefined);
  const path = configFile ?? (env["STASIS_CONFIG"] || (found && serviceConfig));
  const [{ loadDaemonConfig }, { shownConfig }] = await Promise.all([
    import("../../config/load.js"),
    import("../../config/shown-config.js"),
  ]);
  try {
    const { config } = loadDaemonConfig({
      env,
      ...(path === undefined ? {} : { configFile: path }),
    });
    const shown = shownConfig(config);
    const kept = names ? shown : { ...shown, identities: "<hidden>", peers: "<hidden>" };
    return { part: { ...plan, text: jsonText(kept) }, root: config.root };
  } catch (error) {
    return { part: { ...plan, missing: firstLine(error) }, root: undefined };
  }
}

async function collected(plan: PartPlan, collect: () => Promise<object>): Promise<Part> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${diskMs / 1000} s`)), diskMs);
  });
  try {
    const value = await Promise.race([collect(), late]);
    return { ...plan, text: jsonText(jsonWithoutSecrets(value)) };
  } catch (error) {
    return { ...plan, missing: firstLine(error) };
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Returns the first line of an error's message. Below it, the parser shows lines of the file, which
 * may contain credentials.
 */
function firstLine(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error);
  return hideSecrets(message.split("\n")[0] ?? "");
}
