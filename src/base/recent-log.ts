// Keeps the newest lines of the log in memory, so that a support bundle contains them wherever
// stderr leads. The memory never exceeds `recentLogBytes`, whatever is logged.

/**
 * Maximum bytes of memory for the lines. After the memory has been full once, lines take at least
 * about half of it.
 */
export const recentLogBytes = 1024 * 1024;

export interface RecentLog {
  /**
   * Keeps a line that ends with a newline. A line that is longer than half of the memory is left
   * out.
   */
  add(line: string): void;
  /** Returns the kept lines, the oldest first. */
  text(): string;
}

/**
 * Returns a log with two halves of memory. Lines go into one half. When that half is full, the
 * other half, which has the oldest lines, is overwritten. The system provides the memory when lines
 * arrive.
 */
export function createRecentLog(bytes = recentLogBytes): RecentLog {
  const half = () => ({ memory: Buffer.allocUnsafeSlow(Math.floor(bytes / 2)), used: 0 });
  let [older, newer] = [half(), half()];
  return {
    add(line) {
      const length = Buffer.byteLength(line);
      if (length > newer.memory.length) return;
      if (newer.used + length > newer.memory.length) {
        [older, newer] = [newer, older];
        newer.used = 0;
      }
      newer.used += newer.memory.write(line, newer.used);
    },
    text: () => [older, newer].map(({ memory, used }) => memory.toString("utf8", 0, used)).join(""),
  };
}
