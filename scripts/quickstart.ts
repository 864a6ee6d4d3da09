// `npm run quickstart`: stores one real snapshot in a daemon on a scratch store, exports it,
// imports the archive, and restores both. It compares every byte and every hole. It deletes
// everything that it has made.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { randomFillSync } from "node:crypto";
import { existsSync, readFileSync, rmSync, statSync } from "node:fs";
import { cp, mkdir, mkdtemp, open, readdir, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { dataExtents } from "../src/holes/extents.js";

const MiB = 1024 * 1024;
const diskBytes = 2048 * MiB;
const memoryBytes = 512 * MiB;
const program = fileURLToPath(new URL("../src/main.js", import.meta.url));

async function main(): Promise<void> {
  const scratch = await mkdtemp(join(tmpdir(), "stasis-quickstart-"));
  let started: ChildProcess | undefined;
  for (const [signal, number] of [
    ["SIGINT", 2],
    ["SIGTERM", 15],
    ["SIGHUP", 1],
  ] as const) {
    process.once(signal, () => {
      started?.kill("SIGKILL");
      removeScratch(scratch);
      process.exit(128 + number);
    });
  }
  try {
    say("Making the files of a paused VM");
    const source = join(scratch, "vm");
    await makeVmFiles(source);

    say("Starting a daemon on a scratch store");
    const daemon = await startDaemon(join(scratch, "store"), (child) => (started = child));
    await walkThrough(scratch, source, daemon);

    say("Stopping the daemon");
    await stopDaemon(daemon);
    console.log(
      "\nDone: stored, listed, exported, imported and restored; all files are identical.",
    );
  } finally {
    started?.kill("SIGKILL");
    removeScratch(scratch);
    console.log("Removed the scratch directory.");
  }
}

async function walkThrough(scratch: string, source: string, daemon: Daemon): Promise<void> {
  const run = (...args: string[]) => stasis(daemon, args);
  const archive = join(scratch, "nightly.tar");
  const config = join(scratch, "vm.json");
  await writeFile(config, JSON.stringify({ cpu: 2, memory: memoryBytes, storage: diskBytes }));

  say("Saving the directory as a snapshot");
  run("create", source, "--name", "nightly", "--label", "vm=demo", "--config", config);
  say("Listing what is stored");
  run("ls");
  say("Exporting it to an archive");
  run("export", "nightly", "-o", archive);
  console.log(`    ${sizes(archive)}`);
  say("Importing the archive under another name");
  run("import", archive, "--name", "nightly-copy");
  run("ls");
  say("Restoring both into directories");
  for (const name of ["nightly", "nightly-copy"]) {
    const target = join(scratch, `restored-${name}`);
    run("restore", name, "--to", target);
    await compareDirectories(source, target, name);
  }
  say("Deleting them");
  run("rm", "nightly", "nightly-copy");
}

/**
 * Deletes the scratch directory. The deletion is retried, because a process that received a signal
 * may still be writing there.
 */
function removeScratch(scratch: string): void {
  for (let attempt = 1; ; attempt += 1) {
    try {
      // The store's data is read-only, and must be writable to be deleted.
      spawnSync("chmod", ["-R", "u+w", scratch]);
      rmSync(scratch, { recursive: true, force: true });
      return;
    } catch (error) {
      if (attempt === 20) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 100);
    }
  }
}

/**
 * Makes a disk image with a real filesystem, a memory image with scattered pages, and two JSON
 * files.
 */
async function makeVmFiles(directory: string): Promise<void> {
  await mkdir(directory);
  await makeDisk(join(directory, "cow.raw"));
  await makeMemory(join(directory, "memory-ranges"));
  await writeFile(join(directory, "config.json"), JSON.stringify({ cpus: 2, memory: memoryBytes }));
  await writeFile(join(directory, "state.json"), JSON.stringify({ vcpus: [{ id: 0 }, { id: 1 }] }));
  for (const name of (await readdir(directory)).sort()) {
    console.log(`    ${name.padEnd(14)} ${sizes(join(directory, name))}`);
  }
}

/**
 * Makes an ext4 filesystem of 2 GiB with some of this project's dependencies on it. Without
 * mkfs.ext4, the disk contains two copies of the program node instead.
 */
async function makeDisk(path: string): Promise<void> {
  const file = await open(path, "wx");
  await file.truncate(diskBytes);
  const mkfs = findProgram("mkfs.ext4");
  if (mkfs === undefined) {
    console.log("    mkfs.ext4 is not installed: the disk holds scattered copies of node instead");
    const content = readFileSync(process.execPath);
    for (let offset = MiB; offset < diskBytes; offset += 1024 * MiB) {
      await file.write(content, 0, content.length, offset);
    }
    await file.close();
    return;
  }
  await file.close();
  const tree = `${path}.tree`;
  await cp("node_modules/@bufbuild", tree, { recursive: true, verbatimSymlinks: true });
  const result = spawnSync(mkfs, ["-q", "-F", "-d", tree, path], { encoding: "utf8" });
  rmSync(tree, { recursive: true, force: true });
  if (result.status !== 0) throw new Error(`mkfs.ext4 failed: ${result.stderr}`);
}

/** Makes 512 MiB of guest memory, of which every fourth 256 KiB is in use. */
async function makeMemory(path: string): Promise<void> {
  const file = await open(path, "wx");
  await file.truncate(memoryBytes);
  const pages = Buffer.alloc(MiB / 4);
  for (let offset = 0; offset < memoryBytes; offset += MiB) {
    randomFillSync(pages);
    await file.write(pages, 0, pages.length, offset);
  }
  await file.close();
}

interface Daemon {
  readonly child: ChildProcess;
  readonly address: string;
}

async function startDaemon(root: string, onStart: (child: ChildProcess) => void): Promise<Daemon> {
  const args = ["serve", "--root", root, "--log-level", "warn"];
  console.log(`    $ stasis ${args.join(" ")}`);
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  onStart(child);
  const address = await new Promise<string>((resolve, reject) => {
    let output = "";
    child.stderr.setEncoding("utf8").on("data", (text: string) => {
      output += text;
      process.stderr.write(text.replace(/^(?=.)/gm, "    "));
      const match = /^listening on (unix:.*)$/m.exec(output);
      if (match?.[1] !== undefined) resolve(match[1]);
    });
    child.once("exit", (code) => {
      reject(new Error(`the daemon ended with status ${code}: ${output}`));
    });
  });
  return { child, address };
}

async function stopDaemon({ child }: Daemon): Promise<void> {
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  child.kill("SIGTERM");
  const status = await ended;
  if (status !== 0) throw new Error(`the daemon ended with status ${status} after SIGTERM`);
  console.log("    it ended with status 0");
}

function stasis(daemon: Daemon, args: string[]): void {
  console.log(`    $ stasis ${args.join(" ")}`);
  const result = spawnSync(process.execPath, [program, "--addr", daemon.address, ...args], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = `${result.stdout}${result.stderr}`;
  if (output !== "") console.log(output.trimEnd().replace(/^/gm, "    "));
  if (result.status !== 0) throw new Error(`stasis ${args[0]} ended with status ${result.status}`);
}

async function compareDirectories(source: string, target: string, label: string): Promise<void> {
  const names = (await readdir(source)).sort();
  const found = (await readdir(target)).sort();
  if (names.join("\n") !== found.join("\n"))
    throw new Error(`${label}: other files: ${found.join(", ")}`);
  let bytes = 0;
  for (const name of names) bytes += await compareFiles(join(source, name), join(target, name));
  console.log(`    ${label}: ${names.length} files, ${bytes} bytes and all holes are identical`);
}

/** Compares the extents and every byte of data. Between extents, both files have holes. */
async function compareFiles(a: string, b: string): Promise<number> {
  const [left, right] = [await open(a), await open(b)];
  try {
    const { size } = await left.stat();
    const extents = dataExtents(left.fd, size) ?? [{ offset: 0, length: size }];
    const others = dataExtents(right.fd, (await right.stat()).size) ?? [
      { offset: 0, length: size },
    ];
    if (JSON.stringify(extents) !== JSON.stringify(others)) throw new Error(`${b}: other holes`);
    const [one, two] = [Buffer.alloc(4 * MiB), Buffer.alloc(4 * MiB)];
    for (const { offset, length } of extents) {
      for (let done = 0; done < length; done += one.length) {
        const count = Math.min(one.length, length - done);
        await left.read(one, 0, count, offset + done);
        await right.read(two, 0, count, offset + done);
        if (one.compare(two, 0, count, 0, count) !== 0) throw new Error(`${b}: other bytes`);
      }
    }
    return size;
  } finally {
    await left.close();
    await right.close();
  }
}

function sizes(path: string): string {
  const { size, blocks } = statSync(path);
  return `${(size / MiB).toFixed(1)} MiB, ${((blocks * 512) / MiB).toFixed(1)} MiB on disk`;
}

function findProgram(name: string): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin", "/sbin"];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

let step = 0;
function say(text: string): void {
  step += 1;
  console.log(`\n${step}. ${text}`);
}

await main();
