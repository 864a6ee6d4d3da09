// Loaded into a tested daemon before its own modules. Makes the names of its temporary files equal
// at each start, so that a system call on one of them can be found again.
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";

/** Number of random bytes in such a name. */
const nameBytes = 6;
const { randomBytes } = crypto;
let made = 0;

crypto.randomBytes = (size: number) => {
  if (size !== nameBytes) return randomBytes(size);
  made += 1;
  const bytes = Buffer.alloc(nameBytes);
  bytes.writeUInt32BE(made, 2);
  return bytes;
};
syncBuiltinESMExports();
