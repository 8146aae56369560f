// What a device says of itself, as the recorder holds it against what is known:
// the same words as ui/inspect.go.

export interface Finding {
  code: string;
  level: string;
  /** interface, host, or what the device says */
  about?: string;
  /** network, question, or what is declared or known instead */
  with?: string;
  text: string;
  fix: string;
}

export interface Fact {
  name: string;
  differs?: boolean;
  claims: { source: string; value: string }[];
}

export interface Inspection {
  device: string;
  at: string;
  outcome: string;
  detail?: string;
  fix?: string;
  /** where it answered */
  address?: string;
  /** it took the account of the site file */
  signed: boolean;
  facts: Fact[];
  findings: Finding[];
  untold: { operation: string; why: string }[];
}
