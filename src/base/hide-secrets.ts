// Hides credentials in a text that leaves the node, such as a part of a support bundle. stasis
// itself does not log credentials, but other programs and libraries may log them, and a URL may
// contain them.

const hidden = "<hidden>";

/**
 * Patterns of credentials. The parts that stay are in groups. A repetition is bounded if the match
 * can still fail after it, so that no text takes long to match. This matters because callers can
 * choose some texts of the log.
 */
const patterns: readonly (readonly [pattern: RegExp, shown: string])[] = [
  // The id of a token is not secret: `stasis token ls` shows it.
  [/\b(stasis_[0-9a-f]{12}_)[A-Za-z0-9_-]{20,}/g, `$1${hidden}`],
  [/-----BEGIN [A-Z ]{0,40}PRIVATE KEY-----[^]*?(?:-----END [A-Z ]{0,40}-----|$)/g, hidden],
  // These match the query of a URL, and its user and password.
  [/\b(https?:\/\/[^\s?"'<>\\]{0,500}\?)[^\s"'<>\\]+/gi, `$1${hidden}`],
  [/\b([a-z][a-z0-9+.-]{0,20}:\/\/)[^\s/?#"'<>\\]{0,500}@/gi, `$1${hidden}@`],
  // This matches a user and a password before `HOST:PORT`. The digest of an image looks similar,
  // but stays.
  [/\b[\w.-]{1,100}:[^\s/@"'<>\\]{1,200}@(?=[\w.-]{1,250}:\d{1,5}\b)/g, `${hidden}@`],
  [/\b(bearer|basic)(?:\s|%20)[A-Za-z0-9._~+/=-]{6,}/gi, `$1 ${hidden}`],
  // This matches `password=…` and `"x-api-key": "…"`, even in JSON within JSON.
  [
    /\b((?:[a-z0-9]{1,20}[-_]){0,3}(?:authorization|password|passwd|passphrase|secret|token|api[-_]?key)\\?["']?\s{0,3}[:=]\s{0,3}\\?["']?)(?!<hidden>|bearer\b|basic\b)[^\s"',;&\\]+/gi,
    `$1${hidden}`,
  ],
];

/**
 * Returns the text without credentials. `known` contains further secrets, which are hidden wherever
 * they occur.
 */
export function hideSecrets(text: string, known: readonly string[] = []): string {
  let shown = text;
  for (const secret of known) shown = shown.replaceAll(secret, hidden);
  for (const [pattern, kept] of patterns) shown = shown.replace(pattern, kept);
  return shown;
}

const secretKey =
  /^(.*[-_])?(authorization|cookie|password|passwd|passphrase|secret|token|api[-_]?key)$/i;

/** Returns a copy of a JSON value, without the credentials in its strings. */
export function jsonWithoutSecrets(value: unknown, known: readonly string[] = []): unknown {
  const text = JSON.stringify(value, (key, entry: unknown) => {
    if (typeof entry !== "string") return entry;
    return secretKey.test(key) && entry !== "" ? hidden : hideSecrets(entry, known);
  });
  return text === undefined ? undefined : JSON.parse(text);
}

/** Returns lines of JSON without credentials. A line that is not JSON is treated as text. */
export function linesWithoutSecrets(text: string, known: readonly string[] = []): string {
  const lines = text.split("\n").map((line) => {
    if (line === "") return line;
    try {
      return JSON.stringify(jsonWithoutSecrets(JSON.parse(line), known));
    } catch {
      return hideSecrets(line, known);
    }
  });
  return lines.join("\n");
}

/**
 * Minimum length of a secret that is hidden everywhere. Shorter values occur in unrelated texts by
 * chance.
 */
const minSecretLength = 6;
/** Minimum length of a key in the path of a URL, where shorter parts are words. */
const minPathSecretLength = 16;

/**
 * Matches the names of variables that contain a credential, or a list of headers with credentials.
 */
const secretVariable = /HEADERS|TOKEN|SECRET|PASSWORD|PASSPHRASE|CREDENTIAL|API_?KEY/;
const fileVariable = /_(FILE|PATH|DIR)$/;
const urlVariable = /ENDPOINT|URL|PROXY/;

/**
 * Returns the credentials in environment variables: whole values, the values in lists `a=b,c=d`,
 * and parts of URLs. Values shorter than `minSecretLength` are left out.
 */
export function secretsIn(env: Readonly<Record<string, string | undefined>>): readonly string[] {
  const found = Object.entries(env).flatMap(([name, value = ""]) => {
    if (urlVariable.test(name)) return secretsOfUrl(value);
    return secretVariable.test(name) && !fileVariable.test(name) ? secretsOfList(value) : [];
  });
  const long = found.filter((value) => value.length >= minSecretLength);
  // The longest secrets come first, so that no part of one remains.
  return [...new Set(long)].sort((a, b) => b.length - a.length);
}

function secretsOfList(value: string): readonly string[] {
  const parts = value.split(",").map((pair) => pair.slice(pair.indexOf("=") + 1).trim());
  const both = parts.flatMap((part) => [part, decoded(part)]);
  return [value, ...both, ...both.map((part) => part.replace(/^(bearer|basic)\s+/i, ""))];
}

function secretsOfUrl(value: string): readonly string[] {
  if (!URL.canParse(value)) return [];
  const { username, password, searchParams, pathname } = new URL(value);
  const keys = pathname.split("/").filter((part) => part.length >= minPathSecretLength);
  const parts = [username, password, ...searchParams.values(), ...keys];
  return parts.flatMap((part) => [part, decoded(part)]);
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
