// Shortens timeouts that grpc-js cannot represent.
//
// Relies on: grpc-js computes the timeout of a call in 32-bit milliseconds
// (`handleTimeoutHeader` in server-interceptors.js) and reads it from the headers object that the
// event `stream` carries.
// For: a deadline more than 24.8 days away wraps around, and grpc-js ends the call at once.
// If it changes: the hook becomes unnecessary, or calls with long deadlines fail with
// DEADLINE_EXCEEDED. That is loud for their callers; the contract test shows which of the two.
import type { IncomingHttpHeaders } from "node:http2";

/** Largest delay of a Node timer, in whole seconds: 24.8 days. */
const maxTimeoutSeconds = Math.floor(0x7fffffff / 1000);
const timeoutUnitSeconds: Readonly<Record<string, number>> = {
  H: 3600,
  M: 60,
  S: 1,
  m: 1e-3,
  u: 1e-6,
  n: 1e-9,
};

/** Clamps the timeout in the headers. Call it before grpc-js sees the headers. */
export function clampTimeout(headers: IncomingHttpHeaders): void {
  const match = /^(\d{1,8})([HMSmun])$/.exec(String(headers["grpc-timeout"] ?? ""));
  const [, amount, unit] = match ?? [];
  if (amount === undefined || unit === undefined) return;
  const seconds = Number(amount) * (timeoutUnitSeconds[unit] ?? 0);
  if (seconds > maxTimeoutSeconds) headers["grpc-timeout"] = `${maxTimeoutSeconds}S`;
}
