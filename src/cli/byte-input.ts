// Reads the input of `create` and `import`: a directory, a file or stdin.
import { constants, createReadStream, open, type Stats } from "node:fs";
import { stat } from "node:fs/promises";
import { Socket } from "node:net";
import { resolve } from "node:path";
import { promisify } from "node:util";
import type { ByteStream } from "../base/async.js";
import { readLocalFile, type ProgressListener } from "../client/index.js";
import { fileError, usageError } from "./exit-codes.js";
import { explainInterruption } from "./interrupt.js";
import { readStdin, stdinIsTerminal, stdinSizeBytes } from "./stdio.js";

export type Input =
  | { readonly kind: "directory"; readonly path: string }
  | {
      readonly kind: "bytes";
      /** Size of the input. Undefined if the size is unknown. */
      readonly sizeBytes: number | undefined;
      readonly piped: boolean;
      /** The path of the input, or undefined for stdin. */
      readonly path: string | undefined;
      open(): ByteStream;
    };

const readBytes = 512 * 1024;
const openFd = promisify(open);

/**
 * Returns the input that `source` names: a path, `-` for stdin, or undefined, which means stdin
 * unless stdin is a terminal.
 */
export async function resolveInput(source: string | undefined): Promise<Input> {
  if (source === undefined || source === "-") return stdinInput(source);
  const path = resolve(source);
  const found = await stat(path).catch((error: unknown) => {
    throw fileError(error, `cannot open ${source}`, "read");
  });
  if (found.isDirectory()) return { kind: "directory", path };
  return {
    kind: "bytes",
    sizeBytes: found.isFile() ? found.size : undefined,
    piped: !found.isFile(),
    path: source,
    open: () => reading(source, openSource(path, found)),
  };
}

function openSource(path: string, found: Stats): ByteStream {
  if (found.isFile()) return readLocalFile(path);
  return found.isFIFO() ? readPipe(path) : createReadStream(path, { highWaterMark: readBytes });
}

/** Yields the same bytes, and reports a failure as a failure of the source. */
async function* reading(source: string, bytes: ByteStream): AsyncGenerator<Uint8Array> {
  try {
    yield* bytes;
  } catch (error) {
    throw fileError(error, `cannot read ${source}`, "read");
  }
}

/**
 * Reads a named pipe. Without O_NONBLOCK, opening it would block a thread until another program
 * opens the other end, and no signal could end this program.
 */
async function* readPipe(path: string): AsyncGenerator<Uint8Array, void, undefined> {
  const fd = await openFd(path, constants.O_RDONLY | constants.O_NONBLOCK);
  const bytes: AsyncIterable<Buffer> = new Socket({ fd, readable: true, writable: false });
  yield* bytes;
}

function stdinInput(source: string | undefined): Input {
  if (stdinIsTerminal()) {
    throw usageError(
      source === undefined ? "nothing to read: stdin is a terminal" : "stdin is a terminal",
      "Name a directory or a file, or pipe the data in",
    );
  }
  const sizeBytes = stdinSizeBytes();
  const open = (): ByteStream => reading("stdin", readStdin());
  return { kind: "bytes", sizeBytes, piped: sizeBytes === undefined, path: undefined, open };
}

/**
 * Explains the interruption of an upload. The explanation depends on whether everything was sent,
 * because the daemon may then publish the snapshot.
 */
export function createSentMark(): { sent(): void } {
  let all = false;
  explainInterruption(() =>
    all ? "all data had been sent, so it may be stored: see `stasis ls`" : "nothing was stored",
  );
  return { sent: () => (all = true) };
}

/** Reports the progress of a directory's upload, and the moment when all of it was sent. */
export function reportingSent(show: ProgressListener, sent: () => void): ProgressListener {
  return (progress) => {
    show(progress);
    if (progress.doneBytes >= progress.totalBytes) sent();
  };
}

/** Yields the same bytes, and reports each piece and the end. */
export async function* counted(
  bytes: ByteStream,
  totalBytes: number | undefined,
  onProgress: ProgressListener,
  onEnd: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  let doneBytes = 0;
  for await (const piece of bytes) {
    yield piece;
    doneBytes += piece.length;
    onProgress({ doneBytes, totalBytes: totalBytes ?? 0 });
  }
  onEnd();
}
