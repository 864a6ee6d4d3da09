// Where `create` and `import` take their bytes from: a directory, a file or stdin.
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import type { ByteStream } from "../base/async.js";
import type { ProgressListener } from "../client/index.js";
import { fileError, usageError } from "./exit-codes.js";
import { readStdin, stdinIsTerminal, stdinSizeBytes } from "./stdio.js";

export type Input =
  | { readonly kind: "directory"; readonly path: string }
  | {
      readonly kind: "bytes";
      /** undefined: unknown. */
      readonly sizeBytes: number | undefined;
      readonly piped: boolean;
      open(): ByteStream;
    };

const readBytes = 512 * 1024;

/** `source`: a path, `-` for stdin, or nothing, which is stdin unless that is a terminal. */
export async function resolveInput(source: string | undefined): Promise<Input> {
  if (source === undefined || source === "-") return stdinInput(source);
  const path = resolve(source);
  const found = await stat(path).catch((error: unknown) => {
    throw fileError(error, `can't open ${source}`);
  });
  if (found.isDirectory()) return { kind: "directory", path };
  return {
    kind: "bytes",
    sizeBytes: found.isFile() ? found.size : undefined,
    piped: !found.isFile(),
    open: () => createReadStream(path, { highWaterMark: readBytes }),
  };
}

function stdinInput(source: string | undefined): Input {
  if (stdinIsTerminal()) {
    throw usageError(
      source === undefined ? "nothing to read: stdin is a terminal" : "stdin is a terminal",
      "Name a directory or a file, or pipe the data in",
    );
  }
  const sizeBytes = stdinSizeBytes();
  return { kind: "bytes", sizeBytes, piped: sizeBytes === undefined, open: readStdin };
}

/** Reports what has been handed on. */
export async function* counted(
  bytes: ByteStream,
  totalBytes: number | undefined,
  onProgress: ProgressListener,
): AsyncGenerator<Uint8Array, void, undefined> {
  let doneBytes = 0;
  for await (const piece of bytes) {
    yield piece;
    doneBytes += piece.length;
    onProgress({ doneBytes, totalBytes: totalBytes ?? 0 });
  }
}
