// Wraps the standard streams: text and data output, data input, and properties of the terminal.
import { fstatSync, write as writeFd, createReadStream } from "node:fs";
import { Socket } from "node:net";
import { promisify } from "node:util";
import type { ByteStream } from "../base/async.js";
import { fileError } from "./exit-codes.js";

const stdoutFd = 1;
const stdinFd = 0;
/** Reads of this size cost the least. A pipe returns at most 64 KiB. */
const readBytes = 512 * 1024;

/**
 * Writes text to stdout. Resolves when the text is written, and rejects with EPIPE if the reader is
 * gone.
 */
export function printOut(text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(text, (error) => {
      if (error === null || error === undefined) resolve();
      else reject(stdoutError(error));
    });
  });
}

function stdoutError(error: unknown): Error {
  return fileError(error, "cannot write to stdout");
}

/** Writes text for people: everything except the answer. */
export function printErr(text: string): void {
  process.stderr.write(text);
}

export function stdoutIsTerminal(): boolean {
  return Boolean(process.stdout.isTTY);
}

/** Returns the width of the terminal in columns. Undefined if stdout is not a terminal. */
export function stdoutColumns(): number | undefined {
  return stdoutIsTerminal() && process.stdout.columns > 0 ? process.stdout.columns : undefined;
}

/** Returns the height of the terminal in rows. Undefined if stdout is not a terminal. */
export function stdoutRows(): number | undefined {
  return stdoutIsTerminal() && process.stdout.rows > 0 ? process.stdout.rows : undefined;
}

export function stdinIsTerminal(): boolean {
  return Boolean(process.stdin.isTTY);
}

export function stderrIsTerminal(): boolean {
  return Boolean(process.stderr.isTTY);
}

export interface ByteSink {
  /**
   * Writes the bytes. Resolves when the caller may write the next piece, and may change `bytes`.
   */
  write(bytes: Uint8Array): Promise<void>;
  /** Discards data that nobody has read from the pipe yet. Has no effect on a file or a device. */
  destroy(): void;
}

/**
 * Opens stdout for data. This does not use process.stdout, which writes to a pipe synchronously:
 * with a stalled reader the whole program would block and ignore Ctrl-C.
 */
export function openStdout(): ByteSink {
  const stat = fstatSync(stdoutFd);
  return stat.isFIFO() || stat.isSocket() ? openPipe(stdoutFd) : openFd(stdoutFd);
}

function openPipe(fd: number): ByteSink {
  const socket = new Socket({ fd, readable: false, writable: true });
  let failure: Error | undefined;
  socket.on("error", (error) => {
    failure = stdoutError(error);
  });
  return {
    write: (bytes) =>
      new Promise((resolve, reject) => {
        if (failure !== undefined) reject(failure);
        else
          socket.write(bytes, (error) => {
            if (error === null || error === undefined) resolve();
            else reject(stdoutError(error));
          });
      }),
    destroy: () => void socket.destroy(),
  };
}

const write = promisify(writeFd);

/** Opens a file or a device, which accepts data at once. */
function openFd(fd: number): ByteSink {
  return {
    async write(bytes) {
      try {
        for (let done = 0; done < bytes.length;) {
          const { bytesWritten } = await write(fd, bytes, done, bytes.length - done, null);
          done += bytesWritten;
        }
      } catch (error) {
        throw stdoutError(error);
      }
    },
    destroy: () => undefined,
  };
}

/** Reads data from stdin. */
export function readStdin(): ByteStream {
  if (fstatSync(stdinFd).isFile()) {
    return createReadStream("", { fd: stdinFd, autoClose: false, highWaterMark: readBytes });
  }
  return process.stdin;
}

/** Returns the size of stdin in bytes, if stdin is a file. */
export function stdinSizeBytes(): number | undefined {
  const stat = fstatSync(stdinFd);
  return stat.isFile() ? stat.size : undefined;
}
