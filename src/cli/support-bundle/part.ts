// A file of a support bundle, or the reason why it is missing.

export interface PartPlan {
  /** Its name in the bundle. */
  readonly file: string;
  readonly what: string;
  /** How to get the same in another way, if it is missing. */
  readonly instead?: string;
}

export interface Part extends PartPlan {
  /** Undefined: it is missing. */
  readonly text?: string;
  readonly missing?: string;
}

export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
