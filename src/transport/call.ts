// Implements one running call at the level of encoded messages. The call pulls requests, pushes
// responses with back-pressure, notices when the caller disconnects, and ends exactly once.
//
// This file uses the interceptor interface of grpc-js; grpc-hooks/detached-call.ts says why.
import { Metadata, type ServerInterceptingCallInterface } from "@grpc/grpc-js";
import type { Traffic } from "../observe/ports.js";
import type { EncodedMessage } from "../wire/bytes-field.js";
import { StoreError } from "../base/errors.js";
import type { AnswerAccount } from "./answer-bytes.js";
import { confirmOpen } from "./grpc-hooks/confirm-open.js";
import { sendAndFree, type SentOn } from "./grpc-hooks/sent-frames.js";
import type { Sender, SendScheduler } from "./send-scheduler.js";
import type { WireStatus } from "./status.js";

/** Maximum number of large messages in flight. While one is sent, the handler makes the next. */
const maxMessagesInFlight = 2;
/**
 * A smaller message counts as this many bytes, so that few small messages wait for a slow reader.
 */
const smallMessageBytes = 64 * 1024;
/**
 * The bytes in flight from which on the handler waits: the default size of one chunk of a download.
 * The kernel's buffers hold the data that the caller reads meanwhile.
 */
const maxBytesInFlight = 512 * 1024;

/**
 * Single answers up to this size are not counted. The number of streams bounds them, and a caller
 * must learn what its call has changed.
 */
const smallAnswerBytes = 4096;

export interface Call {
  readonly metadata: Metadata;
  readonly deadline: Date | undefined;
  /** See CallContext. Its reason is a StoreError. */
  readonly signal: AbortSignal;
  /**
   * Returns the next request, or undefined after the last one. Only one call may be pending.
   * Rejects with the signal's reason.
   */
  receive(): Promise<Buffer | undefined>;
  /**
   * Sends a message. Resolves when there is room for another. Rejects with the signal's reason, or
   * if the account of `countAnswers` has no room for the message.
   */
  send(message: EncodedMessage): Promise<void>;
  /**
   * Ends the call. Everything that is pending is sent first, and then the last message, if there is
   * one. This also works after an abort: a caller that is still connected gets the true outcome. If
   * there is no room for the last message, `finish` throws and the call continues.
   */
  finish(status: WireStatus, lastMessage?: EncodedMessage): void;
  /** Fires the signal, unless the call has ended. */
  abort(reason: StoreError): void;
  /** Sets how long the caller may keep `receive` or `send` waiting; 0 = no limit. */
  setIdleTimeout(timeoutMs: number): void;
  /**
   * Counts each message that is sent from now on, until the kernel has taken it. A single answer
   * counts until the stream closes, or not at all if it is small. The call closes the account.
   */
  countAnswers(account: AnswerAccount): void;
  /** Frees the memory of each large message of `stream` when the message has been sent. */
  freeWritten(stream: SentOn): void;
}

/**
 * The counters to which a call adds the bytes of its messages: its own, and those of all calls of
 * its method.
 */
export interface CallTraffic {
  readonly own: Traffic;
  readonly total: Traffic;
}

/** Opens the call and takes ownership of `raw`. Nothing else may use `raw`. */
export function openCall(
  raw: ServerInterceptingCallInterface,
  scheduler: SendScheduler,
  traffic: CallTraffic,
): Call {
  const controller = new AbortController();
  const { signal } = controller;
  const deadline = deadlineOf(raw);
  const idle = createIdleTimer(() => {
    // If a handler itself is busy, its next wait restarts the timer.
    if (inbox.isWaiting() || outbox.isWaiting()) abort(callerIdle(idle.timeoutMs()));
  });
  const waits = { signal, traffic, restartIdle: () => idle.restart() };
  const outbox = openOutbox(raw, scheduler, waits);
  const inbox = openInbox(raw, waits, () => {
    outbox.streamClosed();
    abort(callerGone(deadline));
  });
  let finished = false;

  function abort(reason: StoreError): void {
    if (finished || signal.aborted) return;
    controller.abort(reason);
    outbox.abort(reason);
    inbox.abort(reason);
  }

  // Without metadata, the stream broke before the call was opened, and grpc-js will never report
  // that.
  if (inbox.metadata === undefined) abort(callerGone(deadline));
  return {
    metadata: inbox.metadata ?? new Metadata(),
    deadline,
    signal,
    abort,
    receive: inbox.receive,
    send: outbox.send,
    finish(status, lastMessage) {
      if (finished) return;
      // `chargeLast` may throw, so nothing is sent before it.
      if (lastMessage !== undefined) outbox.chargeLast(lastMessage);
      finished = true;
      outbox.stop();
      idle.set(0);
      if (lastMessage !== undefined) {
        countSent(traffic, lastMessage);
        raw.sendMessage(lastMessage, () => undefined);
      }
      raw.sendStatus(status);
    },
    setIdleTimeout: (timeoutMs) => idle.set(timeoutMs),
    countAnswers: outbox.countAnswers,
    freeWritten: outbox.freeWritten,
  };
}

/** The state that each wait of a call needs. */
interface Waits {
  readonly signal: AbortSignal;
  readonly traffic: CallTraffic;
  restartIdle(): void;
}

interface Inbox {
  /** Undefined if the stream had broken before the call was opened. */
  readonly metadata: Metadata | undefined;
  /** Implements `receive` of `Call`. */
  receive(): Promise<Buffer | undefined>;
  isWaiting(): boolean;
  /** Ends the wait of `receive`. */
  abort(reason: StoreError): void;
}

/** Starts the call. `onClosed` runs after every call, including successful ones. */
function openInbox(
  raw: ServerInterceptingCallInterface,
  { signal, traffic, restartIdle }: Waits,
  onClosed: () => void,
): Inbox {
  const readable = createLatch();
  const messages: Buffer[] = [];
  let metadata: Metadata | undefined;
  let halfClosed = false;
  raw.start({
    onReceiveMetadata: (received) => {
      metadata = received;
    },
    onReceiveMessage: (message: Buffer) => {
      traffic.own.receivedBytes += message.length;
      traffic.total.receivedBytes += message.length;
      messages.push(message);
      readable.open();
    },
    onReceiveHalfClose: () => {
      halfClosed = true;
      readable.open();
    },
    onCancel: onClosed,
  });
  return {
    metadata,
    async receive() {
      while (messages.length === 0 && !halfClosed) {
        signal.throwIfAborted();
        restartIdle();
        const arrived = readable.wait();
        raw.startRead();
        await arrived;
      }
      const message = messages.shift();
      if (message === undefined) await confirmOpen(signal);
      return message;
    },
    isWaiting: readable.isWaiting,
    abort: readable.fail,
  };
}

interface Outbox {
  /** Implements `send` of `Call`. */
  send(message: EncodedMessage): Promise<void>;
  /** Counts the last message of the call, unless it is small. Throws if there is no room for it. */
  chargeLast(message: EncodedMessage): void;
  /** Implements `countAnswers` of `Call`. */
  countAnswers(account: AnswerAccount): void;
  /** Implements `freeWritten` of `Call`. */
  freeWritten(stream: SentOn): void;
  isWaiting(): boolean;
  /** Releases the right to send large messages. Call this when the call ends. */
  stop(): void;
  /** Releases the right to send large messages, and ends the wait of `send`. */
  abort(reason: StoreError): void;
  /** Call it when the stream has closed, because the caller can read nothing more. */
  streamClosed(): void;
}

function openOutbox(
  raw: ServerInterceptingCallInterface,
  scheduler: SendScheduler,
  waits: Waits,
): Outbox {
  const { signal, traffic } = waits;
  const window = createSendWindow(waits);
  /** Schedules the large messages of this call. */
  let sender: Sender | undefined;
  let answers: AnswerAccount | undefined;
  let sentOn: SentOn | undefined;
  let isClosed = false;
  const untilThereIsRoom = (): Promise<void> =>
    window.untilThereIsRoom(() => sender?.isBehind() === true);

  return {
    async send(message) {
      signal.throwIfAborted();
      const scheduled = Buffer.isBuffer(message) ? undefined : (sender ??= scheduler.open());
      // The message also counts while it waits for the message before it.
      answers?.take(message.byteLength);
      await untilThereIsRoom();
      await scheduled?.begin(message.byteLength);
      signal.throwIfAborted();
      const left = window.enter(message.byteLength);
      countSent(traffic, message);
      sendAndFree(raw, message, sentOn, () => {
        scheduled?.sent();
        answers?.taken(message.byteLength);
        left();
      });
      await untilThereIsRoom();
    },
    chargeLast({ byteLength }) {
      if (byteLength > smallAnswerBytes) answers?.take(byteLength);
    },
    countAnswers(account) {
      if (!isClosed) answers = account;
    },
    freeWritten: (stream) => void (sentOn = stream),
    isWaiting: window.isWaiting,
    stop: () => sender?.close(),
    abort(reason) {
      sender?.close();
      window.fail(reason);
    },
    streamClosed() {
      isClosed = true;
      answers?.close();
    },
  };
}

/** Counts the messages that were passed to grpc-js and that the kernel has not taken yet. */
function createSendWindow({ signal, restartIdle }: Waits) {
  const writable = createLatch();
  /** The number of large messages. */
  let messages = 0;
  let bytes = 0;
  return {
    /** Waits for room. If the reader is slow, only a window without large messages has room. */
    async untilThereIsRoom(isBehind: () => boolean): Promise<void> {
      // After a cancel, grpc-js may never report a message as sent. The abort then ends the wait.
      while (bytes >= maxBytesInFlight || messages >= (isBehind() ? 1 : maxMessagesInFlight)) {
        signal.throwIfAborted();
        restartIdle();
        await writable.wait();
      }
    },
    /** Adds a message. The returned function removes the message again. */
    enter(messageBytes: number): () => void {
      const large = messageBytes > smallMessageBytes ? 1 : 0;
      const counted = Math.max(messageBytes, smallMessageBytes);
      messages += large;
      bytes += counted;
      return () => {
        messages -= large;
        bytes -= counted;
        writable.open();
      };
    },
    isWaiting: writable.isWaiting,
    fail: writable.fail,
  };
}

function countSent({ own, total }: CallTraffic, { byteLength }: EncodedMessage): void {
  own.sentBytes += byteLength;
  total.sentBytes += byteLength;
}

/** Lets one waiter wait for an event. */
interface Latch {
  wait(): Promise<void>;
  isWaiting(): boolean;
  open(): void;
  fail(reason: StoreError): void;
}

function createLatch(): Latch {
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

/** Node's timers may fire up to a millisecond early. */
const timerSlackMs = 2;

export function callerGone(deadline: Date | undefined): StoreError {
  // At the deadline grpc-js answers the call itself, and then reports a cancel.
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
    `The caller left the call idle for ${timeoutMs / 1000} s: it neither sent nor read anything`,
    { hint: "Call again, and keep the stream moving" },
  );
}
