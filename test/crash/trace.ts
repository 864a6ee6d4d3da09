// Parses the output of `strace -f` into a list of calls, in the order in which they began.

export interface Call {
  readonly threadId: number;
  /** The time at which the call began, in wall-clock seconds. */
  readonly beganAt: number;
  readonly name: string;
  /** The arguments and, if the call ended on the same line, the result. */
  readonly text: string;
  /**
   * The line with the end of the call. It is the same as `text` if no other call came in between.
   */
  readonly endText: string;
  /**
   * The paths in the arguments, both of descriptors and as given. Paths below an open directory are
   * resolved.
   */
  readonly paths: readonly string[];
  readonly failed: boolean;
}

const begins = /^(\d+)\s+(\d+\.\d+) (\w+)\((.*)$/;
const resumes = /^(\d+)\s+\d+\.\d+ <\.\.\. (\w+) resumed>(.*)$/;

interface Building {
  threadId: number;
  beganAt: number;
  name: string;
  text: string;
  endText: string;
}

export function parseTrace(text: string): Call[] {
  const calls: Building[] = [];
  const open = new Map<string, Building>();
  for (const line of text.split("\n")) {
    const begun = begins.exec(line);
    if (begun !== null) {
      const [, threadId = "", beganAt = "", name = "", rest = ""] = begun;
      const call = {
        threadId: Number(threadId),
        beganAt: Number(beganAt),
        name,
        text: rest,
        endText: rest,
      };
      calls.push(call);
      if (rest.endsWith("<unfinished ...>")) open.set(threadId, call);
      continue;
    }
    const [, threadId = "", , rest = ""] = resumes.exec(line) ?? [];
    const call = open.get(threadId);
    if (call === undefined) continue;
    call.endText = rest;
    open.delete(threadId);
  }
  const descriptors = new Map<string, string>();
  return calls.map((call) => {
    const paths = pathsIn(call.text).map((path) => throughDescriptor(path, descriptors));
    const [, fd, path] = /= (\d+)<(\/[^>]*)>$/.exec(call.endText) ?? [];
    if (call.name === "openat" && fd !== undefined && path !== undefined) descriptors.set(fd, path);
    return { ...call, paths, failed: /= -1 E[A-Z]+/.test(call.endText) };
  });
}

/**
 * Resolves `/proc/self/fd/N/NAME`, by which the program reaches the entries of an open directory.
 */
function throughDescriptor(path: string, descriptors: ReadonlyMap<string, string>): string {
  const [, fd = "", rest = ""] = /^\/proc\/self\/fd\/(\d+)(\/.*)?$/.exec(path) ?? [];
  const directory = descriptors.get(fd);
  if (directory === undefined) return path;
  return rest === "/." ? directory : directory + rest;
}

/** Returns the paths in `12</path>` and `"/path"`, but not the working directory of AT_FDCWD. */
function pathsIn(text: string): string[] {
  const given = text.split(" = ")[0] ?? text;
  const found = given.matchAll(/\d<(\/[^>]*)>|"(\/[^"]*)"/g);
  return [...found].map((match) => match[1] ?? match[2] ?? "");
}

export function isWithin(path: string, directory: string): boolean {
  return path === directory || path.startsWith(`${directory}/`);
}

/**
 * Returns the time at which the daemon sent the answer that the client received at `clientHadItAt`.
 * This is the last earlier write of more than 60 bytes to a socket, because the header of a frame
 * is shorter. The trailers follow in the same tick. If there is no such write, returns
 * `clientHadItAt`.
 */
export function answeredAt(calls: readonly Call[], clientHadItAt: number): number {
  const sent = calls.filter(
    ({ name, text, beganAt, endText }) =>
      (name === "writev" || name === "write") &&
      text.includes("<socket:") &&
      beganAt <= clientHadItAt &&
      Number(/= (\d+)$/.exec(endText)?.[1] ?? 0) > 60,
  );
  return sent.at(-1)?.beganAt ?? clientHadItAt;
}
