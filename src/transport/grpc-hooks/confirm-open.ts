// Tells a stream that its client has half-closed from one that was reset.
//
// Relies on: Node ends the readable side of a stream that was reset, or lost its connection, as if
// the client had half-closed it, and reports the close within the same turn of the event loop.
// For: an upload that was cut off would look complete. Chunks carry a commit frame as well, so this
// is the second of two checks for uploads and the only one for single requests.
// If it changes: a close that came later would let a cut-off call start work that its caller does
// not want. That is silent; the contract test and test/access/cut-uploads.test.ts fail.

/** Throws the signal's reason if the stream was reset along with what was last read from it. */
export async function confirmOpen(signal: AbortSignal): Promise<void> {
  await new Promise(setImmediate);
  signal.throwIfAborted();
}
