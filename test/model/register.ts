// One value that several clients write and read concurrently: computes the values that a reader may
// see.

interface Write<V> {
  readonly value: V;
  readonly beginsAt: number;
  readonly endsAt: number;
  /** It may also not have happened. */
  readonly maybe: boolean;
}

export interface Register<V> {
  write(value: V, beginsAt: number, endsAt: number): void;
  /** Nobody knows whether it happened. If it did, then before the round's end. */
  writeMaybe(value: V, beginsAt: number): void;
  /**
   * True if a read in this interval may see the value. A write of the value must have begun, and no
   * other write lies completely between that write and the read.
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
      // The latest start of a write that ended before the read. Earlier writes are overwritten.
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
