// Runs the project's own tools for the scripts next to this file: always from the root of the
// checkout, with this Node, and with node_modules/.bin first in PATH.
import { spawn, spawnSync } from "node:child_process";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** The environment for tools. They and their child processes find this Node before any other. */
export function toolEnvironment(extra = {}) {
  const path = [join(root, "node_modules", ".bin"), dirname(process.execPath), process.env.PATH];
  return { ...process.env, PATH: path.filter(Boolean).join(delimiter), ...extra };
}

/** Runs a tool with inherited output. Returns its exit status. */
export function passThrough(command, args, options = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    env: toolEnvironment(),
    stdio: "inherit",
    ...options,
  });
  if (result.error !== undefined) throw unstartable(command, result.error);
  return result.status ?? 1;
}

/**
 * Runs a tool and returns its status and output. stdout stays bytes if `encoding` is "buffer". A
 * tool that exceeds its `timeout` is ended and counts as failed.
 */
export function capture(command, args, options = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    env: toolEnvironment(),
    encoding: "utf8",
    maxBuffer: 256 * 1024 * 1024,
    ...options,
  });
  const timedOut = result.error?.code === "ETIMEDOUT";
  if (result.error !== undefined && !timedOut) throw unstartable(command, result.error);
  return { status: result.status ?? 1, stdout: result.stdout, stderr: result.stderr };
}

/**
 * Runs a command as its own process group. Ends the whole group after `limitMs`, or when this
 * process must end, because compilers and test files must not outlive the command.
 */
export function runGroup(command, args, { limitMs, ...options }) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: root,
      env: toolEnvironment(),
      ...options,
      detached: true,
    });
    let timedOut = false;
    const killGroup = (signal) => {
      try {
        process.kill(-child.pid, signal);
      } catch {
        // The group has ended by itself.
      }
    };
    const limit = setTimeout(() => {
      timedOut = true;
      killGroup("SIGKILL");
    }, limitMs);
    const endings = ["SIGINT", "SIGTERM", "SIGHUP"].map((signal) => [
      signal,
      () => killGroup(signal),
    ]);
    for (const [signal, end] of endings) process.on(signal, end);
    const settle = () => {
      clearTimeout(limit);
      for (const [signal, end] of endings) process.off(signal, end);
    };
    child.once("error", (cause) => {
      settle();
      reject(unstartable(command, cause));
    });
    child.once("close", (status, signal) => {
      settle();
      // A test file that was ended may have left child processes.
      killGroup("SIGKILL");
      resolve({ status: status ?? 1, signal, timedOut });
    });
  });
}

/** Ends a script: prints one line on stderr, then the advice. */
export function fail(message, hint) {
  process.stderr.write(`${message}\n${hint === undefined ? "" : `  ${hint}\n`}`);
  process.exit(1);
}

function unstartable(command, cause) {
  if (cause.code !== "ENOENT") return cause;
  return new Error(`cannot run ${command}: not found. Run "npm ci" in ${root} first.`, { cause });
}
