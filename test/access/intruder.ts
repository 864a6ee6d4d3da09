// Runs as another user of the machine, and tries every way to reach a daemon that root has started.
// Prints the result of each attempt as JSON. Its arguments are the program, the store's root, its
// socket, the daemon's process, directories of root, and the daemon's TCP ports.
import { execFile } from "node:child_process";
import { readFileSync, readdirSync, openSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";

interface Doors {
  readonly program: string;
  readonly root: string;
  readonly socket: string;
  readonly pid: number;
  /**
   * Only root may use these directories. The first has data files, and the second is a target for
   * writes.
   */
  readonly secret: string;
  readonly target: string;
  readonly ports: readonly number[];
}

const doors = JSON.parse(process.argv[2] ?? "") as Doors;

/** The outcome is undefined if the attempt failed. */
type Outcome = string | undefined;

function tried(act: () => unknown): Outcome {
  try {
    return `worked: ${String(act())}`;
  } catch {
    return undefined;
  }
}

function reaches(options: { path: string } | { port: number; host: string }): Promise<Outcome> {
  return new Promise((resolve) => {
    const socket = connect(options);
    socket.once("connect", () => resolve("connected"));
    socket.once("error", () => resolve(undefined));
  });
}

function stasis(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [doors.program, ...args], { timeout: 30_000 }, (error, stdout) => {
      resolve(error === null ? `worked: ${stdout}` : undefined);
    });
  });
}

const { root, socket, secret, target, pid, ports } = doors;
const outcomes: Record<string, Outcome> = {
  "connect to the socket": await reaches({ path: socket }),
  "list the store's root": tried(() => readdirSync(root)),
  "list its data": tried(() => readdirSync(join(root, "data"))),
  "read the catalog": tried(() => readFileSync(join(root, "catalog.db")).length),
  "open the lock": tried(() => openSync(join(root, "lock.db"), "r")),
  "write into the root": tried(() => writeFileSync(join(root, "mine"), "")),
  "signal the daemon": tried(() => process.kill(pid, "SIGUSR1")),
  "read its environment": tried(() => readFileSync(`/proc/${pid}/environ`).length),
};
for (const address of [`unix:${socket}`, ...ports.map((port) => `127.0.0.1:${port}`)]) {
  const on = ["--addr", address];
  const at = `over ${address.replace(socket, "SOCKET")}`;
  outcomes[`info ${at}`] = await stasis("info", ...on);
  outcomes[`take root's directory ${at}`] = await stasis("create", secret, "--move", ...on);
  const into = join(target, "written");
  outcomes[`write into root's directory ${at}`] = await stasis(
    ...["export", "kept", "--to-dir", into, "--on-node", ...on],
  );
  outcomes[`read what is stored ${at}`] = await stasis("export", "kept", "-o", "-", ...on);
  outcomes[`delete what is stored ${at}`] = await stasis("rm", "kept", ...on);
}
outcomes["the daemon that the commands find"] = await stasis("ls");
for (const port of ports) {
  outcomes[`connect to port ${port}`] = await reaches({ port, host: "127.0.0.1" });
}
process.stdout.write(JSON.stringify(outcomes, (_key, value: unknown) => value ?? "refused"));
process.exit(0);
