// Sends many requests, some at a time.

/**
 * Number of requests in flight if their answers are small. The connections of a remote allow 16
 * requests by default (`max_requests`).
 */
export const smallRequests = 16;

/**
 * Calls `work` for each item, at most `limit` at a time. When a call fails, no further item is
 * begun. Rejects with the error of that call when the other running calls have ended.
 */
export async function requestEach<T>(
  limit: number,
  items: Iterable<T>,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const queue = items[Symbol.iterator]();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (let next = queue.next(); next.done !== true && !failed; next = queue.next()) {
      try {
        await work(next.value);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const workers = await Promise.allSettled(Array.from({ length: limit }, worker));
  for (const each of workers) if (each.status === "rejected") throw each.reason;
}
