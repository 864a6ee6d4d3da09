// Makes a small tar.gz in memory: one folder with text files.
import { gzipSync } from "node:zlib";
import { paddingOf } from "../../archive/pax.js";
import { encodeTarHeader, tarBlockBytes } from "../../archive/tar-header.js";

interface TextFile {
  readonly name: string;
  readonly text: string;
}

/**
 * Returns a tar.gz. The name of the folder and that of each file together have at most 100 bytes of
 * ASCII.
 */
export function tarGz(folder: string, files: readonly TextFile[], modifiedAt: Date): Buffer {
  const modifiedSeconds = Math.floor(modifiedAt.getTime() / 1000);
  const blocks = files.flatMap(({ name, text }) => {
    const body = Buffer.from(text);
    const header = encodeTarHeader({
      ...{ name: `${folder}/${name}`, mode: 0o600, type: "0" },
      ...{ sizeBytes: body.length, modifiedSeconds },
    });
    return [header, body, Buffer.alloc(paddingOf(body.length))];
  });
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(2 * tarBlockBytes)]));
}
