// One value that several clients write and read at the same time: which values a reader may see.

interface Write<V> {
  readonly value: V;
  readonly beginsAt: number;
  readonly endsAt: number;
  /** It may also not have happened. */
  readonly maybe: boolean;
}

export interface Register<V> {
  write(value: V, beginsAt: number, endsAt: number): void;
  /** Nobody knows whether it happened; if so, then before the round's end. */
  writeMaybe(value: V, beginsAt: number): void;
  /**
   * True if a read in this interval may see the value: some write of it had begun, and no other
   * write lies wholly between that one and the read.
   */
  allows(value: V, beginsAt: number, endsAt: number): boolean;
  /** Each value that was ever written. */
  values(): V[];
}

export function createRegister<V>(initial: V): Register<V> {
  const writes: Write<V>[] = [{ value: initial, beginsAt: -1, endsAt: -1, maybe: false }];
  return {
    write: (value, beginsAt, endsAt) => void writes.push({ value, beginsAt, endsAt, maybe: false }),
    writeMaybe: (value, beginsAt) =>
      void writes.push({ value, beginsAt, endsAt: Infinity, maybe: true }),
    allows: (value, beginsAt, endsAt) => {
      // The latest begin of a write that was over before the read: what ended before that is gone.
      let latest = -Infinity;
      for (const write of writes) {
        if (!write.maybe && write.endsAt < beginsAt) latest = Math.max(latest, write.beginsAt);
      }
      return writes.some(
        (write) => write.value === value && write.beginsAt < endsAt && write.endsAt >= latest,
      );
    },
    values: () => [...new Set(writes.map(({ value }) => value))],
  };
}
