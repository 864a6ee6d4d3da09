// Distinguishes a stream that its client has half-closed from one that was reset.
//
// Relies on: if a stream was reset or lost its connection, Node ends its readable side as if the
// client had half-closed it. Node then reports the close within the same turn of the event loop.
// For: an upload that was cut off would look complete. Uploads also end with a commit frame, so
// this is the second of two checks for uploads and the only one for single requests.
// If it changes: if Node reported the close later, a cut-off call would start work that its caller
// does not want. That is silent; the contract test and test/access/cut-uploads.test.ts fail.

/** Throws the signal's reason if the stream was reset together with the last data. */
export async function confirmOpen(signal: AbortSignal): Promise<void> {
  await new Promise(setImmediate);
  signal.throwIfAborted();
}
