// Takes a call away from grpc-js and serves it from the interceptor.
//
// Relies on: the last interceptor may use the call that it was given, and a
// `ServerInterceptingCall` whose `start` does nothing keeps grpc-js from running the registered
// handler.
// For: the stream objects of grpc-js read 16 messages ahead, need an `error` event to send a
// status, and report a cancel after each success. The interceptor interface does none of this.
// If it changes: the registered handler runs, and it throws. That is loud: every call fails.
import { ServerInterceptingCall, type ServerInterceptingCallInterface } from "@grpc/grpc-js";

/**
 * Returns the value that the interceptor must return. From then on, the caller of this function
 * owns `raw`.
 */
export function detachCall(raw: ServerInterceptingCallInterface): ServerInterceptingCall {
  return new ServerInterceptingCall(raw, { start: () => undefined });
}

/** Serves as the registered handler of a method whose calls are all detached. */
export function neverCalled(): void {
  throw new Error("the interceptor takes all calls");
}
