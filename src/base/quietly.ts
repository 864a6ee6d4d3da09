// Ends work and ignores its errors, because a new error would hide the one that led to the end.

/** Waits for `work`, whatever its outcome. */
export async function dropErrors(work: PromiseLike<unknown> | undefined): Promise<void> {
  try {
    await work;
  } catch {
    return;
  }
}

/**
 * Closes a descriptor that was only read from, or whose file is discarded. In these cases an error
 * of close(2) says nothing about the data.
 */
export async function closeQuietly(handle: { close(): Promise<void> }): Promise<void> {
  await dropErrors(handle.close());
}

/** Makes `await using` close the descriptor as `closeQuietly` does. Returns the same object. */
export function closedQuietly<T extends AsyncDisposable & { close(): Promise<void> }>(
  handle: T,
): T {
  handle[Symbol.asyncDispose] = () => closeQuietly(handle);
  return handle;
}
