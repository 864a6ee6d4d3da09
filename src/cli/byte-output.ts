// Writes the output of commands such as `restore` and `export` to stdout, or to a file that appears
// completely or not at all.
import { randomBytes } from "node:crypto";
import { open, rename, stat, unlink, type FileHandle } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { writeFully } from "../base/whole-io.js";
import type { Download, ProgressListener } from "../client/index.js";
import { CliError, fileError, usageError } from "./exit-codes.js";
import { openStdout, stdoutIsTerminal, type ByteSink } from "./stdio.js";

export interface Output extends AsyncDisposable {
  /** True if the data goes to stdout. The answer then goes to stderr. */
  readonly isStdout: boolean;
  write(bytes: Uint8Array): Promise<void>;
  /** Fails a write to stdout that is waiting for a reader. This has no effect on a file. */
  stop(this: void): void;
  /** Makes a new file durable and gives it its name. Call this when the data is complete. */
  commit(): Promise<void>;
}

/**
 * Opens the output. `target` is a path, or `-` or undefined for stdout, which must not be a
 * terminal. `flag` is the option that allows the program to replace a file.
 */
export async function openOutput(
  target: string | undefined,
  overwrite: boolean,
  flag = "--overwrite (-f)",
): Promise<Output> {
  if (target !== undefined && target !== "-") return openFile(target, overwrite, flag);
  if (stdoutIsTerminal()) {
    throw usageError(
      "refusing to write binary data to a terminal",
      "Add -o FILE, or pipe the output into a file or program",
    );
  }
  return sinkOutput(openStdout());
}

function sinkOutput(sink: ByteSink): Output {
  return {
    isStdout: true,
    write: (bytes) => sink.write(bytes),
    stop: () => sink.destroy(),
    commit: () => Promise.resolve(),
    [Symbol.asyncDispose]: () => {
      sink.destroy();
      return Promise.resolve();
    },
  };
}

async function openFile(target: string, overwrite: boolean, flag: string): Promise<Output> {
  const path = resolve(target);
  const existing = await stat(path).catch(() => undefined);
  if (existing?.isDirectory() === true) {
    throw usageError(`${target} is a directory`, "Name a file, or use the option for one");
  }
  // A file cannot replace a device or a pipe.
  if (existing !== undefined && !existing.isFile()) {
    return handleOutput(target, await open(path, "w").catch(cannotWrite(target)));
  }
  if (existing !== undefined && !overwrite) {
    const hint = `Add ${flag} to replace it`;
    throw new CliError("ALREADY_EXISTS", "FILE_FAILED", `${target} exists already`, hint);
  }
  // Other users must not be able to read a VM's memory.
  const partial = join(dirname(path), `.${basename(path).slice(0, 200)}.${randomName()}.partial`);
  const handle = await open(partial, "wx", 0o600).catch(cannotWrite(target));
  return handleOutput(target, handle, { partial, path });
}

async function orFileError(target: string, step: () => Promise<void>): Promise<void> {
  await step().catch(cannotWrite(target));
}

function cannotWrite(target: string): (error: unknown) => never {
  return (error) => {
    throw fileError(error, `cannot write ${target}`, "write");
  };
}

function handleOutput(
  target: string,
  handle: FileHandle,
  names?: { readonly partial: string; readonly path: string },
): Output {
  let unfinished = true;
  return {
    isStdout: false,
    write: (bytes) => orFileError(target, () => writeFully(handle, bytes)),
    stop: () => undefined,
    async commit() {
      if (names !== undefined) {
        await orFileError(target, () => handle.sync());
        await orFileError(target, () => rename(names.partial, names.path));
      }
      unfinished = false;
    },
    async [Symbol.asyncDispose]() {
      await handle.close();
      if (unfinished && names !== undefined) await unlink(names.partial).catch(() => undefined);
    },
  };
}

function randomName(): string {
  return randomBytes(6).toString("hex");
}

interface ReceiveOptions {
  /** Bytes that will arrive, or 0 if the number is unknown because the data arrives compressed. */
  readonly totalBytes: number;
  readonly onProgress: ProgressListener;
  readonly signal: AbortSignal;
}

/** Copies a download to its end. Resolves when the output is complete. */
export async function receive(
  download: Download,
  output: Output,
  { totalBytes, onProgress, signal }: ReceiveOptions,
): Promise<void> {
  // The signal ends the download, but not a write to a stalled reader.
  signal.addEventListener("abort", output.stop);
  let doneBytes = 0;
  for await (const bytes of download.bytes) {
    await output.write(bytes);
    doneBytes += bytes.length;
    onProgress({ doneBytes: Math.min(doneBytes, totalBytes || doneBytes), totalBytes });
  }
  signal.removeEventListener("abort", output.stop);
  await output.commit();
}
