// Builds main.go with cocoon's original package, and calls it.
import { execFile, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { fileURLToPath } from "node:url";

const checkout = fileURLToPath(new URL("../../../..", import.meta.url));
const source = join(checkout, "test", "interop", "cocoon");
const moduleName = "github.com/cocoonstack/cocoon";

/** The tested version of cocoon, whose index is JSON. */
export const cocoonCommit = "5507725ffee445d15bb49b97f123a539cbb3aba8";

const buildLimitMs = 10 * 60_000;
const callLimitMs = 10 * 60_000;
const run = promisify(execFile);

/** Provides a cocoon store that the original program uses. */
export interface CocoonStore {
  /** The value of `cocoon --root-dir`. */
  readonly root: string;
  /**
   * Creates a snapshot and returns its id. `config` has cocoon's keys. `from` is a directory, or a
   * tar without an envelope.
   */
  create(config: object, from: string): Promise<string>;
  /** Begins to create a snapshot as `create` does, but the process is killed before the end. */
  breakOff(config: object, from: string): Promise<void>;
  /** Writes an archive to `file`. */
  export(ref: string, file: string, options?: { readonly gzip?: boolean }): Promise<void>;
  /** Writes the tar of the data files to `file`. */
  restore(ref: string, file: string): Promise<void>;
  import(file: string): Promise<{ readonly id: string; readonly ms: number }>;
  inspect(ref: string): Promise<CocoonRecord>;
  list(): Promise<readonly CocoonRecord[]>;
  directoryOf(id: string): string;
}

export type CocoonRecord = Readonly<Record<string, unknown>> & { readonly id: string };

export interface Peer {
  /** The version of cocoon. */
  readonly version: string;
  open(root: string): CocoonStore;
}

/**
 * Builds the program. `COCOON_SOURCE` in the environment names a copy of cocoon's module. Otherwise
 * the module comes from the module proxy, and ModuleUnavailable is thrown if the proxy does not
 * have it. Other problems are thrown with go's own message.
 */
export function buildPeer(): Peer {
  const folder = join(checkout, "build", "interop-cocoon");
  mkdirSync(folder, { recursive: true });
  for (const file of ["go.mod", "main.go"]) copyFileSync(join(source, file), join(folder, file));
  const local = process.env["COCOON_SOURCE"];
  if (local === undefined) fetchModule(folder);
  else
    go(folder, "mod", "edit", `-require=${moduleName}@v0.0.0`, `-replace=${moduleName}=${local}`);
  go(folder, "mod", "tidy");
  go(folder, "build", "-o", "peer", ".");
  const program = join(folder, "peer");
  const version = local === undefined ? `commit ${cocoonCommit.slice(0, 12)}` : "COCOON_SOURCE";
  return { version, open: (root) => openStore(program, root) };
}

/** Reports that the proxy, or its replacement, does not serve the module. */
export class ModuleUnavailable extends Error {}

function fetchModule(folder: string): void {
  // This call fails if Go is not installed.
  go(folder, "version");
  try {
    go(folder, "get", `${moduleName}@${cocoonCommit}`);
  } catch (error) {
    throw new ModuleUnavailable((error as Error).message);
  }
}

function go(folder: string, ...args: readonly string[]): void {
  const { error, status, stderr } = spawnSync("go", args, {
    cwd: folder,
    encoding: "utf8",
    timeout: buildLimitMs,
  });
  if (error !== undefined) throw new Error(`go ${args[0]}: ${error.message}`);
  if (status !== 0) throw new Error(`go ${args.join(" ")}: ${stderr.trim()}`);
}

function openStore(program: string, root: string): CocoonStore {
  const call = async (...args: readonly string[]): Promise<string> => {
    const { stdout } = await run(program, [root, ...args], {
      timeout: callLimitMs,
      maxBuffer: 64 * 1024 * 1024,
    });
    return stdout;
  };
  const answer = async <T>(...args: readonly string[]): Promise<T> =>
    JSON.parse(await call(...args)) as T;
  return {
    root,
    create: async (config, from) =>
      (await answer<{ id: string }>("create", JSON.stringify(config), from)).id,
    breakOff: async (config, from) => {
      const signal = await call("break-off", JSON.stringify(config), from).then(
        () => undefined,
        (error: unknown) => (error as { signal?: string }).signal,
      );
      if (signal !== "SIGKILL") throw new Error("the create was not interrupted");
    },
    export: async (ref, file, { gzip = false } = {}) =>
      void (await call(gzip ? "export-compressed" : "export", ref, file)),
    restore: async (ref, file) => void (await call("restore", ref, file)),
    import: (file) => answer("import", file),
    inspect: (ref) => answer("inspect", ref),
    list: () => answer("list"),
    directoryOf: (id) => join(root, "snapshot", "localfile", id),
  };
}
