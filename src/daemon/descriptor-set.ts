// Loads the descriptor set that reflection serves. `buf build` generates it, including the comments
// of the .proto files.
import { readFileSync } from "node:fs";

export function readDescriptorSet(): Uint8Array {
  // The path leads from dist/src/daemon/ to dist/gen/ in the output of the build.
  return readFileSync(new URL("../../gen/stasis.binpb", import.meta.url));
}
