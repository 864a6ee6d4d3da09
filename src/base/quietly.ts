// Endings whose errors nobody needs: a new error would hide the one that led to them.

/** Waits for `work`, whatever its outcome. */
export async function dropErrors(work: PromiseLike<unknown> | undefined): Promise<void> {
  try {
    await work;
  } catch {
    return;
  }
}

/**
 * Closes a descriptor that was only read from, or whose file is discarded. An error of close(2)
 * says nothing about the data then.
 */
export async function closeQuietly(handle: { close(): Promise<void> }): Promise<void> {
  await dropErrors(handle.close());
}
