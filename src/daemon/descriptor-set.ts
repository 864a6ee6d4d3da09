// The descriptor set that reflection serves: made by `buf build`, with comments.
import { readFileSync } from "node:fs";

export function readDescriptorSet(): Uint8Array {
  // dist/src/daemon/ → dist/gen/, where the build puts it.
  return readFileSync(new URL("../../gen/stasis.binpb", import.meta.url));
}
