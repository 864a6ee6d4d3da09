// Defines one configuration option of the daemon: its names, documentation and check. There is a
// builder for each kind of option.
import { resolve } from "node:path";
import { z } from "zod";
import { formatHostPort, splitHostPort, type HostPort } from "../base/host-port.js";
import { formatDuration, formatSize, parseDuration, parseSize } from "./units.js";

/** The value of an option as a flag, the environment or the configuration file supplies it. */
export type RawValue = string | number | boolean | readonly string[];

export interface Option<T> {
  /** The key in the configuration file, for example `drain_grace`. */
  readonly key: string;
  /** The flag of `stasis serve` without its dashes, for example `drain-grace`. */
  readonly flag: string;
  /** The environment variable, for example `STASIS_DRAIN_GRACE`. */
  readonly env: string;
  /** The name of the flag's argument in the help. Undefined for a switch. */
  readonly placeholder: string | undefined;
  /** True if the flag can occur more than once. In the environment, colons separate the values. */
  readonly repeatable: boolean;
  /** One line that says what the option does. */
  readonly doc: string;
  /** The accepted values in words, which are also the text of the error for other values. */
  readonly accepts: string;
  /** The default in the option's syntax, or a description of it in angle brackets. */
  readonly defaultText: string;
  /** Converts a raw value to the option's type, or fails. */
  readonly schema: z.ZodType<T, RawValue>;
  /** Converts a value to a raw value that `schema` reads as the same value. */
  show(value: T): RawValue;
}

interface Naming {
  readonly key: string;
  readonly doc: string;
}

/** Returns an option whose value is a size in bytes. */
export function sizeOption(
  naming: Naming & { readonly default: string; readonly min: string; readonly max: string },
): Option<number> {
  const [min, max] = bounds(naming, parseSize);
  return option(naming, {
    placeholder: "SIZE",
    accepts: `a size from ${naming.min} to ${naming.max}`,
    parse: (raw) => (typeof raw === "string" ? parseSize(raw) : wholeNumber(raw)),
    check: (value) => value >= min && value <= max,
    show: formatSize,
  });
}

/** Returns an option whose value is a duration in milliseconds. */
export function durationOption(
  naming: Naming & { readonly default: string; readonly min: string; readonly max: string },
): Option<number> {
  const [min, max] = bounds(naming, parseDuration);
  return option(naming, {
    placeholder: "DURATION",
    accepts: `a duration with its unit (ms, s, m, h, d) from ${naming.min} to ${naming.max}`,
    parse: (raw) => (isScalar(raw) ? parseDuration(String(raw)) : undefined),
    check: (value) => value >= min && value <= max,
    show: formatDuration,
  });
}

/** Returns an option whose value is a whole number. */
export function integerOption(
  naming: Naming & { readonly default: number; readonly min: number; readonly max: number },
): Option<number> {
  return option(
    { ...naming, default: String(naming.default) },
    {
      placeholder: "N",
      accepts: `a whole number from ${naming.min} to ${naming.max}`,
      parse: wholeNumber,
      check: (value) => value >= naming.min && value <= naming.max,
      show: (value) => value,
    },
  );
}

/** Returns an option whose value is one word from a list. */
export function choiceOption<const T extends string>(
  naming: Naming & { readonly default: T; readonly choices: readonly T[] },
): Option<T> {
  return option(naming, {
    placeholder: naming.key.split("_").at(-1)?.toUpperCase() ?? "WORD",
    accepts: `one of ${naming.choices.join(", ")}`,
    parse: (raw) => naming.choices.find((choice) => choice === raw),
    check: () => true,
    show: (value) => value,
  });
}

/** Returns an option that is a switch, which is off by default. */
export function switchOption(naming: Naming): Option<boolean> {
  return option(
    { ...naming, default: "false" },
    {
      placeholder: undefined,
      accepts: "true or false",
      parse: (raw) => {
        if (typeof raw === "boolean") return raw;
        return raw === "true" || raw === "1"
          ? true
          : raw === "false" || raw === "0"
            ? false
            : undefined;
      },
      check: () => true,
      show: (value) => value,
    },
  );
}

/** Returns an option whose value is any text, empty by default. */
export function textOption(naming: Naming & { readonly placeholder: string }): Option<string> {
  return option(
    { ...naming, default: "" },
    {
      placeholder: naming.placeholder,
      accepts: "a text",
      parse: (raw) => (isScalar(raw) ? String(raw) : undefined),
      check: () => true,
      show: (value) => value,
    },
  );
}

/** Returns an option whose value is the permissions of a file, in octal. */
export function modeOption(naming: Naming & { readonly default: string }): Option<number> {
  return option(naming, {
    placeholder: "MODE",
    accepts: "permissions in octal, 0600 to 0666",
    parse: (raw) =>
      /^0?[0-7]{3}$/.test(String(raw)) ? Number.parseInt(String(raw), 8) : undefined,
    // The daemon itself must reach the socket, and a socket cannot be executed.
    check: (value) => (value & 0o600) === 0o600 && (value & 0o111) === 0,
    show: (value) => value.toString(8).padStart(4, "0"),
  });
}

/** The word that switches an option off. */
export const noneWord = "none";

/** Returns an option whose value is a path. A relative path starts at the working directory. */
export function pathOption(
  naming: Naming & { readonly default: string; readonly placeholder: string },
): Option<string> {
  return option(naming, {
    placeholder: naming.placeholder,
    accepts: "a path",
    parse: absolutePath,
    check: () => true,
    show: (value) => value,
  });
}

/** Returns an option whose value is a path, or undefined for the word `none`. */
export function optionalPathOption(
  naming: Naming & { readonly default: string; readonly placeholder: string },
): Option<string | undefined> {
  return optional(
    option(naming, {
      placeholder: naming.placeholder,
      accepts: `a path, or "${noneWord}"`,
      parse: absolutePath,
      check: () => true,
      show: (value) => value,
    }),
  );
}

/**
 * Returns an option whose value is a list of absolute paths. The word `none` is the empty list, and
 * undefined means that the option is not set.
 */
export function pathListOption(
  naming: Naming & { readonly default: string; readonly placeholder: string },
): Option<readonly string[] | undefined> {
  const inner = option<readonly string[]>(naming, {
    placeholder: naming.placeholder,
    accepts: `absolute paths (as a flag once for each, in the environment with colons between), or "${noneWord}"`,
    parse: pathList,
    check: () => true,
    show: (value) => (value.length === 0 ? noneWord : value),
  });
  // No raw value stands for an option that is not set. Callers must handle such an option
  // themselves; `show` falls back to the empty list.
  return { ...inner, repeatable: true, show: (value) => inner.show(value ?? []) };
}

/** Parses a list of paths. In the environment, a colon separates paths, as in PATH. */
function pathList(raw: RawValue): readonly string[] | undefined {
  const given = typeof raw === "string" ? raw.split(":") : raw;
  if (!Array.isArray(given)) return undefined;
  const texts = given as readonly string[];
  if (texts.length === 1 && texts[0] === noneWord) return [];
  const valid = texts.every((text) => text.startsWith("/") && !text.includes("\0"));
  return valid ? texts.map((text) => resolve(text)) : undefined;
}

/**
 * Returns an option whose value is `HOST:PORT` with an IPv6 host in brackets, or undefined for the
 * word `none`. Port 0 picks a free port.
 */
export function listenOption(
  naming: Naming & { readonly default: string },
): Option<HostPort | undefined> {
  return optional(
    option(naming, {
      placeholder: "HOST:PORT",
      accepts: `HOST:PORT with a port from 0 to 65535, or "${noneWord}"`,
      parse: (raw) => (typeof raw === "string" ? splitHostPort(raw) : undefined),
      check: () => true,
      show: formatHostPort,
    }),
  );
}

/** The address of the admin listener: a Unix socket or a TCP address. */
export type AdminAddress =
  { readonly kind: "unix"; readonly path: string } | ({ readonly kind: "tcp" } & HostPort);

/**
 * Returns an option whose value is `unix:PATH` or `HOST:PORT`, or undefined for the word `none`.
 */
export function adminListenOption(
  naming: Naming & { readonly default: string },
): Option<AdminAddress | undefined> {
  return optional(
    option<AdminAddress>(naming, {
      placeholder: "ADDRESS",
      accepts: `unix:PATH, HOST:PORT with a port from 0 to 65535, or "${noneWord}"`,
      parse: (raw) => (typeof raw === "string" ? adminAddress(raw) : undefined),
      check: () => true,
      show: (value) => (value.kind === "unix" ? `unix:${value.path}` : formatHostPort(value)),
    }),
  );
}

function adminAddress(text: string): AdminAddress | undefined {
  if (text.startsWith("unix:")) {
    const path = absolutePath(text.slice("unix:".length));
    return path === undefined ? undefined : { kind: "unix", path };
  }
  const address = splitHostPort(text);
  return address === undefined ? undefined : { kind: "tcp", ...address };
}

function optional<T>(inner: Option<T>): Option<T | undefined> {
  const none = z.literal(noneWord).transform(() => undefined);
  return {
    ...inner,
    schema: z.union([none, inner.schema]),
    show: (value) => (value === undefined ? noneWord : inner.show(value)),
  };
}

function absolutePath(raw: RawValue): string | undefined {
  return typeof raw !== "string" || raw === "" || raw.includes("\0") ? undefined : resolve(raw);
}

function option<T>(
  naming: Naming & { readonly default: string },
  kind: {
    readonly placeholder: string | undefined;
    readonly accepts: string;
    readonly parse: (raw: RawValue) => T | undefined;
    readonly check: (value: T) => boolean;
    readonly show: (value: T) => RawValue;
  },
): Option<T> {
  const raw = z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]);
  const schema = raw.transform((given, context): T => {
    const value = kind.parse(given);
    if (value !== undefined && kind.check(value)) return value;
    context.addIssue({ code: "custom", message: `expected ${kind.accepts}` });
    return z.NEVER;
  });
  return {
    key: naming.key,
    flag: naming.key.replaceAll("_", "-"),
    env: `STASIS_${naming.key.toUpperCase()}`,
    placeholder: kind.placeholder,
    repeatable: false,
    doc: naming.doc,
    accepts: kind.accepts,
    defaultText: naming.default,
    schema,
    show: kind.show,
  };
}

function isScalar(raw: RawValue): raw is string | number {
  return typeof raw === "string" || typeof raw === "number";
}

function wholeNumber(raw: RawValue): number | undefined {
  if (!isScalar(raw) || raw === "") return undefined;
  const value = typeof raw === "string" && !/^\d+$/.test(raw) ? Number.NaN : Number(raw);
  return Number.isSafeInteger(value) ? value : undefined;
}

function bounds(
  naming: { readonly key: string; readonly min: string; readonly max: string },
  parse: (text: string) => number | undefined,
): [number, number] {
  const min = parse(naming.min);
  const max = parse(naming.max);
  if (min === undefined || max === undefined) throw new Error(`bounds of ${naming.key}`);
  return [min, max];
}
