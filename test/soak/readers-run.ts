// Implements `npm run lab -- soak-readers --minutes M --seed S`, which runs 32 readers during
// deletion, replacement and collection.
import { playReaders } from "./readers.js";
import { soakMain } from "./soak-main.js";

await soakMain("readers", { minutes: 5, seed: 1, readers: 32 }, (directory, values, signal) => {
  const { minutes, seed, readers } = values;
  const limitMs = minutes * 60_000;
  return playReaders({ directory, seed, readers, outlived: Infinity, limitMs, signal });
});
