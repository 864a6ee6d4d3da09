// The names in a certificate, as configurations write them: `CN=name`, `DNS:name`, `URI:uri`,
// `IP Address:1.2.3.4`, `email:who@where`.
import type { X509Certificate } from "node:crypto";

export function certificateNames(
  certificate: Pick<X509Certificate, "subject" | "subjectAltName">,
): string[] {
  return [...commonNames(certificate.subject), ...alternativeNames(certificate.subjectAltName)];
}

/** One attribute a line; an escaped value could hold a line of its own, and is left out. */
function commonNames(subject: string | undefined): string[] {
  const lines = (subject ?? "").split("\n");
  return lines.filter((line) => line.startsWith("CN=") && !line.includes("\\"));
}

/**
 * Node writes a value with a comma or a quote in it as a JSON string, so that it cannot look like
 * several (CVE-2021-44532): what is quoted is one piece, and matches no name of a configuration.
 */
function alternativeNames(text: string | undefined): string[] {
  const pieces = (text ?? "").match(/(?:"(?:[^"\\]|\\.)*"|[^",])+/g) ?? [];
  return pieces.map((piece) => piece.trim()).filter((piece) => !piece.includes('"'));
}
