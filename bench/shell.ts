// Runs a pipeline of the tools that stasis is compared with.
import { spawn } from "node:child_process";
import { once } from "node:events";

/** Runs the pipeline. Throws if any part of it fails. */
export async function shell(command: string): Promise<void> {
  const child = spawn("bash", ["-c", `set -o pipefail; ${command}`], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const [code] = (await once(child, "exit")) as [number | null];
  if (code !== 0) throw new Error(`status ${String(code)}: ${command}`);
}
