// Lists the installed programs other than stasis that unpack our tars.
import { execFile, spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const checkout = fileURLToPath(new URL("../../..", import.meta.url));
const goBuildLimitMs = 5 * 60_000;

export interface TarReader {
  readonly name: string;
  readonly program: string;
  /** The reason why the program is unavailable here, or false. */
  readonly missing: string | false;
  /** Contains a shell command that unpacks the tar on its stdin into the directory `$1`. */
  readonly command: string;
}

const pythonUnpack =
  "import sys, tarfile; tarfile.open(fileobj=sys.stdin.buffer, mode='r|').extractall(sys.argv[1])";

export const gnuTar = reader("GNU tar", "tar", 'tar -xpf - -C "$1"');
export const bsdtar = reader("bsdtar", "bsdtar", 'bsdtar -xpf - -C "$1"');
export const python = reader("Python tarfile", "python3", `python3 -c "${pythonUnpack}" "$1"`);

function reader(name: string, program: string, command: string): TarReader {
  const { status } = spawnSync(program, ["--version"], { stdio: "ignore" });
  return { name, program, missing: status === 0 ? false : `${program} is not installed`, command };
}

/** Returns the Go reader, which is built at the first call. */
export function goTar(): TarReader {
  const name = "Go archive/tar";
  if (spawnSync("go", ["version"], { stdio: "ignore" }).status !== 0) {
    return { name, program: "go", missing: "go is not installed", command: "false" };
  }
  const folder = join(checkout, "build", "interop-go-tar");
  const source = join(checkout, "test", "interop", "go-tar");
  mkdirSync(folder, { recursive: true });
  for (const file of ["go.mod", "main.go"]) copyFileSync(join(source, file), join(folder, file));
  // The build uses the local toolchain, because the test must not download another one.
  const env = { ...process.env, GOTOOLCHAIN: "local", GOFLAGS: "-buildvcs=false" };
  const options = { cwd: folder, env, encoding: "utf8", timeout: goBuildLimitMs } as const;
  const { status, stderr } = spawnSync("go", ["build", "-o", "go-tar", "."], options);
  if (status !== 0) throw new Error(`go build: ${stderr.trim()}`);
  return { name, program: "go", missing: false, command: `'${join(folder, "go-tar")}' "$1"` };
}

/**
 * Returns true for Go since 1.24.8 and 1.25.2, whose archive/tar refuses sparse maps above 1 MiB.
 */
export function goRefusesLongMaps(): boolean {
  const { stdout } = spawnSync("go", ["env", "GOVERSION"], { encoding: "utf8" });
  const [, minor = 0, patch = 0] = /^go1\.(\d+)(?:\.(\d+))?/.exec(stdout)?.map(Number) ?? [];
  return minor > 25 || (minor === 25 && patch >= 2) || (minor === 24 && patch >= 8);
}

/** Runs `producer | reader` and returns both programs' stderr. Rejects if one of them fails. */
export async function pipeInto(
  reader: TarReader,
  directory: string,
  producer: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<string> {
  const script = `set -o pipefail; target=$1; shift; "$@" | (set -- "$target"; ${reader.command})`;
  const { stderr } = await run("bash", ["-c", script, "bash", directory, ...producer], {
    env: { ...process.env, ...env },
    maxBuffer: 16 * 1024 * 1024,
  });
  return stderr;
}
