// What is used of the vendored package qrcode-generator.
declare module "qrcode-generator" {
  export interface QRCode {
    addData(text: string): void;
    make(): void;
    getModuleCount(): number;
    isDark(row: number, column: number): boolean;
  }
  /** type 0 is the smallest that the text fits in */
  export function qrcode(type: 0, correction: "L" | "M" | "Q" | "H"): QRCode;
}
