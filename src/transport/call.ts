// One running call at the level of encoded messages: pulls requests, pushes responses with
// back-pressure, knows when the caller is gone, and ends exactly once.
//
// It stands on the interceptor interface of grpc-js and not on its stream objects: those read 16
// messages ahead, need an `error` event to send a status, and report a cancel after each success.
import type { ServerHttp2Stream } from "node:http2";
import { Metadata, type ServerInterceptingCallInterface } from "@grpc/grpc-js";
import type { EncodedMessage } from "../wire/bytes-field.js";
import { StoreError } from "../base/errors.js";
import { freeWhole } from "../wire/chunk.js";
import type { AnswerAccount } from "./answer-bytes.js";
import { confirmOpen } from "./grpc-hooks/confirm-open.js";
import type { Sender, SendScheduler } from "./send-scheduler.js";
import type { WireStatus } from "./status.js";

/** Two small ones, so that one message travels while the handler makes the next. */
const maxMessagesInFlight = 2;
/** One chunk of a download: what its caller reads meanwhile is in the kernel's buffers. */
const maxBytesInFlight = 512 * 1024;

/** Single answers of this size are bounded by the number of streams. */
const smallAnswerBytes = 4096;

export interface Call {
  readonly metadata: Metadata;
  readonly deadline: Date | undefined;
  /** See CallContext. Its reason is a StoreError. */
  readonly signal: AbortSignal;
  /**
   * The next request, undefined after the last. One at a time. Rejects with the signal's reason.
   */
  receive(): Promise<Buffer | undefined>;
  /** Resolves when there is room for another one. Rejects with the signal's reason. */
  send(message: EncodedMessage): Promise<void>;
  /**
   * Ends the call, after a last message if there is one and after all that was sent before.
   * Works after an abort too: a caller that is still there gets the true outcome. Throws, without
   * having ended it, if there is no room for the message.
   */
  finish(status: WireStatus, lastMessage?: EncodedMessage): void;
  /** Fires the signal, unless the call has ended. */
  abort(reason: StoreError): void;
  /** How long the caller may keep `receive` or `send` waiting; 0 = for ever. */
  setIdleTimeout(timeoutMs: number): void;
  /** Counts what is sent from now on until the caller has taken it. The call closes the account. */
  countAnswers(account: AnswerAccount): void;
  /**
   * Frees the memory of each large message once Node has written it to `stream`, the stream of this
   * call. Without it the collector does. See `freeAfterWrite`.
   */
  freeWritten(stream: Pick<ServerHttp2Stream, "destroyed">): void;
}

/** Takes `raw` over: nothing else may use it. */
export function openCall(raw: ServerInterceptingCallInterface, scheduler: SendScheduler): Call {
  const controller = new AbortController();
  const { signal } = controller;
  const deadline = deadlineOf(raw);
  const readable = createGate();
  const writable = createGate();
  const idle = createIdleTimer(() => {
    // A handler that is busy itself restarts the timer with its next wait.
    if (readable.isWaiting() || writable.isWaiting()) abort(callerIdle(idle.timeoutMs()));
  });
  let finished = false;

  function abort(reason: StoreError): void {
    if (finished || signal.aborted) return;
    controller.abort(reason);
    sender?.close();
    readable.fail(reason);
    writable.fail(reason);
  }

  let streamClosed = false;
  let answers: AnswerAccount | undefined;
  let stream: Pick<ServerHttp2Stream, "destroyed"> | undefined;
  const inbox = startReading(raw, readable, () => {
    streamClosed = true;
    answers?.close();
    abort(callerGone(deadline));
  });
  // Without metadata the stream broke before this, and grpc-js will never report it.
  if (inbox.metadata === undefined) abort(callerGone(deadline));
  const inFlight = { messages: 0, bytes: 0 };
  /** For its large messages. */
  let sender: Sender | undefined;

  function hasRoom(): boolean {
    if (inFlight.bytes >= maxBytesInFlight) return false;
    return inFlight.messages < (sender?.isBehind() === true ? 1 : maxMessagesInFlight);
  }

  async function untilThereIsRoom(): Promise<void> {
    // After a cancel a message may never be reported as sent: then the abort ends the wait.
    while (!hasRoom()) {
      signal.throwIfAborted();
      idle.restart();
      await writable.wait();
    }
  }

  return {
    metadata: inbox.metadata ?? new Metadata(),
    deadline,
    signal,
    abort,
    async receive() {
      while (inbox.messages.length === 0 && !inbox.halfClosed) {
        signal.throwIfAborted();
        idle.restart();
        const arrived = readable.wait();
        raw.startRead();
        await arrived;
      }
      const message = inbox.messages.shift();
      if (message === undefined) await confirmOpen(signal);
      return message;
    },
    async send(message) {
      signal.throwIfAborted();
      const scheduled = Buffer.isBuffer(message) ? undefined : (sender ??= scheduler.open());
      // Also while it waits for the one before.
      answers?.take(message.byteLength);
      await untilThereIsRoom();
      await scheduled?.begin(message.byteLength);
      signal.throwIfAborted();
      inFlight.messages++;
      inFlight.bytes += message.byteLength;
      const { encoded, onWritten } = freeAfterWrite(message);
      raw.sendMessage(encoded, () => {
        if (stream !== undefined) onWritten(stream);
        scheduled?.sent();
        answers?.taken(message.byteLength);
        inFlight.messages--;
        inFlight.bytes -= message.byteLength;
        writable.open();
      });
      await untilThereIsRoom();
    },
    finish(status, lastMessage) {
      if (finished) return;
      // Throws before anything was sent. What a call has changed must be told, and takes little.
      const bytes = lastMessage?.byteLength ?? 0;
      if (bytes > smallAnswerBytes) answers?.take(bytes);
      finished = true;
      sender?.close();
      idle.set(0);
      if (lastMessage !== undefined) raw.sendMessage(lastMessage, () => undefined);
      raw.sendStatus(status);
    },
    setIdleTimeout: (timeoutMs) => idle.set(timeoutMs),
    countAnswers(account) {
      if (!streamClosed) answers = account;
    },
    freeWritten(ownStream) {
      stream = ownStream;
    },
  };
}

/**
 * grpc-js copies a message that is not a Buffer yet into memory of its own and writes that to the
 * HTTP/2 stream. `onWritten` frees this memory. It must be called in the callback of that write.
 *
 * Node calls it without an error in two cases (writable.write of node:stream): all bytes were
 * written to the socket, or the stream was destroyed before. In the second case Node may still be
 * writing a part of the message. A stream that is not destroyed leaves only the first case.
 */
function freeAfterWrite(message: EncodedMessage): {
  encoded: EncodedMessage;
  onWritten: (stream: Pick<ServerHttp2Stream, "destroyed">) => void;
} {
  if (Buffer.isBuffer(message)) return { encoded: message, onWritten: () => undefined };
  let target: Buffer | undefined;
  const copy: EncodedMessage["copy"] = (memory, start) => {
    target = memory;
    return message.copy(memory, start);
  };
  return {
    encoded: Object.create(message, { copy: { value: copy } }) as EncodedMessage,
    onWritten: ({ destroyed }) => {
      if (!destroyed && target !== undefined) freeWhole(target);
    },
  };
}

interface Inbox {
  metadata: Metadata | undefined;
  readonly messages: Buffer[];
  halfClosed: boolean;
}

function startReading(
  raw: ServerInterceptingCallInterface,
  readable: Gate,
  onCancel: () => void,
): Inbox {
  const inbox: Inbox = { metadata: undefined, messages: [], halfClosed: false };
  raw.start({
    onReceiveMetadata: (metadata) => {
      inbox.metadata = metadata;
    },
    onReceiveMessage: (message: Buffer) => {
      inbox.messages.push(message);
      readable.open();
    },
    onReceiveHalfClose: () => {
      inbox.halfClosed = true;
      readable.open();
    },
    // Also comes after every call that has ended well.
    onCancel,
  });
  return inbox;
}

/** One place where one waits for an event. */
interface Gate {
  wait(): Promise<void>;
  isWaiting(): boolean;
  open(): void;
  fail(reason: StoreError): void;
}

function createGate(): Gate {
  let waiting: { resolve: () => void; reject: (reason: StoreError) => void } | undefined;
  return {
    wait: () => new Promise((resolve, reject) => (waiting = { resolve, reject })),
    isWaiting: () => waiting !== undefined,
    open() {
      waiting?.resolve();
      waiting = undefined;
    },
    fail(reason) {
      waiting?.reject(reason);
      waiting = undefined;
    },
  };
}

interface IdleTimer {
  set(timeoutMs: number): void;
  restart(): void;
  timeoutMs(): number;
}

function createIdleTimer(onIdle: () => void): IdleTimer {
  let timer: NodeJS.Timeout | undefined;
  let current = 0;
  return {
    set(timeoutMs) {
      clearTimeout(timer);
      current = timeoutMs;
      timer = timeoutMs === 0 ? undefined : setTimeout(onIdle, timeoutMs).unref();
    },
    restart: () => void timer?.refresh(),
    timeoutMs: () => current,
  };
}

function deadlineOf(raw: ServerInterceptingCallInterface): Date | undefined {
  const deadline = raw.getDeadline();
  if (deadline instanceof Date) return deadline;
  return Number.isFinite(deadline) ? new Date(deadline) : undefined;
}

/** Timers of Node fire up to a millisecond before the clock says so. */
const timerSlackMs = 2;

export function callerGone(deadline: Date | undefined): StoreError {
  // When its timer for the deadline fires, grpc-js answers by itself, and then cancels.
  if (deadline !== undefined && Date.now() + timerSlackMs >= deadline.getTime()) {
    return new StoreError("DEADLINE_PASSED", "The deadline of the call passed before it was done", {
      hint: "Call again with more time",
    });
  }
  return new StoreError("CALL_CANCELLED", "The caller cancelled the call or is gone");
}

function callerIdle(timeoutMs: number): StoreError {
  return new StoreError(
    "DEADLINE_PASSED",
    `The caller let the call lie for ${timeoutMs / 1000} s: it neither sent nor read anything`,
    { hint: "Call again, and keep the stream moving" },
  );
}
