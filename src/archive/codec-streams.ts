// Runs byte streams through Node's compression streams. It keeps back-pressure from end to end. It
// retains each input piece until the codec has used it. An error, an abort or an early return
// destroys everything.
import type { Duplex } from "node:stream";
import { OwnedChunk, type OwnedStream } from "../wire/chunk.js";
import { openBytePuller, type BytePuller } from "./byte-puller.js";

interface CodecOptions {
  readonly signal: AbortSignal | undefined;
  /** Converts an error of the codec into the error for the caller. */
  readonly codecError: (error: unknown) => Error;
  /** Cuts a chunk into the parts that are written one by one. */
  readonly split?: (chunk: Uint8Array) => Iterable<Uint8Array>;
  /** Called when the source has ended. May throw. */
  readonly checkInput?: () => void;
  /** Called when the codec has ended. May throw. */
  readonly checkOutput?: (fed: FedInput) => void;
}

interface FedInput {
  readonly bytes: number;
  /** False if the codec ended by itself and does not need the rest of its input. */
  readonly sourceEnded: boolean;
}

/** Runs a byte stream through a new codec and takes ownership of the codec. */
export async function* throughCodec(
  source: OwnedStream,
  codec: Duplex,
  options: CodecOptions,
): AsyncGenerator<OwnedChunk, void, undefined> {
  const puller = openBytePuller(source, options.signal);
  // A late error, after the iteration, must not end the process.
  codec.on("error", () => undefined);
  const feeding = createFeeding();
  const fed = feed(puller, codec, options, feeding);
  try {
    try {
      // Codecs never overwrite their output, but several output pieces share memory.
      for await (const piece of codec as AsyncIterable<Uint8Array>) {
        yield OwnedChunk.constant(piece);
      }
    } catch (error) {
      throw feeding.failure === undefined ? options.codecError(error) : feeding.failure.error;
    }
    options.checkOutput?.(feeding);
  } finally {
    codec.destroy();
    await puller.close();
    await fed;
  }
}

interface Feeding {
  bytes: number;
  sourceEnded: boolean;
  /** The error that stopped the input, unless it came from the codec. */
  failure: { readonly error: unknown } | undefined;
}

function createFeeding(): Feeding {
  return { bytes: 0, sourceEnded: false, failure: undefined };
}

/**
 * Feeds the source to the codec. The promise never rejects. A failure destroys the codec, which
 * reports the failure to the caller.
 */
async function feed(
  puller: BytePuller,
  codec: Duplex,
  { split, checkInput }: CodecOptions,
  feeding: Feeding,
): Promise<void> {
  const write = createWriter(codec);
  try {
    for (;;) {
      const chunk = await puller.next();
      if (codec.destroyed) return;
      if (chunk === undefined) break;
      for (const part of split?.(chunk.bytes) ?? [chunk.bytes]) {
        feeding.bytes += part.byteLength;
        await write(part);
        // If the codec was destroyed, a thread may still read the part.
        if (codec.destroyed) return;
      }
      chunk.free();
    }
    checkInput?.();
    feeding.sourceEnded = true;
    codec.end();
  } catch (error) {
    feeding.failure = { error };
    codec.destroy(error instanceof Error ? error : new Error(String(error)));
  }
}

/** Writes one part and waits until the codec has used it, or has been destroyed. */
function createWriter(codec: Duplex): (part: Uint8Array) => Promise<void> {
  let release: (() => void) | undefined;
  // A codec that is destroyed during a write never calls back.
  codec.once("close", () => release?.());
  return (part) =>
    new Promise((resolve) => {
      release = resolve;
      codec.write(part, () => {
        resolve();
      });
    });
}
