// Reads the fields that the access log and the audit log show. They have the same names in the
// messages of all services.

export type MessageFields = Readonly<Record<string, unknown>>;

/** Characters of a text of the caller in a line of a log. */
export const maxLoggedText = 256;

/** The fields of a message. None if the value is not one. */
export function fieldsOf(value: unknown): MessageFields {
  return typeof value === "object" && value !== null ? (value as MessageFields) : {};
}

/** The header of an upload, or the request itself. */
export function headerOf(message: unknown): MessageFields {
  const request = fieldsOf(message);
  const frame = fieldsOf(request["frame"]);
  return frame["case"] === "header" ? fieldsOf(frame["value"]) : request;
}
