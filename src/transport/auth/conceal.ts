// Hides the store's paths from callers that may not see paths of the node. Their answers contain no
// path fields. Texts of errors and of damage may contain paths, because the code that makes the
// texts does not know who reads them.
import { StoreError } from "../../base/errors.js";

export interface Conceal {
  error(error: StoreError): StoreError;
  /** Returns a response with the paths in its texts replaced. Bytes are not changed. */
  message(message: unknown): unknown;
}

/** The text that replaces the path of the store's root in an answer. */
const shownRoot = "<root>";

/** Creates the functions that replace paths. Without `root`, they change nothing. */
export function createConceal(root: string | undefined): Conceal {
  if (root === undefined) return { error: (error) => error, message: (message) => message };
  const text = (value: string): string => value.replaceAll(root, shownRoot);
  const deep = (value: unknown): unknown => {
    if (typeof value === "string") return text(value);
    if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
    if (Array.isArray(value)) return value.map(deep);
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, deep(entry)]));
  };
  return {
    error: (error) => concealError(error, text),
    message: (message) => (contains(message, root) ? deep(message) : message),
  };
}

function concealError(error: StoreError, text: (value: string) => string): StoreError {
  const { hint, metadata, fields, resource, retryAfterMs, code, cause } = error;
  const shown = Object.entries(metadata).map(([key, value]) => [key, text(value)] as const);
  return new StoreError(error.reason, text(error.message), {
    ...(hint === undefined ? {} : { hint: text(hint) }),
    ...(resource && { resource: { ...resource, name: text(resource.name) } }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    metadata: Object.fromEntries(shown),
    fields: fields.map(({ field, description }) => ({ field, description: text(description) })),
    code,
    cause,
  });
}

function contains(value: unknown, root: string): boolean {
  if (typeof value === "string") return value.includes(root);
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return false;
  return Object.values(value).some((entry) => contains(entry, root));
}
