// Implements `npm run lab -- soak-flips --flips N --seed S`, which flips random bytes in data
// files.
import { playFlips } from "./flips.js";
import { soakMain } from "./soak-main.js";

await soakMain("flips", { flips: 10_000, seed: 1 }, (directory, { flips, seed }, signal) =>
  playFlips({ directory, seed, flips, signal }),
);
