// Runs a real VM: QEMU without hardware acceleration, whose memory is a mapped sparse file. It
// makes snapshots as a hypervisor makes them: memory, disk and device state of the paused VM.
import { execFile, spawnSync } from "node:child_process";
import { mkdir, open } from "node:fs/promises";
import { createConnection, type Socket } from "node:net";
import { createInterface } from "node:readline";
import { once } from "node:events";
import { join } from "node:path";
import { promisify } from "node:util";
import { run, type Child } from "../support/child.js";
import { eventually } from "../support/eventually.js";
import { prepareBoot } from "./kernel.js";

const execute = promisify(execFile);
const program = "qemu-system-x86_64";

/** The reason why no guest can run here, or false. */
export const noGuest: string | false = ["busybox", "cpio", program].some(
  (name) => spawnSync(name, ["--help"]).error !== undefined,
)
  ? "needs the packages qemu-system-x86, busybox-static and cpio"
  : false;

export interface GuestOptions {
  readonly memoryBytes: number;
  readonly diskBytes: number;
  /** Bytes of real files in the guest's memory and on its disk. */
  readonly dataBytes: number;
}

export interface Guest extends AsyncDisposable {
  /** Resolves when the guest has counted up to `count`. It counts about four times a second. */
  counted(count: number): Promise<void>;
  /** Pauses the guest, copies its state into the new directory, and lets the guest continue. */
  snapshot(directory: string): Promise<void>;
}

/** Starts the guest, and waits until it has loaded its data. `scratch` must be empty. */
export async function startGuest(scratch: string, options: GuestOptions): Promise<Guest> {
  const { kernel, initramfs } = await prepareBoot(scratch, options.dataBytes);
  const at = (name: string): string => join(scratch, name);
  await using disk = await open(at("disk"), "wx");
  await disk.truncate(options.diskBytes);
  const memory = `memory-backend-file,id=memory,size=${options.memoryBytes},mem-path=${at("memory")},share=on`;
  const child = run(program, [
    ...["-accel", "tcg", "-machine", "pc,memory-backend=memory", "-object", memory],
    ...["-m", `${options.memoryBytes / 1024 ** 2}M`, "-smp", "1", "-display", "none"],
    ...["-kernel", kernel, "-initrd", initramfs, "-append", "console=ttyS0 quiet panic=-1"],
    ...["-drive", `file=${at("disk")},if=virtio,format=raw`, "-serial", "stdio"],
    ...["-qmp", `unix:${at("qmp")},server=on,wait=off`, "-no-reboot"],
  ]);
  try {
    const monitor = await Monitor.connect(child, at("qmp"));
    await child.line(/READY/);
    return {
      counted: async (count) => void (await child.line(new RegExp(`COUNT ${count}\\b`))),
      snapshot: async (directory) => {
        await monitor.pause(join(scratch, "state"));
        await mkdir(directory);
        for (const name of ["memory", "disk", "state"]) {
          await execute("cp", ["--sparse=always", at(name), join(directory, name)]);
        }
        await monitor.execute("cont");
      },
      [Symbol.asyncDispose]: async () => {
        monitor.close();
        await child.kill();
      },
    };
  } catch (error) {
    await child.kill();
    throw error;
  }
}

/** A connection to QEMU's machine protocol (QMP): JSON objects, one on each line. */
class Monitor {
  readonly #socket: Socket;
  readonly #answers: AsyncIterator<string>;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#answers = createInterface({ input: socket })[Symbol.asyncIterator]();
  }

  static async connect(child: Child, path: string): Promise<Monitor> {
    let socket: Socket | undefined;
    await eventually("QEMU's monitor", async () => {
      const attempt = createConnection(path);
      socket = await once(attempt, "connect").then(
        () => attempt,
        () => undefined,
      );
      return socket !== undefined;
    });
    if (socket === undefined) throw new Error(`QEMU did not start: ${child.output()}`);
    const monitor = new Monitor(socket);
    await monitor.execute("qmp_capabilities");
    const capability = { capability: "x-ignore-shared", state: true };
    await monitor.execute("migrate-set-capabilities", { capabilities: [capability] });
    return monitor;
  }

  /** Stops the VM and writes the state of its devices, without the shared memory, to a file. */
  async pause(stateFile: string): Promise<void> {
    await this.execute("stop");
    await this.execute("migrate", { uri: `exec:cat >${stateFile}` });
    await eventually("the device state", async () => {
      const { status } = (await this.execute("query-migrate")) as { readonly status?: string };
      if (status === "failed") throw new Error("QEMU could not write the device state");
      return status === "completed";
    });
  }

  /** Sends a command and returns its result. Events in between are skipped. */
  async execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    this.#socket.write(`${JSON.stringify({ execute: command, arguments: args })}\n`);
    for (;;) {
      const { value, done } = await this.#answers.next();
      if (done === true) throw new Error(`QEMU ended during ${command}`);
      const answer = JSON.parse(value) as { readonly return?: unknown; readonly error?: unknown };
      if (answer.error !== undefined) {
        throw new Error(`QEMU refused ${command}: ${JSON.stringify(answer.error)}`);
      }
      if ("return" in answer) return answer.return;
    }
  }

  close(): void {
    this.#socket.destroy();
  }
}
