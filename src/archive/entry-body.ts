// Reads the body of one tar entry. It yields views of the incoming chunks, each with its offset in
// the file.
import type { Extents } from "../model/extent.js";
import type { FilePiece } from "../holes/extents.js";
import { archiveCutOff } from "./archive-invalid.js";
import type { ByteCursor } from "./byte-cursor.js";

export interface BodyDescription {
  readonly where: string;
  readonly name: string;
  readonly sizeBytes: number;
  readonly extents: Extents | undefined;
  /** Bytes of the body in the archive: the sum of the extents, or the size of a plain entry. */
  readonly dataBytes: number;
}

export interface EntryBody {
  pieces(): AsyncGenerator<FilePiece, void, undefined>;
  /** Skips the data that `pieces` has not read, and ends `pieces`. */
  skipRest(): Promise<void>;
}

/** Maximum bytes that are skipped at once. This only bounds the size of the views. */
const maxSkipBytes = 1024 * 1024 * 1024;

export function openEntryBody(cursor: ByteCursor, entry: BodyDescription): EntryBody {
  const extents = entry.extents ?? [{ offset: 0, length: entry.sizeBytes }];
  let unreadBytes = entry.dataBytes;
  let state: "fresh" | "reading" | "passed" = "fresh";

  const cutOff = (): Error =>
    archiveCutOff(cursor.position, `${unreadBytes} more bytes of ${entry.where}`, entry.name);

  async function* readPieces(): AsyncGenerator<FilePiece, void, undefined> {
    for (const extent of extents) {
      let { offset, length } = extent;
      while (length > 0) {
        // Buffered data needs no await. Without one, short segments are read twice as fast.
        const chunk = cursor.buffered(length) ?? (await cursor.some(length));
        if (chunk === undefined) throw cutOff();
        const pieceBytes = chunk.length;
        unreadBytes -= pieceBytes;
        yield { offset, chunk };
        if (state === "passed")
          throw new Error(`${entry.where} was read after the entry behind it`);
        offset += pieceBytes;
        length -= pieceBytes;
      }
    }
  }

  return {
    pieces() {
      if (state !== "fresh") throw new Error(`the pieces of ${entry.where} can be read only once`);
      state = "reading";
      return readPieces();
    },
    async skipRest() {
      state = "passed";
      while (unreadBytes > 0) {
        const chunk = await cursor.some(Math.min(unreadBytes, maxSkipBytes));
        if (chunk === undefined) throw cutOff();
        unreadBytes -= chunk.length;
      }
    },
  };
}
