// Assembles the messages of a call from the pieces that HTTP/2 brings, each 16 KiB at most.
//
// Relies on: a call of grpc-js has a `decoder` whose method `write` takes bytes and returns the
// messages that end in them, and a number `maxReceiveMessageSize`.
// For:
// - Memory. grpc-js keeps each piece as an object until the message is complete. A caller that
//   sends frames of one byte makes grpc-js hold a hundred bytes for each. This assembler copies
//   small pieces together.
// - A smaller maximum for methods that are open to anyone.
// - CPU time. grpc-js copies all pieces when the last has arrived, when they have left the
//   processor's cache. This assembler copies each piece at once, except at the beginning of a
//   message. Uploads gain 1 to 4 percent (`npm run bench -- transfer`).
// If it changes: `assembleMessages` returns false and grpc-js assembles messages as it does by
// itself. The daemon logs a warning on the first such call, and the contract test fails.

/** gRPC over HTTP/2, Length-Prefixed-Message: a flag for compression, and the length in 4 bytes. */
const prefixBytes = 5;
/**
 * A caller can announce a megabyte with five bytes. So the memory of a message is allocated when
 * this share of the message has arrived. Until then its pieces are kept as they are.
 */
const allocatedFromShare = 1 / 4;

/**
 * A frame may carry a single byte, and the object for it takes a hundred bytes. Pieces below this
 * size are copied together.
 */
const smallPieceBytes = 1024;
const gatheredBytes = 4096;

interface MessageAssembler {
  /**
   * Returns the messages that end in `data`, with their prefix. A large message has memory of its
   * own, and ends where that memory ends. Throws when a message is longer than the maximum, and
   * discards everything that comes after it.
   */
  write(data: Buffer): Buffer[];
}

/** Creates an assembler. If the maximum is -1 or Infinity, messages have no maximum. */
export function createMessageAssembler(maxMessageBytes: number): MessageAssembler {
  const prefix = createPrefix(maxMessageBytes);
  const pieces = createPieces();
  /** Bytes of the message that have arrived, including its prefix. */
  let filled = 0;
  /** The memory of the message. Undefined until enough of the message has arrived. */
  let message: Buffer | undefined;

  /** Copies from `data` into the prefix. Returns the number of copied bytes. */
  function fillPrefix(data: Buffer, at: number): number {
    const copied = prefix.fill(data, at);
    if (prefix.isComplete()) filled = prefixBytes;
    return copied;
  }

  function addPiece(piece: Buffer): void {
    if (message === undefined) pieces.add(piece);
    else piece.copy(message, filled);
    filled += piece.length;
  }

  /** Returns the message if it is complete, and begins the next one. */
  function takeComplete(): Buffer | undefined {
    const endBytes = prefix.endBytes();
    if (message === undefined && filled >= endBytes * allocatedFromShare) {
      message = Buffer.allocUnsafe(endBytes);
      pieces.moveTo(message, prefix.copyTo(message));
    }
    if (message === undefined || filled < endBytes) return undefined;
    const complete = message;
    message = undefined;
    prefix.clear();
    return complete;
  }

  return {
    write(data) {
      const messages: Buffer[] = [];
      if (prefix.isRefused()) return messages;
      for (let at = 0; at < data.length;) {
        if (!prefix.isComplete()) {
          at += fillPrefix(data, at);
          if (!prefix.isComplete()) break;
        } else {
          const piece = data.subarray(at, at + prefix.endBytes() - filled);
          addPiece(piece);
          at += piece.length;
        }
        const complete = takeComplete();
        if (complete !== undefined) messages.push(complete);
      }
      return messages;
    },
  };
}

function createPrefix(maxMessageBytes: number) {
  const bytes = Buffer.alloc(prefixBytes);
  let filled = 0;
  let endBytes = 0;
  let isRefused = false;
  return {
    isRefused: () => isRefused,
    isComplete: () => filled === prefixBytes,
    /** Returns the length of the message with its prefix. */
    endBytes: () => endBytes,
    /** Copies from `data` into the prefix. Throws if the announced length is above the maximum. */
    fill(data: Buffer, at: number): number {
      const copied = data.copy(bytes, filled, at);
      filled += copied;
      if (filled < prefixBytes) return copied;
      const length = bytes.readUInt32BE(1);
      if (maxMessageBytes !== -1 && length > maxMessageBytes) {
        isRefused = true;
        // The error has the same text as that of grpc-js.
        throw new Error(`Received message larger than max (${length} vs ${maxMessageBytes})`);
      }
      endBytes = prefixBytes + length;
      return copied;
    },
    copyTo: (target: Buffer): number => bytes.copy(target),
    clear: () => void (filled = 0),
  };
}

/** Collects the pieces of a message whose memory has not been allocated yet. */
function createPieces() {
  let pieces: Buffer[] = [];
  /** The buffer of the last of `pieces`, if that piece holds several small ones. */
  let gathered: Buffer | undefined;
  let gatheredFilled = 0;
  return {
    add(piece: Buffer): void {
      if (piece.length >= smallPieceBytes) {
        pieces.push(piece);
        gathered = undefined;
        return;
      }
      if (gathered === undefined || gatheredFilled + piece.length > gatheredBytes) {
        gathered = Buffer.allocUnsafeSlow(gatheredBytes);
        gatheredFilled = 0;
        pieces.push(gathered);
      }
      gatheredFilled += piece.copy(gathered, gatheredFilled);
      pieces[pieces.length - 1] = gathered.subarray(0, gatheredFilled);
    },
    /** Copies the pieces to `target` from `start` on, and discards them. */
    moveTo(target: Buffer, start: number): void {
      let at = start;
      for (const piece of pieces) at += piece.copy(target, at);
      pieces = [];
      gathered = undefined;
    },
  };
}

/**
 * Gives a call that grpc-js has just begun an assembler that accepts no message above
 * `maxMessageBytes`. Returns false if the call does not have the internals that the assembler
 * relies on.
 */
export function assembleMessages(call: object, maxMessageBytes = Infinity): boolean {
  const target = call as {
    decoder?: Partial<MessageAssembler>;
    /** This number also bounds a message that grpc-js decompresses. */
    maxReceiveMessageSize?: unknown;
  };
  const { decoder, maxReceiveMessageSize: max } = target;
  if (typeof decoder?.write !== "function" || typeof max !== "number") return false;
  const most = max === -1 ? maxMessageBytes : Math.min(max, maxMessageBytes);
  target.maxReceiveMessageSize = most;
  decoder.write = createMessageAssembler(most).write;
  return true;
}
